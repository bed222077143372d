//! `build`: make the images of services.

pub mod ask;
pub mod builder;
pub mod deliver;
pub mod exchange;
mod order;
mod print;
mod raw;
pub mod request;
mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::build::{Failure as BuildFailure, Outcome};
use crate::cli::app::global::ProgressStyle;
use crate::cli::registry::push;
use crate::cli::{Context, Exit, Failure, Result};
use crate::compose::Project;
use crate::diag::{Style, render};
use crate::engine::Engine;
use crate::plan::image_of;
use crate::resource::Image;

use order::order;
use show::{Look, Show};

pub use request::Choices;

/// Build images, as services say under `build:`
///
/// A step that was built before with the same input is taken from the cache.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose build                       All services that have `build:`
  compose build --no-cache web        Everything anew
  compose build --build-arg V=2 web   With another value for an ARG
  compose build --pull                On the newest base images
  compose build --check               What is allowed in the Dockerfiles, but probably not meant")]
pub struct Build {
    /// Only these services
    services: Vec<String>,

    #[command(flatten)]
    choices: Choices,

    /// Build what the services depend on too
    #[arg(long)]
    with_dependencies: bool,

    /// Print nothing
    #[arg(short, long)]
    quiet: bool,

    /// Send the images to their registries when they are built
    #[arg(long)]
    push: bool,

    /// Only check the Dockerfiles; exit code 1 if there is something to say
    #[arg(long)]
    check: bool,

    /// Only print what would be built, as a file for `docker buildx bake`
    #[arg(long)]
    print: bool,
}

impl Build {
    /// Builds them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let project = cx.project_for(&self.services)?;
        let project = match self.services.is_empty() {
            true => project.clone(),
            false => project.select(&self.services, self.with_dependencies)?,
        };
        let names: Vec<String> = project
            .services
            .values()
            .filter(|service| service.build.is_some())
            .map(|service| service.name.clone())
            .collect();
        if names.is_empty() {
            cx.output().warn("No services to build")?;
            return Ok(Exit::Success);
        }
        if self.print {
            cx.output().print(print::bake(&project, &names, self.push))?;
            return Ok(Exit::Success);
        }
        if self.check {
            return cx.check_services(&project, &names, &self.choices).await;
        }
        cx.build_services(&project, &names, &self.choices, self.quiet).await?;
        if self.push && !cx.global().dry_run {
            return push::Push::of(names, self.quiet).run(cx).await;
        }
        Ok(Exit::Success)
    }
}

impl<E: Engine> Context<E> {
    /// Builds the images of these services, and of those they build upon. Services with the same
    /// build share it. Returns the images by service.
    ///
    /// # Errors
    /// The first build that failed.
    pub async fn build_services(
        &self,
        project: &Project,
        names: &[String],
        choices: &Choices,
        quiet: bool,
    ) -> Result<BTreeMap<String, Image>> {
        let all = self.project()?;
        let order = order(all, names)?;
        let mut built: BTreeMap<String, Image> = BTreeMap::new();
        let mut done: Vec<(crate::build::Request, Image)> = Vec::new();
        for name in order {
            let service = project.services.get(&name).or_else(|| all.services.get(&name));
            let service = service.or_else(|| all.disabled.get(&name));
            let Some((service, build)) = service.and_then(|it| Some((it, it.build.as_ref()?)))
            else {
                continue;
            };
            let tag = image_of(all, service);
            let mut request = request::of_service(self, all, build, &tag, choices, &built)?;
            if let Some(platform) = service.platform.as_ref().filter(|_| build.platforms.is_empty())
            {
                request::platform(std::slice::from_ref(platform), &mut request)?;
            }
            if self.global().dry_run {
                self.output().say_line(format!("build {tag}"))?;
                continue;
            }
            let same = |other: &&(crate::build::Request, Image)| same_but_names(&other.0, &request);
            // What differs in nothing but its names is built from the cache in no time.
            let quiet = quiet || done.iter().any(|other| same(&other));
            let image = self.build_one(&request, &name, quiet).await?.image;
            done.push((request, image.clone()));
            built.insert(name, image);
        }
        Ok(built)
    }

    /// Checks the Dockerfiles of these services, all of them whatever one has.
    async fn check_services(
        &self,
        project: &Project,
        names: &[String],
        choices: &Choices,
    ) -> Result<Exit> {
        // What a service builds upon is not made for this: its name is enough.
        let others = BTreeMap::new();
        let mut exit = Exit::Success;
        for name in names {
            let service = project.services.get(name);
            let Some((service, build)) = service.and_then(|it| Some((it, it.build.as_ref()?)))
            else {
                continue;
            };
            let mut build = build.clone();
            build.additional_contexts.retain(|_, it| !it.starts_with("service:"));
            let tag = image_of(project, service);
            let request = request::of_service(self, project, &build, &tag, choices, &others)?;
            match self.answer(ask::Question::CHECK, &request).await? {
                Exit::Success => {}
                no => exit = no,
            }
        }
        Ok(exit)
    }

    /// Builds one image, and shows how.
    ///
    /// # Errors
    /// The Dockerfile is wrong, or a step failed.
    pub async fn build_one(
        &self,
        request: &crate::build::Request,
        name: &str,
        quiet: bool,
    ) -> Result<Outcome> {
        let look = match self.style() {
            _ if quiet => Look::Silent,
            ProgressStyle::Quiet => Look::Silent,
            ProgressStyle::Json if self.global().is_raw(self.environment()) => Look::Raw,
            ProgressStyle::Json => Look::Json,
            ProgressStyle::Tty => Look::Live,
            _ => Look::Plain,
        };
        let show = Arc::new(Show::new(self.output(), look, name));
        let engine = self.engine()?;
        let work = engine.build(request, Arc::clone(&show) as Arc<dyn crate::build::Progress>);
        let mut work = std::pin::pin!(work);
        let mut tick = tokio::time::interval(show::TICK);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                _ = tick.tick() => show.tick(),
            }
        };
        show.finish();
        let style = Style { colour: self.output().err_has_colour(), ..Style::default() };
        match result {
            Ok(outcome) => {
                if !outcome.warnings.is_empty() && look != Look::Silent {
                    self.output().say(render(&outcome.warnings, &outcome.sources, style))?;
                }
                let tag = request.names.first().map(crate::image::Reference::familiar);
                show.built(&outcome.image, tag);
                Ok(outcome)
            }
            Err(BuildFailure::Error(error)) => Err(error.into()),
            Err(failure @ BuildFailure::Mistakes { .. }) => {
                Err(Failure::Mistakes(failure.show(style)))
            }
        }
    }
}

fn same_but_names(one: &crate::build::Request, other: &crate::build::Request) -> bool {
    let plain = |it: &crate::build::Request| {
        format!("{:?}", crate::build::Request { names: Vec::new(), ..it.clone() })
    };
    plain(one) == plain(other)
}
