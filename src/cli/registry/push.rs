//! `push`: send the images of services to their registries.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use futures_util::StreamExt;

use crate::base;
use crate::cli::console::transfer::{PUSH, one, shown};
use crate::cli::ui::progress::{Event, Mark};
use crate::cli::{Context, Exit, Result};
use crate::compose::Project;
use crate::engine::Engine;
use crate::image::{self, Reference};

/// Send the images of services to their registries
///
/// Only of services that are built here; the others came from a registry.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose push                 Every image that is built here
  compose push web worker")]
pub struct Push {
    /// Only these services
    services: Vec<String>,

    /// Go on when an image cannot be sent
    #[arg(long)]
    ignore_push_failures: bool,

    /// Send images of what the services depend on too
    #[arg(long)]
    include_deps: bool,

    /// Show nothing while sending
    #[arg(short, long)]
    quiet: bool,
}

/// Images that are sent at the same time; each sends several layers at once.
const AT_ONCE: usize = 2;

impl Push {
    /// As if typed with these services.
    #[must_use]
    pub fn of(services: Vec<String>, quiet: bool) -> Push {
        Push { services, ignore_push_failures: false, include_deps: false, quiet }
    }

    /// Sends them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let project = cx.project_for(&self.services)?;
        let project = match self.services.is_empty() {
            true => project.clone(),
            false => project.select(&self.services, self.include_deps)?,
        };
        let names = names(&project);
        let (store, settings) = (cx.images()?, cx.registries()?);
        let at_once = cx.parallel()?.map_or(AT_ONCE, NonZeroUsize::get);
        shown(cx, PUSH.operation, self.quiet, async |progress| {
            for service in project.services.keys().filter(|name| !is_pushed(&project, name)) {
                let id = format!("Service {service}");
                progress.event(Event { id: &id, mark: Mark::Done, text: "Skipped", details: "" });
            }
            let pushes = names.iter().map(|name| {
                let (store, settings) = (&store, &settings);
                one(progress, name, PUSH, async move |heard: &dyn image::Progress| {
                    let reference: Reference = name.parse()?;
                    image::push(store, &reference, settings, heard).await
                })
            });
            let results: Vec<base::Result<_>> =
                futures_util::stream::iter(pushes).buffered(at_once).collect().await;
            match results.into_iter().find_map(base::Result::err) {
                Some(error) if !self.ignore_push_failures => Err(error),
                _ => Ok(()),
            }
        })
        .await?;
        Ok(Exit::Success)
    }
}

/// Docker Compose: pushed is what has a name and is built.
fn is_pushed(project: &Project, service: &str) -> bool {
    project.services.get(service).is_some_and(|it| it.build.is_some() && it.image.is_some())
}

/// The images, each once, with the further tags that builds give them.
fn names(project: &Project) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, service) in &project.services {
        if is_pushed(project, name) {
            names.extend(service.image.clone());
            names.extend(service.build.iter().flat_map(|build| build.tags.clone()));
        }
    }
    names
}
