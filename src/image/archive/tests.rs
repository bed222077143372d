//! Round trips, and archives as other tools write them.

use std::io::Read;

use serde_json::{Value, json};

use super::*;
use crate::image::store::tests::{World, world};
use crate::image::tests::{archive, imported};
use crate::image::{Reference, hash};

fn name(text: &str) -> Reference {
    text.parse().unwrap()
}

fn saved(world: &World, texts: &[&str]) -> Vec<u8> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let mut out = Vec::new();
    save(&world.store, &choose(&world.store, &texts).unwrap(), &mut out).unwrap();
    out
}

fn loaded(world: &World, bytes: &[u8]) -> crate::base::Result<Vec<Loaded>> {
    let parts = Parts::of_archive(&world.store, bytes)?;
    load(&world.store, &parts, None)
}

/// A tar archive of these files; a name that ends in `@` is a symbolic link to its content.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        match name.strip_suffix('@') {
            Some(name) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                let target = std::str::from_utf8(content).unwrap();
                builder.append_link(&mut header, name, target).unwrap();
            }
            None => {
                header.set_size(content.len() as u64);
                // As it is: `append_data` would refuse a hostile path.
                header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
                header.set_cksum();
                builder.append(&header, *content).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| hash::sha256(layer)).collect();
    let rootfs = json!({"type": "layers", "diff_ids": diff_ids});
    json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).to_string().into_bytes()
}

#[test]
fn what_was_saved_is_loaded_with_its_names() {
    let (one, other) = (world(), world());
    let app = imported(&one, &name("team/app:1"), 50_000);
    one.store.tag("team/app:1", &name("team/app:2")).unwrap();
    imported(&one, &name("base"), 10);

    let bytes = saved(&one, &["team/app", "base:latest"]);
    let images = loaded(&other, &bytes).unwrap();

    assert_eq!(images.len(), 2);
    assert_eq!(images[0].image.id, app.id);
    assert_eq!(images[0].names, [name("team/app:1"), name("team/app:2")]);
    assert_eq!(saved(&other, &["team/app", "base:latest"]), bytes, "nothing was lost");
    assert_eq!(other.staged(), 0);
}

#[test]
fn compressed_archives_and_directories_are_read_too() {
    let one = world();
    let id = imported(&one, &name("app:1"), 1000).id;
    let bytes = saved(&one, &[id.short()]);
    let dir = tempfile::tempdir().unwrap();
    tar::Archive::new(&bytes[..]).unpack(dir.path()).unwrap();
    let mut gzip = Vec::new();
    let mut encoder = flate2::read::GzEncoder::new(&bytes[..], flate2::Compression::fast());
    encoder.read_to_end(&mut gzip).unwrap();

    for compressed in [gzip, zstd::encode_all(&bytes[..], 1).unwrap()] {
        let images = loaded(&world(), &compressed).unwrap();
        assert_eq!((images.len(), &images[0].image.id, images[0].names.len()), (1, &id, 0));
    }
    let other = world();
    let images = load(&other.store, &Parts::of_directory(dir.path()), None).unwrap();
    assert_eq!(images[0].image.id, id);
}

#[test]
fn archives_of_older_docker_share_layers_by_links() {
    let layer = archive(&[("bin/sh", 10)]);
    let config = config(&[&layer, &layer]);
    let list = json!([{
        "Config": "c.json", "RepoTags": ["old:1"], "Layers": ["a/layer.tar", "b/layer.tar"]
    }]);
    let bytes = tar_of(&[
        ("b/layer.tar@", b"../a/layer.tar"),
        ("./a/layer.tar", &layer),
        ("c.json", &config),
        ("manifest.json", list.to_string().as_bytes()),
    ]);
    let world = world();
    let images = loaded(&world, &bytes).unwrap();
    assert_eq!(images[0].image.id, hash::sha256(&config));
    assert_eq!(world.store.list().unwrap()[0].tags, ["old:1"]);
}

#[test]
fn damage_and_malice_are_told_apart_from_images() {
    let layer = archive(&[("bin/sh", 10)]);
    let good = config(&[&layer]);
    let wrong = config(&[b"something else"]);
    let list = |config: &str, layers: Value| {
        json!([{"Config": config, "RepoTags": null, "Layers": layers}]).to_string()
    };
    for (files, message) in [
        (vec![("x", &b"y"[..])], "not an archive of images"),
        (vec![("manifest.json", &b"{"[..])], "cannot be read"),
        (vec![("../x", &b"y"[..])], "outside of itself"),
        (vec![("manifest.json", list("c", json!([])).as_bytes())], "`c` is missing"),
        (
            vec![("c", &good[..]), ("manifest.json", list("c", json!(["/../l"])).as_bytes())],
            "is missing",
        ),
        (
            vec![("c", &good[..]), ("manifest.json", list("c", json!([])).as_bytes())],
            "the archive has 0 layers, the configuration 1",
        ),
        (
            vec![
                ("c", &wrong[..]),
                ("l", &layer[..]),
                ("manifest.json", list("c", json!(["l"])).as_bytes()),
            ],
            "is wrong",
        ),
    ] {
        let world = world();
        let error = loaded(&world, &tar_of(&files)).unwrap_err();
        assert!(error.to_string().contains(message), "{error} / {message}");
        assert_eq!((world.staged(), world.store.list().unwrap().len()), (0, 0), "{message}");
    }
}
