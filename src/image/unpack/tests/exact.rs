//! What is in an archive is on disk afterwards, as `tar` and Docker put it there.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::*;

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

/// gzip(1), RFC 8878: zeros after the last member, and frames to be skipped, mean nothing.
#[test]
fn what_surrounds_a_compressed_archive_means_nothing() {
    let plain = Tar::default().file("a", "b").end();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    let gzip = encoder.finish().unwrap();
    let padded = |count: usize| [&gzip[..], &vec![0; count]].concat();
    let frame = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let skipped = b"\x5e\x2a\x4d\x18\x03\0\0\0abc";
    let frames =
        [skipped, &frame(&plain[..700])[..], skipped, &frame(&plain[700..]), skipped].concat();
    for bytes in [padded(1), padded(600_000), frames] {
        let place = Place::new();
        let unpacked = place.unpack(&bytes).unwrap();
        assert_eq!(unpacked.diff_id, crate::image::hash::sha256(&plain));
        assert_eq!(place.read("a"), "b");
    }
    for more in [&b"more"[..], b"\0more", b"\x1f\x8b"] {
        let error = Place::new().unpack(&[&gzip[..], more].concat()).unwrap_err();
        assert!(error.to_string().contains("cannot read the archive"), "{error}");
    }
}

#[test]
fn order_and_spelling_of_names_do_not_matter() {
    let place = Place::new();
    let mut tar = Tar::default();
    tar.file("./late/dir/file", "x").file("/abs//olute", "y").file("o/old", "z");
    tar.header(&Fields { kind: b'5', path: "late/", link: "", mode: 0o710, size: 0 });
    tar.pax(&[("mtime", "-12.25"), ("gid", "7")]);
    tar.header(&Fields { kind: b'5', path: "./late/dir", link: "", mode: 0o2700, size: 0 });
    // Written again, the last one counts; what is in the directory stays.
    tar.header(&Fields { kind: b'5', path: "late", link: "", mode: 0o750, size: 0 });
    tar.file("o/.wh..wh..opq", "").file("o/.wh.old", "");
    tar.symlink("sym", "nowhere").hard_link("/again", "./sym").pax(&[("mtime", "99999999999999")]);
    tar.file("far", "");
    place.unpack(&tar.end()).unwrap();

    assert_eq!((place.read("late/dir/file"), place.read("abs/olute")), ("x".into(), "y".into()));
    assert_eq!(place.metadata("late").mode() & 0o7777, 0o750);
    let dir = place.metadata("late/dir");
    assert_eq!((dir.mode() & 0o7777, dir.gid()), (0o2700, 7));
    assert_eq!((dir.mtime(), dir.mtime_nsec()), (-13, 750_000_000));
    assert_eq!(place.xattr("o", "trusted.overlay.opaque").as_deref(), Some(&b"y"[..]));
    assert_eq!(place.read("o/old"), "z", "a layer hides nothing of its own");
    assert!(place.metadata("again").is_symlink());
    assert_eq!(place.metadata("again").ino(), place.metadata("sym").ino());
    // As far as the file system can tell.
    assert!(place.metadata("far").mtime() > 4_000_000_000);
}

/// What a global header says holds for what follows, unless an entry says otherwise (pax(1)).
#[test]
fn global_headers_hold_until_an_entry_says_otherwise() {
    let place = Place::new();
    let mut tar = Tar::default();
    tar.file("before", "").global(&[("comment", "a commit"), ("uid", "12"), ("mtime", "5")]);
    tar.file("after", "").pax(&[("uid", "13"), ("LIBARCHIVE.xattr.user.k", "dg==")]);
    tar.file("own", "").pax(&[("SCHILY.xattr.security.capability", CAPABILITY)]);
    tar.file("able", "").global(&[("uid", "14")]).file("last", "");
    place.unpack(&tar.end()).unwrap();
    let owners = ["before", "after", "own", "last"].map(|path| place.metadata(path).uid());
    assert_eq!(owners, [0, 12, 13, 14]);
    assert_eq!(["before", "last"].map(|path| place.metadata(path).mtime()), [1_000_000_000, 5]);
    let capability = place.xattr("able", "security.capability");
    assert_eq!(capability.as_deref(), Some(CAPABILITY.as_bytes()));
}

/// `cap_net_bind_service=ep` (capabilities(7): `vfs_cap_data`, version 2).
const CAPABILITY: &str = "\u{1}\0\0\u{2}\0\u{4}\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

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
    tar.pax(&[("GNU.sparse.size", "4096"), ("GNU.sparse.map", "")]).file("hole", "");
    let unpacked = place.unpack(&tar.end()).unwrap();

    assert_eq!((place.metadata("hole").len(), place.metadata("hole").blocks()), (4096, 0));
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
    // More islands than fit into a header and one block after it.
    let islands = fs::File::create(source.join("islands")).unwrap();
    for number in 0..60 {
        std::os::unix::fs::FileExt::write_all_at(&islands, b"land", number << 16).unwrap();
    }
    fs::File::create(source.join("hole")).unwrap().set_len(1 << 20).unwrap();
    fs::hard_link(source.join("link"), source.join("same")).unwrap();
    let name = CString::new("user.a").unwrap();
    rustix::fs::setxattr(source.join("sparse"), &name, b"b", rustix::fs::XattrFlags::empty())
        .unwrap();
    let dialects: [&[&str]; 5] = [
        &["--format=gnu"],
        &["--format=oldgnu"],
        &["--format=pax"],
        &["--format=pax", "--sparse-version=0.1"],
        &["--format=pax", "--sparse-version=0.0"],
    ];
    for dialect in dialects {
        let output = std::process::Command::new("tar")
            .args(["-C", &source.display().to_string(), "-S", "-c", "."])
            .args(dialect)
            .output()
            .expect("GNU tar is installed");
        let place = Place::new();
        place.unpack(&output.stdout).unwrap();
        let compared = std::process::Command::new("diff")
            .args(["-r", "--no-dereference"])
            .args([&source, &place.root()])
            .status()
            .unwrap();
        assert!(compared.success(), "{dialect:?}");
        for (path, blocks) in [("sparse", 100), ("islands", 60 * 8 + 100), ("hole", 1)] {
            assert!(place.metadata(path).blocks() < blocks, "{dialect:?}: {path}");
        }
        assert_eq!(place.metadata("link").ino(), place.metadata("same").ino(), "{dialect:?}");
    }
}
