//! Pulling: from a name at a registry to an image in the store.
//!
//! The name is resolved once; from then on everything is asked for by digest. Layers arrive in
//! parallel, each written to a file that survives interruption, hashed, inflated, hashed again and
//! unpacked as it arrives. Nothing is visible before all of it is verified.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};

use crate::base::{Digest, Error, Kind, Result};
use crate::resource::Image;

use super::config::{self, Document};
use super::download::{Job, Wanted, fetch_layer};
use super::manifest::{self, Descriptor, Manifest};
use super::progress::{Event, Line, Phase, Progress, Quiet};
use super::registry::{FetchedManifest, Registry, Settings, blocking};
use super::{Platform, Reference, Store, platform};

/// When to ask the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Always; what is here already is not fetched again.
    #[default]
    Always,
    /// When the name is not in the store.
    Missing,
    /// Not at all: a missing image is an error.
    Never,
}

/// How to pull.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// When to ask the registry.
    pub policy: Policy,
    /// `None`: this machine's.
    pub platform: Option<Platform>,
    /// How registries are reached.
    pub settings: Arc<Settings>,
}

impl PullOptions {
    /// The usual: always, for this machine.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> PullOptions {
        PullOptions { policy: Policy::Always, platform: None, settings }
    }
}

/// What a pull did.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The image.
    pub image: Image,
    /// Digest of the manifest or index that the name stands for; `None`: nobody was asked.
    pub digest: Option<Digest>,
    /// The name stands for another image than before.
    pub is_new: bool,
}

