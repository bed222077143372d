//! Archives that want more than to be unpacked.

use super::*;

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
