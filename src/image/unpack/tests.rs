//! Archives, good and evil, unpacked for real.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::*;

/// Writes archives header by header, so that they can be wrong.
#[derive(Default)]
struct Tar(Vec<u8>);

/// An entry's header fields.
struct Fields<'a> {
    kind: u8,
    path: &'a str,
    link: &'a str,
    mode: u32,
    size: u64,
}

impl Tar {
    fn header(&mut self, fields: &Fields<'_>) -> &mut Tar {
        let mut header = tar::Header::new_ustar();
        let bytes = header.as_mut_bytes();
        bytes[..fields.path.len()].copy_from_slice(fields.path.as_bytes());
        bytes[157..157 + fields.link.len()].copy_from_slice(fields.link.as_bytes());
        bytes[156] = fields.kind;
        header.set_mode(fields.mode);
        header.set_size(fields.size);
        header.set_mtime(1_000_000_000);
        header.set_uid(0);
        header.set_gid(0);
        if matches!(fields.kind, b'3' | b'4') {
            header.set_device_major(1).unwrap();
            header.set_device_minor(3).unwrap();
        }
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self
    }

    fn data(&mut self, content: &[u8]) -> &mut Tar {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(&mut self, path: &str, content: &str) -> &mut Tar {
        let size = content.len() as u64;
        self.header(&Fields { kind: b'0', path, link: "", mode: 0o644, size });
        self.data(content.as_bytes())
    }

    fn entry(&mut self, kind: u8, path: &str, link: &str) -> &mut Tar {
        self.header(&Fields { kind, path, link, mode: 0o755, size: 0 })
    }

    fn dir(&mut self, path: &str) -> &mut Tar {
        self.entry(b'5', path, "")
    }

    fn symlink(&mut self, path: &str, to: &str) -> &mut Tar {
        self.entry(b'2', path, to)
    }

    fn hard_link(&mut self, path: &str, to: &str) -> &mut Tar {
        self.entry(b'1', path, to)
    }

    fn pax(&mut self, records: &[(&str, &str)]) -> &mut Tar {
        let mut content = String::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length =
                (1..).map(|digits| rest + digits).find(|l| l.to_string().len() + rest == *l);
            content += &format!("{} {key}={value}\n", length.unwrap());
        }
        let size = content.len() as u64;
        self.header(&Fields { kind: b'x', path: "pax", link: "", mode: 0o644, size });
        self.data(content.as_bytes())
    }

    fn end(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.extend_from_slice(&[0; 1024]);
        bytes
    }
}

/// A layer directory with a canary beside it that no archive may touch.
struct Place {
    dir: tempfile::TempDir,
}

const CANARY: &str = "sing";

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/canary"), CANARY).unwrap();
        Place { dir }
    }

    fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("root")
    }

    fn unpack(&self, bytes: &[u8]) -> Result<Unpacked> {
        unpack(&mut &bytes[..], &self.root(), &Limits::default(), |_| Ok(()))
    }

    /// What is outside is as it was.
    fn is_intact(&self) -> bool {
        let outside = self.dir.path().join("outside");
        let canary = fs::metadata(outside.join("canary")).unwrap();
        fs::read_to_string(outside.join("canary")).unwrap() == CANARY
            && (canary.nlink(), canary.mode() & 0o777) == (1, 0o644)
            && fs::metadata(&outside).unwrap().mode() & 0o777 == 0o755
            && fs::read_dir(&outside).unwrap().count() == 1
            && fs::read_dir(self.dir.path()).unwrap().count() == 2
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    fn metadata(&self, path: &str) -> fs::Metadata {
        fs::symlink_metadata(self.root().join(path)).unwrap()
    }

    fn xattr(&self, path: &str, name: &str) -> Option<Vec<u8>> {
        let mut value = vec![0; 64];
        let count = rustix::fs::lgetxattr(self.root().join(path), name, &mut value[..]).ok()?;
        value.truncate(count);
        Some(value)
    }
}

