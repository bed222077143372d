//! Pushing: an image of the store, to a repository.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};

use crate::base::{Digest, Error, Kind, Result};
use crate::resource::Image;

use super::manifest::{self, Descriptor, Manifest, media};
use super::progress::{Line, Phase, Progress, Quiet};
use super::registry::{Access, Placed, Registry, Sent, Settings, Upload, blocking};
use super::{Reference, Store};

/// What a push did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Digest of the manifest, at the registry.
    pub digest: Digest,
    /// Bytes of the manifest.
    pub size: u64,
    /// What it says it is.
    pub media_type: String,
}

/// Pushes the image that has the name `reference` to where the name says. An image that was pulled
/// goes with the manifest it came with, so its digest stays.
///
/// # Errors
/// There is no such image, [`Kind::Unauthorized`], or the registry or disk fails.
pub async fn push(
    store: &Store,
    reference: &Reference,
    settings: &Arc<Settings>,
    progress: &dyn Progress,
) -> Result<Pushed> {
    let reference = reference.clone().or_latest();
    let missing = || {
        let message =
            format!("An image does not exist locally with the tag: {}", reference.familiar_name());
        Error::new(Kind::NotFound, message)
    };
    let image = match reference.tag() {
        Some(_) => store.named(&reference)?.ok_or_else(missing)?,
        None => return Err(Error::new(Kind::Invalid, "cannot push a digest reference")),
    };
    push_image(store, &image, &reference, settings, progress).await
}

/// Pushes an image to where a name says, whatever the name means here.
///
/// # Errors
/// [`Kind::Unauthorized`], or the registry or disk fails.
pub async fn push_image(
    store: &Store,
    image: &Image,
    reference: &Reference,
    settings: &Arc<Settings>,
    progress: &dyn Progress,
) -> Result<Pushed> {
    let reference = reference.clone().or_latest();
    let image = image.clone();
    let Some(tag) = reference.tag().map(str::to_owned) else {
        return Err(Error::new(Kind::Invalid, "cannot push a digest reference"));
    };
    let (owned, id) = (store.clone(), image.clone());
    let _pin = blocking({
        let store = store.clone();
        move || store.pin()
    })
    .await?;
    let (manifest, bytes, media_type) = blocking(move || manifest_for(&owned, &id)).await?;
    let registry = Registry::connect(settings, &reference, Access::Push).await?;
    let sources = sources(store, &image, &reference)?;

    let blobs = Blobs { store, manifest: &manifest, registry: &registry, sources, progress };
    let place = async |anew| blobs.place(anew, settings.parallel).await;
    let digest = registry.put_manifest(&tag, (&bytes, &media_type), place).await?;
    let (store, size) = (store.clone(), bytes.len() as u64);
    blocking(move || {
        let kept = store.keep_blob(&bytes)?;
        store.announce("push", &reference.familiar(), &reference.familiar());
        store.publish(&image.id, Some(kept), &[reference.pinned(digest.clone())])?;
        Ok(Pushed { digest, size, media_type })
    })
    .await
}

/// What a manifest needs at the registry.
struct Blobs<'a> {
    store: &'a Store,
    manifest: &'a Manifest,
    registry: &'a Registry,
    sources: Vec<String>,
    progress: &'a dyn Progress,
}

impl Blobs<'_> {
    /// The layers, several at a time, then the configuration.
    async fn place(&self, anew: bool, parallel: usize) -> Result<()> {
        let mut seen = BTreeSet::new();
        let layers = self.manifest.layers.iter();
        let layers = layers.filter(|layer| seen.insert(layer.digest.clone()));
        let places: Vec<_> = layers
            .map(|layer| {
                let total = layer.size;
                let line = Line { progress: self.progress, digest: layer.digest.clone(), total };
                line.say(Phase::Waiting, 0);
                self.place_one(layer, anew, line)
            })
            .collect();
        let places = futures_util::stream::iter(places).buffer_unordered(parallel);
        places.try_collect::<()>().await?;
        let config = &self.manifest.config;
        let unheard = Line { progress: &Quiet, digest: config.digest.clone(), total: config.size };
        self.place_one(config, anew, unheard).await
    }

    /// Sees to it that one blob is at the registry.
    async fn place_one(&self, blob: &Descriptor, anew: bool, line: Line<'_>) -> Result<()> {
        let counter = Arc::new(Counter::default());
        let sent: Arc<dyn Sent> = Arc::clone(&counter) as Arc<dyn Sent>;
        let file = self.store.blob_path(&blob.digest);
        let (digest, size, sources) = (&blob.digest, blob.size, &self.sources[..]);
        let upload = Upload { digest, size, file: &file, sources, anew };
        let mut placing = std::pin::pin!(self.registry.place_blob(&upload, &sent));
        let placed = loop {
            match tokio::time::timeout(TELL_EVERY, &mut placing).await {
                Ok(placed) => break placed?,
                // A repeated piece counts once at most.
                Err(_) => match counter.0.load(Ordering::Relaxed) {
                    0 => {}
                    bytes => line.say(Phase::Pushing, bytes.min(line.total)),
                },
            }
        };
        let phase = match placed {
            Placed::Existed => Phase::Exists,
            Placed::Mounted(_) => Phase::Mounted,
            Placed::Uploaded => Phase::Pushed,
        };
        line.say(phase, blob.size);
        Ok(())
    }
}

/// The image's manifest: the one it came with, or a new one of its layers' archives, which are
/// made where there are none.
pub(super) fn manifest_for(store: &Store, image: &Image) -> Result<(Manifest, Vec<u8>, String)> {
    if let Some((manifest, bytes)) = store.manifest(&image.id)?
        && manifest.layers.iter().all(|layer| store.blob_path(&layer.digest).exists())
    {
        let media_type = media_type(&bytes);
        return Ok((manifest, bytes, media_type));
    }
    let mut layers = Vec::new();
    for diff_id in &image.diff_ids {
        let blob = store.layer_archive(diff_id)?;
        layers.push(descriptor(&blob.media_type, &blob.digest, blob.size));
    }
    let size = store.config_bytes(&image.id)?.len() as u64;
    let manifest = Manifest { config: descriptor(media::OCI_CONFIG, &image.id, size), layers };
    let bytes = manifest::print(&manifest);
    Ok((manifest, bytes, media::OCI_MANIFEST.to_owned()))
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.clone(),
        size,
        platform: None,
        annotations: Default::default(),
    }
}

/// What a manifest says it is; OCI's need not say it.
fn media_type(bytes: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let own = value.and_then(|value| Some(value.get("mediaType")?.as_str()?.to_owned()));
    own.unwrap_or_else(|| media::OCI_MANIFEST.to_owned())
}

/// Repositories of the same registry that the image is known in: its blobs can be mounted.
fn sources(store: &Store, image: &Image, reference: &Reference) -> Result<Vec<String>> {
    let refs = store.refs()?;
    let known = refs.digests.iter().filter(|(_, id)| {
        // Any image that shares a layer would do; those of the same image surely have them.
        **id == image.id
    });
    let names = known.filter_map(|(name, _)| name.parse::<Reference>().ok());
    let same = names.filter(|name| name.registry() == reference.registry());
    let paths: BTreeSet<String> = same.map(|name| name.path().to_owned()).collect();
    Ok(paths.into_iter().collect())
}

/// How often an upload's bytes are told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Adds up what went out.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Sent for Counter {
    fn sent(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}
