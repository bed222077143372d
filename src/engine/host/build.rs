//! Building: the builder blocks, and has a thread of its own; this is its way to the world.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::base::{Context, Digest, Error, Kind, Result};
use crate::build::{
    Failure, Layers, Outcome, Progress, Request, Survey, World, build as build_image,
    survey as survey_file,
};
use crate::image::{self, Opened, Reference, Store};
use crate::resource::Image;
use crate::resource::limits::Security;

use super::Host;

/// Builds an image.
pub(super) async fn build(
    host: &Host,
    request: Request,
    progress: Arc<dyn Progress>,
) -> Result<Outcome, Failure> {
    let host = host.clone();
    let built = tokio::task::spawn_blocking(move || {
        let world = Outside { host: &host, platform: request.platform.clone() };
        build_image(host.roots(), &request, &world, &*progress)
    });
    built.await.unwrap_or_else(|error| {
        Err(Error::other("the build ended early").with_source(error).into())
    })
}

/// Looks at a Dockerfile.
pub(super) async fn survey(host: &Host, request: Request) -> Result<Survey, Failure> {
    let host = host.clone();
    let found = tokio::task::spawn_blocking(move || {
        let world = Outside { host: &host, platform: request.platform.clone() };
        survey_file(host.roots(), &request, &world)
    });
    found.await.unwrap_or_else(|error| {
        Err(Error::other("looking at the Dockerfile ended early").with_source(error).into())
    })
}

struct Outside<'a> {
    host: &'a Host,
    platform: image::Platform,
}

impl Outside<'_> {
    /// Waits for work of the registry client.
    fn wait<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        runtime()?.block_on(work)
    }
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context(|| "cannot set up asynchronous work".to_owned())
}

/// A cache at a registry, with what its connections need.
struct Cache {
    runtime: Runtime,
    opened: Opened,
}

impl Layers for Cache {
    fn config(&self) -> &[u8] {
        self.opened.config()
    }

    fn fetch(&self, store: &Store, wanted: &[Digest]) -> Result<()> {
        self.runtime.block_on(self.opened.fetch(store, wanted))
    }
}

impl World for Outside<'_> {
    fn image(&self, name: &str, pull: bool) -> Result<Image> {
        let found = self.host.store().find(name)?;
        if let Some(image) = found.filter(|_| !pull) {
            return Ok(image);
        }
        let reference: Reference = name.parse()?;
        let options = image::PullOptions {
            policy: if pull { image::Policy::Always } else { image::Policy::Missing },
            platform: Some(self.platform.clone()),
            ..image::PullOptions::new(super::images::settings()?)
        };
        let pulled = self.wait(image::pull(self.host.store(), &reference, &options, &image::Quiet));
        pulled.map(|pulled| pulled.image).map_err(|error| match error.kind() {
            // A base image that was built here has no registry to ask (Docker: `--pull` fails too).
            Kind::NotFound if pull => error.hint("without --pull, images of this machine are used"),
            _ => error,
        })
    }

    fn cache(&self, name: &Reference) -> Result<Box<dyn Layers>> {
        let options = image::PullOptions {
            platform: Some(self.platform.clone()),
            ..image::PullOptions::new(super::images::settings()?)
        };
        let runtime = runtime()?;
        let opened = runtime.block_on(Opened::open(self.host.store(), name, &options))?;
        Ok(Box::new(Cache { runtime, opened }))
    }

    fn push(&self, image: &Image, name: &Reference) -> Result<()> {
        let settings = super::images::settings()?;
        self.wait(image::push_image(self.host.store(), image, name, &settings, &image::Quiet))
            .map(drop)
    }

    fn download(&self, url: &str, to: &Path, most: u64) -> Result<Option<i64>> {
        let settings = super::images::settings()?;
        self.wait(image::download(&settings, url, to, most))
    }

    fn profile(&self) -> Result<Option<String>> {
        super::apparmor::profile(&Security::default())
    }
}
