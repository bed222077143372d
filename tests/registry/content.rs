//! Configurations and layers whose content is wrong, hostile or merely unusual.

use std::io::Write;

use compose::image::hash;
use serde_json::json;

use crate::scenario::*;
use crate::server::Reply;

#[test]
fn layers_that_are_no_archives() {
    let small = tar(&[("a", b"1")]);
    let cut = &small[..700];
    let mut broken = gzip(&small);
    let at = broken.len() / 2;
    broken[at] ^= 0xff;
    for (name, layer, words) in [
        ("no gzip inside", gzip(b"nothing"), "archive"),
        ("cut off inside", gzip(cut), "archive"),
        ("damaged inside", broken, ""),
        ("damaged xz", b"\xfd7zXZ\0rest of it".to_vec(), ""),
        ("damaged bzip2", b"BZh9rest of it".to_vec(), ""),
    ] {
        let mut image = Image::of(&small, gzip, LAYER_GZIP);
        image.manifest = manifest(&image.config, &[descriptor(LAYER_GZIP, &layer)]);
        image.layer = layer;
        check(name, &image, |_| None, Ends::Badly(words));
    }
}

#[test]
fn hostile_archives() {
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let climbing = Image::of(&tar(&[("../../etc/passwd", b"x")]), gzip, LAYER_GZIP);
    check("out of the root", &climbing, |_| None, Ends::Badly("leads out of it"));
    // What gzip can do at most, 1032 bytes for one, is allowed: zeros are no attack.
    let bomb = Image::of(&vec![0; 200 << 20], zstd, "application/vnd.oci.image.layer.v1.tar+zstd");
    check("a bomb", &bomb, |_| None, Ends::Badly("archive"));
}

#[test]
fn layers_of_another_image() {
    let mut image = Image::usual();
    let other = gzip(&tar(&[("other", b"1")]));
    image.manifest = manifest(&image.config, &[descriptor(LAYER_GZIP, &other)]);
    image.layer = other;
    check("a wrong diff id", &image, |_| None, Ends::Badly("does not contain what"));
}

/// As with Docker's overlay2 and Podman: a layer's files are its own, whatever lies below it.
#[test]
fn hard_links_to_files_of_other_layers() {
    let below = tar(&[("dir/file", b"1")]);
    for target in ["dir/file", "dir"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        header.set_mode(0o644);
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_link(&mut header, "link", target).unwrap();
        let above = builder.into_inner().unwrap();
        let archives = [&below, &above];
        let blobs = archives.map(|archive| gzip(archive));
        let config = config(&archives.map(|archive| hash::sha256(archive)));
        let listed = blobs.each_ref().map(|blob| descriptor(LAYER_GZIP, blob));
        let manifest = manifest(&config, &listed);
        let image = Image { config, layer: blobs[1].clone(), manifest };
        let path = blob_path(&blobs[0]);
        let script = move |request: &crate::server::Request| {
            (request.path == path).then(|| part(&blobs[0], request))
        };
        let words =
            format!("cannot unpack /link, a link to /{target}, which is not in the archive");
        check("a link", &image, script, Ends::Badly(Box::leak(words.into_boxed_str())));
    }
}

/// What a program makes of some bytes.
fn piped(program: &str, bytes: &[u8]) -> Vec<u8> {
    use std::process::{Command, Stdio};
    let mut command = Command::new(program);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn every_compression_by_its_first_bytes() {
    let archive = tar(&[("bin/sh", &noise(5000))]);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let plain = |bytes: &[u8]| bytes.to_vec();
    let two_members = |bytes: &[u8]| [gzip(&bytes[..1000]), gzip(&bytes[1000..])].concat();
    let oci = |end: &str| format!("application/vnd.oci.image.layer.v1.tar{end}");
    for (name, image) in [
        ("zstd", Image::of(&archive, zstd, &oci("+zstd"))),
        ("zstd called gzip", Image::of(&archive, zstd, LAYER_GZIP)),
        ("plain", Image::of(&archive, plain, &oci(""))),
        ("plain called gzip", Image::of(&archive, plain, LAYER_GZIP)),
        ("xz called gzip", Image::of(&archive, |bytes| piped("xz", bytes), LAYER_GZIP)),
        ("bzip2 called gzip", Image::of(&archive, |bytes| piped("bzip2", bytes), LAYER_GZIP)),
        ("several members", Image::of(&archive, two_members, LAYER_GZIP)),
        (
            "of Docker",
            Image::of(&archive, gzip, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        ),
        (
            "foreign",
            Image::of(&archive, gzip, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
        ),
    ] {
        check(name, &image, |_| None, Ends::Well);
    }
}

#[test]
fn one_layer_twice_is_fetched_once() {
    let archive = tar(&[("bin/sh", &noise(5000))]);
    let diff_id = hash::sha256(&archive);
    let mut image = Image::of(&archive, gzip, LAYER_GZIP);
    image.config = config(&[diff_id.clone(), diff_id]);
    let layer = descriptor(LAYER_GZIP, &image.layer);
    image.manifest = manifest(&image.config, &[layer.clone(), layer]);
    let server = check("twice", &image, |_| None, Ends::Well);
    let path = image.layer_path();
    assert_eq!(server.requests().iter().filter(|it| it.path == path).count(), 1);
}

/// claircore-10517, incus-35527: no request goes where a manifest says.
#[test]
fn addresses_in_manifests_are_not_followed() {
    let mut image = Image::usual();
    let mut layer = descriptor(LAYER_GZIP, &image.layer);
    layer["urls"] = json!(["http://127.0.0.1:1/secret"]);
    image.manifest = manifest(&image.config, &[layer]);
    check("urls", &image, |_| None, Ends::Well);
}

#[test]
fn configurations() {
    let image = Image::usual();
    let mut longer = image.config.clone();
    longer.write_all(b" ").unwrap();
    let path = image.config_path();
    for (name, reply, words) in [
        ("missing", Reply::new(404, ""), ""),
        ("another", Reply::new(200, vec![b' '; image.config.len()]), "something else"),
        ("longer", Reply::new(200, longer), ""),
        ("shorter", Reply::new(200, &image.config[..10]), ""),
    ] {
        let path = path.clone();
        let name = format!("configuration: {name}");
        let script =
            move |request: &crate::server::Request| (request.path == path).then(|| reply.clone());
        check(&name, &image, script, Ends::Badly(words));
    }
    for (name, content) in [("garbage", &b"\0"[..]), ("a list", b"[]"), ("empty", b"")] {
        let mut image = Image::usual();
        image.config = content.to_vec();
        image.manifest = manifest(&image.config, &[descriptor(LAYER_GZIP, &image.layer)]);
        check(&format!("configuration: {name}"), &image, |_| None, Ends::Badly(""));
    }
}
