//! Images: fetched by the registry client, kept by the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::base::{Digest, Result};
use crate::engine::{Phase, Progress, ProgressUpdate, PullOptions, PullPolicy};
use crate::image::registry::Registry;
use crate::image::store::{Usage, User};
use crate::image::{self, Event, Reference, Settings};
use crate::resource::Image;

use super::{Host, observe};

/// Fetches an image, or finds that the store has it already.
pub(super) async fn pull(
    host: &Host,
    name: &str,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Image> {
    let reference: Reference = name.parse()?;
    let options = image::PullOptions {
        policy: match options.policy {
            PullPolicy::Missing => image::Policy::Missing,
            PullPolicy::Always => image::Policy::Always,
            PullPolicy::Never => image::Policy::Never,
        },
        platform: options.platform.as_deref().map(str::parse).transpose()?,
        settings: settings()?,
    };
    let relay = Relay { image: name, progress };
    let pulled = image::pull(host.store(), &reference, &options, &relay).await?.image;
    if options.policy != image::Policy::Never {
        host.store().announce("pull", name, name);
    }
    Ok(pulled)
}

/// The digest that a name stands for in its registry.
pub(super) async fn resolve(name: &str) -> Result<Digest> {
    let reference: Reference = name.parse()?;
    let (_, manifest) = Registry::find(&settings()?, &reference.or_latest()).await?;
    Ok(manifest.digest)
}

/// How registries are reached; read once.
pub(crate) fn settings() -> Result<Arc<Settings>> {
    static SETTINGS: OnceLock<Arc<Settings>> = OnceLock::new();
    if let Some(settings) = SETTINGS.get() {
        return Ok(settings.clone());
    }
    let settings = Arc::new(Settings::load(|name| std::env::var(name).ok())?);
    Ok(SETTINGS.get_or_init(|| settings).clone())
}

/// Passes on what a transfer of an image tells, in the words of the engine.
pub struct Relay<'a> {
    /// The image, as the user wrote it.
    pub image: &'a str,
    /// Who listens.
    pub progress: &'a dyn Progress,
}

impl image::Progress for Relay<'_> {
    fn event(&self, event: &Event) {
        let Event::Layer { digest, phase, bytes, total } = event else { return };
        let phase = match phase {
            image::Phase::Waiting => Phase::Waiting,
            image::Phase::Downloading => Phase::Downloading,
            image::Phase::Extracting => Phase::Extracting,
            image::Phase::Exists => Phase::Exists,
            image::Phase::Pushing => Phase::Uploading,
            image::Phase::Pushed | image::Phase::Mounted => Phase::Uploaded,
            image::Phase::Pulled => Phase::Done,
        };
        let (image, part) = (self.image, digest.short());
        self.progress.report(&ProgressUpdate { image, part, phase, done: *bytes, total: *total });
    }
}

/// Removes a name of an image, and the image with its last name.
pub(super) fn remove(host: &Host, name: &str) -> Result<()> {
    host.store().remove(name, false, &usage(host)?).map(drop)
}

/// Which images and layers containers stand on.
pub(crate) fn usage(host: &Host) -> Result<Usage> {
    let mut images: BTreeMap<Digest, Vec<User>> = BTreeMap::new();
    let mut layers = BTreeSet::new();
    let (specs, damaged) = observe::specs(host.roots())?;
    for id in &damaged {
        // It may stand on any of them.
        for image in host.store().list()? {
            layers.extend(image.diff_ids);
            let user = User { container: id.short().to_owned(), running: true };
            images.entry(image.id).or_default().push(user);
        }
    }
    for (id, spec) in specs {
        let Some(image) = spec.image_id else { continue };
        let running = observe::shown(&host.roots().container(&id), None, None).state.is_active();
        layers
            .extend(host.store().config(&image).map(|config| config.diff_ids).unwrap_or_default());
        images.entry(image).or_default().push(User { container: id.short().to_owned(), running });
    }
    Ok(Usage { images, layers })
}