#[test]
fn a_layer_is_unpacked_exactly() {
    let place = Place::new();
    let mut tar = Tar::default();
    tar.dir("./").dir("etc/").file("etc/passwd", "root").hard_link("etc/again", "etc/passwd");
    tar.symlink("etc/link", "passwd").entry(b'6', "pipe", "");
    tar.pax(&[("mtime", "12.5"), ("uid", "70000"), ("SCHILY.xattr.user.k", "v")]);
    tar.header(&Fields { kind: b'0', path: "bin/su", link: "", mode: 0o4755, size: 2 }).data(b"su");
    tar.header(&Fields { kind: b'5', path: "tmp", link: "", mode: 0o1777, size: 0 });
    let bytes = tar.end();
    let unpacked = place.unpack(&bytes).unwrap();

    assert_eq!(unpacked.diff_id, crate::image::hash::sha256(&bytes));
    assert_eq!((unpacked.size, unpacked.compression), (6, Compression::Plain));
    assert_eq!(place.read("etc/link"), "root");
    assert_eq!(place.metadata("etc/again").ino(), place.metadata("etc/passwd").ino());
    assert_eq!(place.metadata("etc").mtime(), 1_000_000_000);
    assert_eq!(place.metadata("etc/link").mtime(), 1_000_000_000);
    assert!(place.metadata("pipe").file_type().is_fifo());
    let su = place.metadata("bin/su");
    assert_eq!(
        (su.mode() & 0o7777, su.uid(), su.mtime(), su.mtime_nsec()),
        (0o4755, 70000, 12, 500_000_000)
    );
    assert_eq!(place.xattr("bin/su", "user.k").as_deref(), Some(&b"v"[..]));
    assert_eq!(place.metadata("bin").mode() & 0o7777, 0o755, "a parent without an entry");
    assert_eq!(place.metadata("tmp").mode() & 0o7777, 0o1777);
}

#[test]
fn compressed_archives_have_the_same_diff_id() {
    let plain = Tar::default().file("a", "b").end();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let members = [gzip(&plain[..700]), gzip(&plain[700..])].concat();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    for (bytes, compression) in [(members, Compression::Gzip), (zstd, Compression::Zstd)] {
        let place = Place::new();
        let unpacked = place.unpack(&bytes).unwrap();
        assert_eq!(unpacked.diff_id, crate::image::hash::sha256(&plain));
        assert_eq!((unpacked.compression, place.read("a")), (compression, "b".to_owned()));
        for length in 0..bytes.len() - 1 {
            assert!(Place::new().unpack(&bytes[..length]).is_err() || length == 0, "{length}");
        }
    }
}

#[test]
fn whiteouts_become_overlays_own() {
    let place = Place::new();
    let mut tar = Tar::default();
    tar.dir("d").file("d/.wh.gone", "").dir("o").file("o/.wh..wh..opq", "").file("o/new", "x");
    tar.file("kept", "k").file(".wh.kept", "");
    tar.file(".wh.again", "").dir("again");
    tar.dir("later").file(".wh.later", "");
    tar.file(".wh.deep", "").file("deep/file", "x").file(".wh..wh.plnk", "");
    place.unpack(&tar.end()).unwrap();

    let gone = place.metadata("d/gone");
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    for path in ["o", "again", "later", "deep"] {
        let opaque = place.xattr(path, "trusted.overlay.opaque");
        assert_eq!(opaque.as_deref(), Some(&b"y"[..]), "{path}");
    }
    assert_eq!(place.xattr("d", "trusted.overlay.opaque"), None);
    assert_eq!((place.read("kept"), place.read("deep/file")), ("k".to_owned(), "x".to_owned()));
    assert_eq!(fs::read_dir(place.root()).unwrap().count(), 6);
}

#[test]
fn later_entries_replace_earlier_ones() {
    let place = Place::new();
    let mut tar = Tar::default();
    tar.file("a", "1").file("a", "2").dir("b").file("b/x", "").file("b", "file");
    tar.symlink("c", "a").file("c", "own").symlink("d", "e").dir("d").file("d/f", "deep");
    tar.hard_link("a", "a").file("t", "t").hard_link("a2", "a").hard_link("a2", "t");
    place.unpack(&tar.end()).unwrap();
    assert_eq!(
        (place.read("a"), place.read("b"), place.read("c")),
        ("2".into(), "file".into(), "own".into())
    );
    assert!(place.metadata("d").is_dir());
    assert_eq!((place.read("d/f"), place.read("a2")), ("deep".into(), "t".into()));
    assert_eq!(place.metadata("t").nlink(), 2);
}

