//! Tests of the store as a whole.

use super::*;
use crate::image::store::layers::Begun;
use crate::resource::ImageConfig;

/// A store in a directory of its own.
pub struct World {
    _dir: tempfile::TempDir,
    /// The store.
    pub store: Store,
}

impl World {
    /// How many things lie in the staging directory.
    pub fn staged(&self) -> usize {
        std::fs::read_dir(self.store.paths.staging()).unwrap().count()
    }
}

/// An empty store.
pub fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let (data, run) = (dir.path().join("data"), dir.path().join("run"));
    let roots = Roots::open(|name| match name {
        "COMPOSE_DATA_ROOT" => Some(data.clone()),
        "COMPOSE_RUN_ROOT" => Some(run.clone()),
        _ => None,
    });
    World { store: Store::open(&roots.unwrap()).unwrap(), _dir: dir }
}

fn add_layer(store: &Store, content: &str) -> Digest {
    let diff_id = hash::sha256(content.as_bytes());
    match store.begin_layer(&diff_id).unwrap() {
        Begun::Present(_) => {}
        Begun::New(layer) => {
            std::fs::write(layer.files().join("file"), content).unwrap();
            let record = LayerRecord { size: content.len() as u64, blob: None };
            store.add_layer(&layer, &diff_id, &record).unwrap();
        }
    }
    diff_id
}

fn add_image(store: &Store, layers: &[&str], name: &str) -> Image {
    let document = config::Document {
        author: String::new(),
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        diff_ids: layers.iter().map(|content| add_layer(store, content)).collect(),
        config: ImageConfig { cmd: vec!["sh".to_owned()], ..ImageConfig::default() },
        ..config::Document::default()
    };
    let id = store.keep_blob(&config::print(&document)).unwrap();
    store.publish(&id, None, &[name.parse().unwrap()]).unwrap()
}

#[test]
fn a_published_image_is_found_with_its_layers_topmost_first() {
    let World { store, _dir } = world();
    let image = add_image(&store, &["base", "top"], "app");
    assert_eq!((image.tags.as_slice(), image.size), (&["app:latest".to_owned()][..], 7));

    let found = store.find("app").unwrap().unwrap();
    assert_eq!(found, image);
    let files: Vec<_> = store
        .lower_dirs(&found)
        .iter()
        .map(|dir| std::fs::read_to_string(dir.join("file")).unwrap())
        .collect();
    assert_eq!(files, ["top", "base"]);
    assert_eq!(store.list().unwrap(), [image]);
}

#[test]
fn removing_an_image_keeps_layers_that_others_share() {
    let World { store, _dir } = world();
    let one = add_image(&store, &["base", "one"], "one");
    let two = add_image(&store, &["base", "two"], "two");
    let removed = store.remove("one", false, &Usage::default()).unwrap();

    let chain = super::super::chain::ids(&one.diff_ids);
    assert_eq!(
        removed,
        [
            Removed::Untagged("one:latest".to_owned()),
            Removed::Deleted(one.id.clone()),
            Removed::Deleted(chain[1].clone()),
        ]
    );
    assert!(store.lower_dirs(&two).iter().all(|dir| dir.join("file").exists()));
    assert!(!store.paths.layer(&one.diff_ids[1]).exists());
    assert!(!store.paths.blob(&one.id).exists());
}

#[test]
fn nothing_is_deleted_while_pinned_or_used_by_containers() {
    let World { store, _dir } = world();
    let one = add_image(&store, &["one"], "one");
    let pin = store.pin().unwrap();
    store.remove("one", false, &Usage::default()).unwrap();
    assert!(store.paths.layer_files(&one.diff_ids[0]).exists());
    drop(pin);

    let usage = Usage { layers: one.diff_ids.iter().cloned().collect(), ..Usage::default() };
    store.prune(false, &usage, |_| false).unwrap();
    assert!(store.paths.layer_files(&one.diff_ids[0]).exists());

    let reclaimed = store.prune(false, &Usage::default(), |_| false).unwrap();
    assert!(!store.paths.layer(&one.diff_ids[0]).exists());
    assert!(reclaimed.bytes >= 3);
}

#[test]
fn a_layer_left_half_made_is_made_again() {
    let World { store, _dir } = world();
    let diff_id = hash::sha256(b"content");
    std::fs::create_dir_all(store.paths.layer_files(&diff_id)).unwrap();
    std::fs::create_dir_all(store.paths.staging().join(format!("layer-{}", diff_id.hex())))
        .unwrap();
    assert_eq!(add_layer(&store, "content"), diff_id);
    assert_eq!(store.layer(&diff_id).unwrap().unwrap().size, 7);
    assert_eq!(std::fs::read_dir(store.paths.staging()).unwrap().count(), 0);
}

#[test]
fn a_damaged_record_is_not_taken_for_an_empty_store() {
    let World { store, _dir } = world();
    add_image(&store, &["one"], "one");
    std::fs::write(store.paths.refs(), "{").unwrap();
    assert!(store.tag("one", &"two".parse().unwrap()).is_err());
    assert!(store.find("one").unwrap_err().to_string().contains("is damaged"));
}

#[test]
fn inspect_finds_an_image_by_any_of_its_names() {
    let World { store, _dir } = world();
    let image = add_image(&store, &["base"], "app");
    store.tag("app", &"app:2".parse().unwrap()).unwrap();
    let found = store.inspect("app:2").unwrap();
    assert_eq!(found.image.id, image.id);
    assert_eq!(found.image.tags, ["app:2", "app:latest"]);
    assert_eq!(found.config["Cmd"], serde_json::json!(["sh"]));
    assert_eq!(found.image.diff_ids, image.diff_ids);
}

#[test]
fn a_layer_that_no_image_has_is_whole_until_the_machine_goes_down() {
    let World { store, _dir } = world();
    let (kept, lost) = (add_layer(&store, "kept"), add_layer(&store, "lost"));
    let mark = |diff_id: &Digest| std::fs::read_to_string(store.paths.layer_complete(diff_id));
    assert!(mark(&kept).unwrap().contains("boot"));
    add_image(&store, &["kept"], "app");
    assert!(!mark(&kept).unwrap().contains("boot"), "an image's layers are on disk");

    let other_boot = mark(&lost).unwrap().replace("\"boot\":\"", "\"boot\":\"not-");
    std::fs::write(store.paths.layer_complete(&lost), other_boot).unwrap();
    assert_eq!(store.layer(&lost).unwrap(), None);
    assert_eq!(store.layer(&kept).unwrap().unwrap().size, 4);
    assert_eq!(add_layer(&store, "lost"), lost);
    assert_eq!(store.layer(&lost).unwrap().unwrap().size, 4);
}

#[test]
fn a_torn_blob_is_written_again() {
    let World { store, _dir } = world();
    let digest = store.keep_blob(b"content").unwrap();
    std::fs::write(store.paths.blob(&digest), "").unwrap();
    assert!(store.blob(&digest).is_err());
    assert_eq!(store.keep_blob(b"content").unwrap(), digest);
    assert_eq!(store.blob(&digest).unwrap(), b"content");
}
