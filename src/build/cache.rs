//! Built steps that travel: from one machine's cache to another's, through a registry, a directory,
//! or inside the image itself.
//!
//! They travel as an image: its layers are the steps' layers, and its configuration has one more
//! key that says which step made which. Any registry takes it, and pulling verifies it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::{Context, Digest, Error, Result};
use crate::image::archive::{self, Chosen, Layout};
use crate::image::config::{self, Document};
use crate::image::store::BuildRecord;
use crate::image::{Reference, Store};
use crate::resource::Image;

use super::request::{Layers, Request, World};

/// Where steps come from or go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachePlace {
    /// An image of a registry.
    Registry(Reference),
    /// An OCI layout in a directory.
    Local(PathBuf),
    /// The image that is built.
    Inline,
}

impl std::fmt::Display for CachePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CachePlace::Registry(name) => write!(f, "{}", name.familiar()),
            CachePlace::Local(path) => write!(f, "{}", path.display()),
            CachePlace::Inline => f.write_str("the image itself"),
        }
    }
}

/// Where steps go to, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheTarget {
    /// Where to.
    pub place: CachePlace,
    /// Those of all stages, not only those whose layers the image has (Docker: `mode=max`).
    pub all: bool,
}

/// A step with its key, as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    key: Digest,
    #[serde(flatten)]
    record: BuildRecord,
}

/// The key of the configuration that has the steps.
const KEY: &str = "compose.build.cache";

/// Steps that a build used or made.
pub(super) type Steps = Vec<(Digest, BuildRecord)>;

/// Steps that were built elsewhere, and their layers, which are there still.
pub(super) struct Imported {
    known: BTreeMap<Digest, BuildRecord>,
    layers: Box<dyn Layers>,
}

/// Asks one place which steps it has; `None`: it has none that are not here. No layer is fetched.
///
/// # Errors
/// The place cannot be reached, or has no image.
pub(super) fn import(place: &CachePlace, world: &dyn World) -> Result<Option<Imported>> {
    #[derive(Deserialize)]
    struct Config {
        rootfs: RootFs,
        #[serde(default, rename = "compose.build.cache")]
        known: Vec<Known>,
    }
    #[derive(Deserialize)]
    struct RootFs {
        diff_ids: BTreeSet<Digest>,
    }
    let layers = match place {
        CachePlace::Inline => return Ok(None),
        CachePlace::Registry(name) => world.cache(name)?,
        CachePlace::Local(path) => Box::new(Layout::open(path, None)?),
    };
    let config: Config = serde_json::from_slice(layers.config())
        .map_err(|error| Error::other("a cache cannot be read").with_source(error))?;
    // A step may say what it likes: what counts is which layers came with it.
    let has =
        |it: &Known| it.record.clone().layers().all(|it| config.rootfs.diff_ids.contains(&it));
    let known = config.known.iter().filter(|it| has(it));
    let known = known.map(|it| (it.key.clone(), it.record.clone())).collect();
    Ok(Some(Imported { known, layers }))
}

impl Imported {
    /// What the step with this key made, if it was built there; its layer is here then.
    ///
    /// # Errors
    /// The layer cannot be fetched.
    pub(super) fn take(&self, store: &Store, key: &Digest) -> Result<Option<BuildRecord>> {
        let Some(record) = self.known.get(key) else { return Ok(None) };
        self.layers.fetch(store, std::slice::from_ref(&record.layer))?;
        if store.layer(&record.layer)?.is_none() {
            return Ok(None);
        }
        store.keep_build_record(key, record)?;
        Ok(Some(record.clone()))
    }
}

/// Sends what a build knows to where the request wants it.
///
/// # Errors
/// A registry or the disk refuses.
pub(super) fn export(
    store: &Store,
    request: &Request,
    steps: &Steps,
    image: &Image,
    world: &dyn World,
) -> Result<()> {
    for target in &request.cache_to {
        let chosen: Vec<&(Digest, BuildRecord)> = steps
            .iter()
            .filter(|(_, it)| target.all || image.diff_ids.contains(&it.layer))
            .collect();
        if chosen.is_empty() || target.place == CachePlace::Inline {
            continue;
        }
        let cache = as_image(store, request, &chosen)?;
        let sent = match &target.place {
            CachePlace::Registry(name) => world.push(&cache, name),
            CachePlace::Local(path) => {
                let chosen = [Chosen { image: cache.clone(), names: Vec::new() }];
                archive::save_directory(store, &chosen, path)
            }
            CachePlace::Inline => Ok(()),
        };
        store.withdraw(&cache.id, &[])?;
        sent.context(|| format!("cannot keep the cache in {}", target.place))?;
    }
    Ok(())
}

/// An image of the steps' layers and of those below.
fn as_image(store: &Store, request: &Request, steps: &[&(Digest, BuildRecord)]) -> Result<Image> {
    let mut layers: Vec<Digest> = Vec::new();
    for (_, record) in steps {
        for layer in record.clone().layers() {
            if !layers.contains(&layer) {
                layers.push(layer);
            }
        }
    }
    let document = Document {
        architecture: request.platform.architecture.clone(),
        os: request.platform.os.clone(),
        variant: request.platform.variant.clone(),
        diff_ids: layers,
        ..Document::default()
    };
    store.create_of(&with_steps(&config::print(&document), steps.iter().copied())?, &[])
}

/// A configuration with the steps in it.
///
/// # Errors
/// It is none.
pub(super) fn with_steps<'a>(
    config: &[u8],
    steps: impl Iterator<Item = &'a (Digest, BuildRecord)>,
) -> Result<Vec<u8>> {
    let failed = |error| Error::other("cannot write a configuration").with_source(error);
    let mut document: serde_json::Value = serde_json::from_slice(config).map_err(failed)?;
    let known: Vec<Known> =
        steps.map(|(key, record)| Known { key: key.clone(), record: record.clone() }).collect();
    document[KEY] = serde_json::to_value(known).map_err(failed)?;
    serde_json::to_vec(&document).map_err(failed)
}