#[test]
fn links_of_the_layer_itself_are_followed_within_it() {
    let place = Place::new();
    let mut tar = Tar::default();
    tar.dir("usr").dir("usr/bin").symlink("bin", "usr/bin").file("bin/sh", "sh");
    tar.symlink("abs", "/usr/bin")
        .file("abs/ls", "ls")
        .symlink("up", "../../usr")
        .file("up/x", "x");
    place.unpack(&tar.end()).unwrap();
    assert_eq!(
        place.read("usr/bin/sh") + &place.read("usr/bin/ls") + &place.read("usr/x"),
        "shlsx"
    );
    assert!(place.is_intact());
}

#[test]
fn sparse_files_keep_their_holes() {
    let place = Place::new();
    let mut tar = Tar::default();
    tar.pax(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "s"),
        ("GNU.sparse.realsize", "1000000"),
    ]);
    let map = "2\n4096\n3\n999998\n2\n";
    let size = 512 + 5;
    tar.header(&Fields { kind: b'0', path: "GNUSparseFile/s", link: "", mode: 0o644, size });
    tar.data(map.as_bytes()).data(b"abcyz");
    tar.pax(&[("GNU.sparse.size", "10"), ("GNU.sparse.map", "8,2")]);
    tar.header(&Fields { kind: b'0', path: "t", link: "", mode: 0o644, size: 2 }).data(b"zz");
    let unpacked = place.unpack(&tar.end()).unwrap();

    let content = fs::read(place.root().join("s")).unwrap();
    assert_eq!(
        (content.len(), &content[4096..4099], &content[999_998..]),
        (1_000_000, &b"abc"[..], &b"yz"[..])
    );
    assert!(content[..4096].iter().all(|byte| *byte == 0));
    assert!(place.metadata("s").blocks() * 512 < 100_000);
    assert_eq!(place.read("t"), "\0\0\0\0\0\0\0\0zz");
    assert_eq!(unpacked.size, 7);
}

