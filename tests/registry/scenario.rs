//! One image, one script, one pull, and what must be true afterwards.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use compose::base::{Digest, Error};
use compose::image::registry::Settings;
use compose::image::{PullOptions, Quiet, Reference, Store, hash, pull};
use compose::state::Roots;
use serde_json::{Value, json};

use crate::server::{Reply, Request, Server};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image as a registry has it.
#[derive(Clone, Debug)]
pub struct Image {
    pub config: Vec<u8>,
    pub layer: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Image {
    /// The usual one: a layer of 100 kB that hardly compresses.
    pub fn usual() -> Image {
        Image::of(&tar(&[("bin/sh", &noise(100_000))]), gzip, LAYER_GZIP)
    }

    /// An image of one layer.
    pub fn of(archive: &[u8], compress: impl Fn(&[u8]) -> Vec<u8>, media_type: &str) -> Image {
        let config = config(&[hash::sha256(archive)]);
        let layer = compress(archive);
        let manifest = manifest(&config, &[descriptor(media_type, &layer)]);
        Image { config, layer, manifest }
    }

    pub fn layer_path(&self) -> String {
        blob_path(&self.layer)
    }

    pub fn config_path(&self) -> String {
        blob_path(&self.config)
    }

    /// What a good registry answers.
    pub fn answer(&self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let digest = hash::sha256(&self.manifest);
        let pinned = format!("/v2/app/manifests/{digest}");
        match path {
            "/v2/" => Reply::new(200, "{}"),
            path if path == MANIFEST || path == pinned => {
                Reply::new(200, self.manifest.clone()).with("Content-Type", OCI_MANIFEST)
            }
            path if path == self.layer_path() => part(&self.layer, request),
            path if path == self.config_path() => part(&self.config, request),
            _ => Reply::new(404, r#"{"errors":[{"code":"X_UNKNOWN","message":"not known"}]}"#),
        }
    }
}

/// The manifest under its tag.
pub const MANIFEST: &str = "/v2/app/manifests/1";

pub fn blob_path(blob: &[u8]) -> String {
    format!("/v2/app/blobs/{}", hash::sha256(blob))
}

/// A blob from where the request wants it.
pub fn part(blob: &[u8], request: &Request) -> Reply {
    match request.start() {
        0 => Reply::new(200, blob),
        start if start >= blob.len() => Reply::new(416, ""),
        start => {
            let range = format!("bytes {start}-{}/{}", blob.len() - 1, blob.len());
            Reply::new(206, &blob[start..]).with("Content-Range", range)
        }
    }
}

pub fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": hash::sha256(blob), "size": blob.len()})
}

pub fn manifest(config: &[u8], layers: &[Value]) -> Vec<u8> {
    let config = descriptor(OCI_CONFIG, config);
    let document = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers
    });
    document.to_string().into_bytes()
}

pub fn config(diff_ids: &[Digest]) -> Vec<u8> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let rootfs = json!({"type": "layers", "diff_ids": diff_ids});
    let document = json!({"architecture": architecture, "os": "linux", "rootfs": rootfs});
    document.to_string().into_bytes()
}

pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        // As it is: `append_data` would refuse a hostile path.
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 12345u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A store of its own, and how it reaches registries.
pub struct World {
    dir: tempfile::TempDir,
    pub store: Store,
    pub settings: Settings,
}

impl World {
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let roots = Roots::open(|name| match name {
            "COMPOSE_DATA_ROOT" => Some(root.join("data")),
            "COMPOSE_RUN_ROOT" => Some(root.join("run")),
            _ => None,
        });
        let settings = Settings {
            first_wait: Duration::from_millis(1),
            stall: Duration::from_millis(400),
            attempts: 4,
            ..Settings::plain(&dir.path().join("home"))
        };
        World { store: Store::open(&roots.unwrap()).unwrap(), settings, dir }
    }

    /// Keeps a password for a registry.
    pub fn log_in(&self, registry: &str, entry: &Value) {
        let dir = self.dir.path().join("home/.docker");
        fs::create_dir_all(&dir).unwrap();
        let config = json!({"auths": {registry: entry}});
        fs::write(dir.join("config.json"), config.to_string()).unwrap();
    }

    pub fn pull(&self, name: &str) -> Result<compose::resource::Image, Error> {
        let reference: Reference = name.parse()?;
        let options = PullOptions::new(Arc::new(self.settings.clone()));
        let pulling = pull(&self.store, &reference, &options, &Quiet);
        run(pulling).map(|pulled| pulled.image)
    }

    fn count(&self, part: &str) -> usize {
        let path: PathBuf = self.dir.path().join("data/images").join(part);
        fs::read_dir(path).unwrap().count()
    }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Whether a pull succeeds, or what its error must say.
#[derive(Clone, Copy, Debug)]
pub enum Ends {
    Well,
    /// With an error and causes that contain this.
    Badly(&'static str),
}

/// Pulls `image` from a registry that answers as `script` says, and well where it says nothing.
pub fn check(
    name: &str,
    image: &Image,
    script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ends: Ends,
) -> Server {
    check_in(&World::new(), name, "app:1", image, script, ends)
}

pub fn check_in(
    world: &World,
    name: &str,
    what: &str,
    image: &Image,
    script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ends: Ends,
) -> Server {
    let served = image.clone();
    let server =
        Server::start(move |request| script(request).unwrap_or_else(|| served.answer(request)));
    let result = world.pull(&format!("{}/{what}", server.address));
    match (result, ends) {
        (Ok(pulled), Ends::Well) => assert_eq!(pulled.id, hash::sha256(&image.config), "{name}"),
        (Ok(_), Ends::Badly(_)) => panic!("{name}: should have failed"),
        (Err(error), Ends::Well) => panic!("{name}: {}", chain(&error)),
        (Err(error), Ends::Badly(words)) => {
            let text = chain(&error);
            assert!(text.contains(words), "{name}: {text:?} does not contain {words:?}");
            assert!(world.store.list().unwrap().is_empty(), "{name}: an image is visible");
        }
    }
    assert_eq!(world.count("staging"), 0, "{name}: something is left half");
    if let Ends::Badly(_) = ends {
        let good = Image::usual();
        let served = good.clone();
        let registry = Server::start(move |request| served.answer(request));
        let pulled = world.pull(&format!("{}/app:1", registry.address));
        let pulled = pulled.unwrap_or_else(|error| panic!("{name}, later: {}", chain(&error)));
        assert_eq!(pulled.id, hash::sha256(&good.config), "{name}, later");
    }
    server
}

/// The error and all its causes.
pub fn chain(error: &Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        text += &format!("{error}; ");
        cause = error.source();
    }
    text
}