/// Pulls `reference`; a name without a tag means `latest`.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::Unauthorized`], [`Kind::Invalid`] for what is not an image or not
/// what was promised, others for a registry or disk that fails. The store is as before, but for
/// layers that are whole and parts that the next pull goes on from.
pub async fn pull(
    store: &Store,
    reference: &Reference,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Pulled> {
    let reference = reference.clone().or_latest();
    let before = store.named(&reference)?;
    if options.policy != Policy::Always
        && let Some(image) = before.clone()
        && options.platform.as_ref().is_none_or(|wanted| image.is_for(wanted))
    {
        return Ok(Pulled { image, digest: None, is_new: false });
    }
    if options.policy == Policy::Never {
        if let (Some(image), Some(wanted)) = (&before, &options.platform) {
            return Err(image.not_for(&reference.familiar(), wanted));
        }
        let message = format!("No such image: {}", reference.familiar());
        return Err(
            Error::new(Kind::NotFound, message).hint("it must not be pulled, so load or build it")
        );
    }
    let pin = {
        let store = store.clone();
        blocking(move || store.pin()).await?
    };
    let (registry, resolved) = Registry::find(&options.settings, &reference).await?;
    progress.event(&Event::Resolved(resolved.digest.clone()));
    let wanted = options.platform.clone().unwrap_or_else(Platform::host);
    let (manifest, fetched) = choose_manifest(&registry, &resolved, &wanted).await?;
    let (raw, document) = configuration(&registry, store, &manifest).await?;
    check(&manifest, &document)?;
    is_for(&reference, &document, options.platform.as_ref())?;
    let registry = Arc::new(registry);
    let missing = jobs(&registry, store, &manifest.layers, &document.diff_ids, progress);
    // The first failure ends the others: what they were given so far stays to be resumed.
    let running = futures_util::stream::iter(missing.into_iter().map(fetch_layer));
    running.buffer_unordered(options.settings.parallel).try_collect::<()>().await?;

    let (store, digest) = (store.clone(), resolved.digest);
    let is_known = before.map(|image| image.id);
    let name = reference.clone();
    blocking(move || {
        let id = store.keep_blob(&raw)?;
        let manifest = store.keep_blob(&fetched.bytes)?;
        let mut names = vec![name.pinned(digest.clone())];
        if name.digest().is_none() {
            names.push(name);
        }
        let image = store.publish(&id, Some(manifest), &names)?;
        drop(pin);
        let is_new = is_known.as_ref() != Some(&image.id);
        Ok(Pulled { image, digest: Some(digest), is_new })
    })
    .await
}

/// An image at a registry, of which nothing was fetched but its manifest and its configuration.
#[derive(Debug)]
pub struct Opened {
    registry: Arc<Registry>,
    config: Vec<u8>,
    layers: Vec<(Descriptor, Digest)>,
    parallel: usize,
}

impl Opened {
    /// Asks for `reference`; a name without a tag means `latest`.
    ///
    /// # Errors
    /// As [`pull`]'s.
    pub async fn open(
        store: &Store,
        reference: &Reference,
        options: &PullOptions,
    ) -> Result<Opened> {
        let reference = reference.clone().or_latest();
        let (registry, resolved) = Registry::find(&options.settings, &reference).await?;
        let wanted = options.platform.clone().unwrap_or_else(Platform::host);
        let (manifest, _) = choose_manifest(&registry, &resolved, &wanted).await?;
        let (config, document) = configuration(&registry, store, &manifest).await?;
        check(&manifest, &document)?;
        let layers = manifest.layers.into_iter().zip(document.diff_ids).collect();
        let (registry, parallel) = (Arc::new(registry), options.settings.parallel);
        Ok(Opened { registry, config, layers, parallel })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// Brings those of its layers into the store that are `wanted` and not there.
    ///
    /// # Errors
    /// As [`pull`]'s.
    pub async fn fetch(&self, store: &Store, wanted: &[Digest]) -> Result<()> {
        let chosen = self.layers.iter().filter(|(_, diff_id)| wanted.contains(diff_id)).cloned();
        let (layers, diff_ids): (Vec<_>, Vec<_>) = chosen.unzip();
        let missing = jobs(&self.registry, store, &layers, &diff_ids, &Quiet);
        let running = futures_util::stream::iter(missing.into_iter().map(fetch_layer));
        running.buffer_unordered(self.parallel).try_collect().await
    }
}

/// A manifest that is no choice of several may be for another platform than was asked for.
fn is_for(reference: &Reference, document: &Document, wanted: Option<&Platform>) -> Result<()> {
    let offered = Platform::written(&document.architecture, &document.os);
    let (Some(wanted), Some(offered)) = (wanted, offered) else { return Ok(()) };
    if (Platform { variant: None, ..wanted.clone() }).accepts(&offered) {
        return Ok(());
    }
    let name = reference.familiar();
    let message = format!("no image for platform {wanted}: {name} is for {offered}");
    Err(Error::new(Kind::NotFound, message))
}

/// Goes from an index to the manifest for a platform.
async fn choose_manifest(
    registry: &Registry,
    resolved: &FetchedManifest,
    wanted: &Platform,
) -> Result<(Manifest, FetchedManifest)> {
    let index = match manifest::parse(&resolved.bytes, resolved.media_type.as_deref())? {
        manifest::Document::Manifest(manifest) => return Ok((manifest, resolved.clone())),
        manifest::Document::Index(index) => index,
    };
    let chosen = platform::choose(&index, wanted)?;
    let fetched = registry.manifest(&chosen.digest.to_string(), Some(&chosen.digest)).await?;
    match manifest::parse(&fetched.bytes, fetched.media_type.as_deref())? {
        manifest::Document::Manifest(manifest) => Ok((manifest, fetched)),
        manifest::Document::Index(_) => {
            Err(Error::new(Kind::Invalid, "an index inside of an index is not an image"))
        }
    }
}

/// The image's configuration, from the store if it is there.
async fn configuration(
    registry: &Registry,
    store: &Store,
    manifest: &Manifest,
) -> Result<(Vec<u8>, Document)> {
    let Descriptor { digest, size, .. } = &manifest.config;
    let raw = match store.config_bytes(digest) {
        Ok(raw) => raw,
        Err(_) => registry.small_blob(digest, *size).await?,
    };
    let document = config::parse(&raw)?;
    Ok((raw, document))
}

/// Manifest and configuration must speak of the same layers.
fn check(manifest: &Manifest, document: &Document) -> Result<()> {
    if manifest.layers.len() != document.diff_ids.len() {
        let message = format!(
            "the manifest has {} layers, the configuration {}",
            manifest.layers.len(),
            document.diff_ids.len()
        );
        return Err(Error::new(Kind::Invalid, message));
    }
    if !matches!(document.os.as_str(), "" | "linux") {
        let message = format!("this is an image for {}, not for Linux", document.os);
        return Err(Error::new(Kind::Invalid, message));
    }
    Ok(())
}

/// One job for each layer, base first.
fn jobs<'a>(
    registry: &Arc<Registry>,
    store: &Store,
    layers: &[Descriptor],
    diff_ids: &[Digest],
    progress: &'a dyn Progress,
) -> Vec<Job<'a>> {
    let mut seen = BTreeSet::new();
    let mut jobs = Vec::new();
    for (descriptor, diff_id) in layers.iter().zip(diff_ids) {
        if !seen.insert(diff_id.clone()) {
            continue;
        }
        let line = Line { progress, digest: descriptor.digest.clone(), total: descriptor.size };
        line.say(Phase::Waiting, 0);
        let layer = Wanted {
            store: store.clone(),
            descriptor: descriptor.clone(),
            diff_id: diff_id.clone(),
        };
        jobs.push(Job { registry: Arc::clone(registry), layer, line });
    }
    jobs
}