/// Each archive is refused, or does no harm; nothing outside the layer changes.
#[test]
fn evil_archives_stay_inside() {
    let outside = "../outside";
    let absolute_outside = |place: &Place| place.dir.path().join("outside").display().to_string();
    type Evil = (&'static str, fn(&mut Tar, &str, &str));
    let corpus: &[Evil] = &[
        ("CVE-2020-10696 climbing name", |t, up, _| {
            t.file(&format!("{up}/x"), "evil");
        }),
        ("climbing in the middle", |t, up, _| {
            t.dir("a").file(&format!("a/../{up}/x"), "evil");
        }),
        ("absolute name", |t, _, abs| {
            t.file(&format!("{abs}/canary"), "evil");
        }),
        ("CVE-2021-3762 link, then a file through it", |t, up, _| {
            t.symlink("l", up).file("l/canary", "evil");
        }),
        ("absolute link, then a file through it", |t, _, abs| {
            t.symlink("l", abs).file("l/canary", "evil");
        }),
        ("link to /, then a file through it", |t, _, abs| {
            t.symlink("l", "/").file(&format!("l{abs}/canary"), "evil");
        }),
        ("chain of links", |t, up, _| {
            t.symlink("a", ".").symlink("a/b", up).file("b/canary", "evil");
        }),
        ("CVE-2014-6407 hard link outside", |t, up, _| {
            t.hard_link("h", &format!("{up}/canary")).file("h", "evil");
        }),
        ("absolute hard link", |t, _, abs| {
            t.hard_link("h", &format!("{abs}/canary")).file("h", "evil");
        }),
        ("hard link through a link", |t, up, _| {
            t.symlink("l", up).hard_link("h", "l/canary").file("h", "evil");
        }),
        ("hard link to a link, then written", |t, up, _| {
            t.symlink("l", &format!("{up}/canary")).hard_link("h", "l").file("h", "evil");
        }),
        ("RUSTSEC-2018-0002 link, then file of the name", |t, up, _| {
            t.symlink("x", &format!("{up}/canary")).file("x", "evil");
        }),
        ("CVE-2026-33056 directory over a link, mode 0777", |t, up, _| {
            t.symlink("d", up).header(&Fields {
                kind: b'5',
                path: "d",
                link: "",
                mode: 0o777,
                size: 0,
            });
        }),
        ("directory becomes a link before its mode is set", |t, up, _| {
            t.header(&Fields { kind: b'5', path: "d", link: "", mode: 0o777, size: 0 })
                .symlink("d", up);
        }),
        ("whiteout climbing", |t, up, _| {
            t.file(&format!("{up}/.wh.canary"), "");
        }),
        ("whiteout through a link", |t, up, _| {
            t.symlink("l", up).file("l/.wh.canary", "");
        }),
        ("whiteout of ..", |t, _, _| {
            t.dir("a").file("a/.wh...", "");
        }),
        ("whiteout of .", |t, _, _| {
            t.dir("a").file("a/.wh..", "");
        }),
        ("whiteout of nothing", |t, _, _| {
            t.file(".wh.", "");
        }),
        ("opaque mark through a link", |t, up, _| {
            t.symlink("l", up).file("l/.wh..wh..opq", "");
        }),
        ("opaque mark as a directory", |t, _, _| {
            t.dir(".wh..wh..opq").file(".wh..wh..opq/x", "evil");
        }),
        ("link named as a whiteout", |t, up, _| {
            t.symlink(".wh.x", up).file("x/canary", "evil");
        }),
        ("device with the name of a parent", |t, _, _| {
            t.entry(b'3', "p", "").file("p/x", "evil");
        }),
        ("file with the name of a parent", |t, _, _| {
            t.file("p", "").file("p/x", "evil");
        }),
        ("root becomes a link", |t, up, _| {
            t.symlink("./", up).file("canary", "evil");
        }),
        ("root becomes a file", |t, _, _| {
            t.file(".", "evil");
        }),
        ("hard link to the root", |t, _, _| {
            t.hard_link("h", "/");
        }),
        ("hard link to nothing", |t, _, _| {
            t.hard_link("h", "nothing");
        }),
        ("hard link to a directory", |t, _, _| {
            t.dir("d").hard_link("h", "d");
        }),
        ("long name climbing (pax)", |t, up, _| {
            t.pax(&[("path", &format!("{up}/canary"))]).file("ok", "evil");
        }),
        ("long link absolute (pax)", |t, _, abs| {
            t.pax(&[("linkpath", abs)]).symlink("l", "ok").file("l/canary", "evil");
        }),
        ("overlay redirect", |t, _, abs| {
            t.pax(&[("SCHILY.xattr.trusted.overlay.redirect", abs)]).dir("d");
        }),
        ("procfs link", |t, up, _| {
            t.symlink("l", &format!("/proc/self/cwd/{up}")).file("l/canary", "evil");
        }),
        ("name with a newline and no UTF-8", |t, _, _| {
            t.file("a\nb\u{fffd}", "fine");
        }),
        ("loop of links", |t, _, _| {
            t.symlink("a", "b").symlink("b", "a").file("a/x", "evil");
        }),
        ("link to itself as a parent", |t, _, _| {
            t.symlink("a", "a").file("a/x", "evil");
        }),
        ("set-id directory through a link", |t, up, _| {
            t.symlink("l", up).header(&Fields {
                kind: b'5',
                path: "l/sub",
                link: "",
                mode: 0o6777,
                size: 0,
            });
        }),
    ];
    for (name, build) in corpus {
        let place = Place::new();
        let mut tar = Tar::default();
        build(&mut tar, outside, &absolute_outside(&place));
        let result = place.unpack(&tar.end());
        assert!(place.is_intact(), "{name}: {result:?}");
    }
}

#[test]
fn ambiguous_and_damaged_archives_are_refused() {
    let header = |kind, path, size| {
        let mut tar = Tar::default();
        tar.header(&Fields { kind, path, link: "x", mode: 0o644, size });
        tar
    };
    let mut cases: Vec<(&str, Vec<u8>, &str)> = Vec::new();
    let mut case = |name, tar: &Tar, message| cases.push((name, tar.end(), message));
    // CVE-2025-62518: the size of the extended header decides where the next entry begins.
    let mut smuggled = Tar::default();
    let inner = Tar::default().file("evil", "evil").end();
    smuggled.pax(&[("size", &inner.len().to_string())]);
    smuggled
        .header(&Fields { kind: b'0', path: "outer", link: "", mode: 0o644, size: 0 })
        .data(&inner);
    let place = Place::new();
    place.unpack(&smuggled.end()).unwrap();
    assert!(!place.root().join("evil").exists(), "an entry was smuggled in");

    case("two sizes of a link", header(b'2', "l", 512).data(b"x"), "has content");
    case("directory with content", header(b'5', "d", 512).data(b"x"), "has content");
    case("unknown kind", &header(b'Z', "z", 0), "unknown kind");
    case("multi-volume", &header(b'M', "m", 0), "unknown kind");
    case(
        "extended header at the end",
        Tar::default().pax(&[("path", "x")]),
        "after an extended header",
    );
    case(
        "two extended headers",
        Tar::default().pax(&[("path", "x")]).pax(&[("path", "y")]),
        "two extended headers",
    );
    case("CVE-2025-58183 huge extended header", &header(b'x', "p", 2 << 20), "larger than 1 MiB");
    case("huge long name", &header(b'L', "p", 1 << 40), "larger than 1 MiB");
    case("owner -1", Tar::default().pax(&[("uid", "4294967295")]).file("a", ""), "no user");
    case(
        "overlapping sparse regions",
        Tar::default()
            .pax(&[("GNU.sparse.size", "10"), ("GNU.sparse.map", "4,2,0,2")])
            .file("a", "aabb"),
        "overlap",
    );
    case(
        "sparse regions larger than the data",
        Tar::default()
            .pax(&[("GNU.sparse.size", "100"), ("GNU.sparse.map", "0,90")])
            .file("a", "aa"),
        "another size",
    );
    cases.push(("not an archive", vec![b'x'; 2048], "not a tar archive"));
    let mut lone = Tar::default().file("a", "").0.clone();
    lone.extend_from_slice(&[0; 512]);
    lone.extend_from_slice(&Tar::default().file("b", "").0);
    cases.push(("lone zero block", lone, "half an end mark"));
    for (name, bytes, message) in cases {
        let error = Place::new().unpack(&bytes).unwrap_err().to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
    let whole = Tar::default().file("a", &"x".repeat(1000)).end();
    for length in (1..1535).step_by(7) {
        let error = Place::new().unpack(&whole[..length]).unwrap_err().to_string();
        assert!(error.contains("cut off"), "{length}: {error}");
    }
}

#[test]
fn bombs_are_stopped() {
    let limits = Limits { inflated: 1 << 20, ..Limits::default() };
    let zeros =
        zstd::encode_all(&Tar::default().file("z", &"\0".repeat(3 << 20)).end()[..], 1).unwrap();
    let place = Place::new();
    let error = unpack(&mut &zeros[..], &place.root(), &limits, |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");

    let many = Limits { entries: 2, ..Limits::default() };
    let three = Tar::default().dir("a").dir("b").dir("c").end();
    let error = unpack(&mut &three[..], &Place::new().root(), &many, |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("more than 2 entries"), "{error}");

    assert!(Limits::default().check_inflated(10, 10_000_000_000).is_err());
    assert!(Limits::default().check_inflated(1 << 20, 900 << 20).is_ok());
    assert!(Limits::default().check_inflated(1, 1 << 20).is_ok());
}

#[test]
fn a_gnu_archive_unpacks_as_tar_itself_does() {
    let place = Place::new();
    let source = place.dir.path().join("source");
    let deep = source.join("d".repeat(120)).join("e".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "deep").unwrap();
    std::os::unix::fs::symlink("x".repeat(150), source.join("link")).unwrap();
    let sparse = fs::File::create(source.join("sparse")).unwrap();
    sparse.set_len(1 << 22).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", 4_000_000).unwrap();
    let name = CString::new("user.a").unwrap();
    rustix::fs::setxattr(source.join("sparse"), &name, b"b", rustix::fs::XattrFlags::empty())
        .unwrap();
    for format in ["gnu", "pax", "oldgnu"] {
        let output = std::process::Command::new("tar")
            .args([
                "-C",
                &source.display().to_string(),
                &format!("--format={format}"),
                "-S",
                "-c",
                ".",
            ])
            .output()
            .expect("GNU tar is installed");
        let place = Place::new();
        place.unpack(&output.stdout).unwrap();
        let compared = std::process::Command::new("diff")
            .args(["-r", "--no-dereference"])
            .args([&source, &place.root()])
            .status()
            .unwrap();
        assert!(compared.success(), "{format}");
        assert!(place.metadata("sparse").blocks() < 100, "{format}");
    }
}
