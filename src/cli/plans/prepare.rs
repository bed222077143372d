//! What `up`, `create`, `scale` and `run` share: images first, then everything else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

use crate::base::path::missing_socket;
use crate::base::{Context as _, Error, Kind};
use crate::cli::build::Choices;
use crate::cli::files::lock;
use crate::cli::plans::run_plan::Carry;
use crate::cli::{Context, Result};
use crate::compose::model::{MountKind, PullPolicy};
use crate::compose::{Project, Service};
use crate::engine::{Engine, ProjectLock};
use crate::plan::{self, Desired, ImageOptions, LowerOptions, UpOptions};
use crate::resource::Observed;

/// How images come, and which containers a command is about.
#[derive(Clone, Debug, Default)]
pub struct Bring {
    /// What for, as in `up`.
    pub operation: &'static str,
    /// Nothing is changed afterwards: the project is not locked.
    pub only_plan: bool,
    /// Services the user named; empty: all that are on.
    pub services: Vec<String>,
    /// Without what they depend on.
    pub no_deps: bool,
    /// For all services, whatever they say; `None`: as each says.
    pub policy: Option<PullPolicy>,
    /// Show nothing of transfers.
    pub quiet_pull: bool,
    /// Build images that can be built: always, never, or `None`: when they are missing.
    pub build: Option<bool>,
    /// Show nothing of builds.
    pub quiet_build: bool,
    /// Images as compose.lock pins them; one that it lacks is an error.
    pub locked: bool,
    /// How many containers, by service.
    pub scale: BTreeMap<String, u32>,
}

/// What planning starts from.
pub struct Ready {
    /// The services in question, with what they need.
    pub project: Project,
    /// What shall be; `None`: images are missing, and nothing may be fetched (`--dry-run`).
    pub desired: Option<Desired>,
    /// What is.
    pub observed: Observed,
    /// Held since before `observed` was.
    pub lock: ProjectLock,
}

impl Bring {
    /// Selects services, fetches what images are missing, and lowers the project.
    ///
    /// # Errors
    /// Mistakes in the files, an unknown service, an image that cannot be had.
    pub async fn ready(&self, cx: &Context<impl Engine>) -> Result<Ready> {
        let all = cx.project_for(&self.services)?;
        if let Some(name) = self.scale.keys().find(|name| !all.services.contains_key(*name)) {
            let known = all.services.keys().map(String::as_str);
            return Err(crate::cli::app::selection::no_such_service(name, known).into());
        }
        let mut project = all.select(&self.services, !self.no_deps)?;
        self.check_names(&project)?;
        check_sockets(&project)?;
        if self.locked {
            lock::apply(&mut project)?;
        }
        if project.services.is_empty() && !cx.global().all_resources {
            return Err(Error::new(Kind::Invalid, "no service selected").into());
        }
        let images: Vec<String> = plan::needed_images(&project).into_iter().collect();
        let mut lock = self.lock(cx, &project).await?;
        let mut observed = cx.observe_to_start(&project.name, images.clone()).await?;
        let to_build = self.to_build(&project, &observed);
        if !to_build.is_empty() {
            // Others need not wait for builds and transfers.
            drop(lock);
            let choices = Choices::default();
            cx.build_services(&project, &to_build, &choices, self.quiet_build).await?;
            lock = self.lock(cx, &project).await?;
            observed = cx.observe_to_start(&project.name, images.clone()).await?;
        }
        let now = Some(Timestamp::now());
        let options = ImageOptions { policy: self.policy, now, ..ImageOptions::default() };
        let mut rest = project.clone();
        // What was built just now is in no registry.
        rest.services.retain(|name, _| !to_build.contains(name));
        let fetch = plan::images(&rest, &observed, &options)?;
        if !fetch.is_empty() {
            drop(lock);
            let quiet_pull = self.quiet_pull;
            // What is there already is no news.
            let fetch = plan::Plan { kept: Vec::new(), ..fetch };
            cx.carry_out(&fetch, Carry { operation: "pull", quiet_pull, ..Carry::default() })
                .await?;
            lock = self.lock(cx, &project).await?;
            observed = cx.observe_to_start(&project.name, images.clone()).await?;
        }
        if cx.global().dry_run && images.iter().any(|name| !observed.images.contains_key(name)) {
            cx.output().say_line("What follows is known when these images are there.")?;
            return Ok(Ready { project, desired: None, observed, lock });
        }
        let options = LowerOptions {
            known: plan::known_services(all),
            scale: self.scale.clone(),
            no_deps: self.no_deps,
            all_resources: cx.global().all_resources,
        };
        let desired = Some(plan::lower(&project, &observed.images, &options)?);
        Ok(Ready { project, desired, observed, lock })
    }

    async fn lock(&self, cx: &Context<impl Engine>, project: &Project) -> Result<ProjectLock> {
        match self.only_plan {
            true => Ok(ProjectLock::of_nothing()),
            false => cx.lock_project(&project.name, self.operation).await,
        }
    }

    /// Refuses more than one container of a service that names its container (Docker: the same).
    fn check_names(&self, project: &Project) -> Result<()> {
        let named = |service: &&Service| {
            let wanted = self.scale.get(&service.name).is_some_and(|number| *number > 1);
            wanted && service.container_name.is_some()
        };
        let Some(service) = project.services.values().find(named) else { return Ok(()) };
        let (number, name) = (self.scale[&service.name], &service.name);
        let own = service.container_name.as_deref().unwrap_or_default();
        let message =
            format!("{number} containers of service {name:?} cannot all have the name {own:?}");
        Err(Error::new(Kind::Invalid, message).hint("remove `container_name` to scale it").into())
    }

    /// Services whose images are built now.
    fn to_build(&self, project: &Project, observed: &Observed) -> Vec<String> {
        let wanted = |service: &&Service| {
            let missing = !observed.images.contains_key(&plan::image_of(project, service));
            let always = service.pull_policy == Some(PullPolicy::Build);
            let can = service.build.is_some() && service.provider.is_none();
            can && self.build.unwrap_or(missing || always)
        };
        project.services.values().filter(wanted).map(|service| service.name.clone()).collect()
    }
}

/// Refuses to mount sockets that are not there, before anything is made.
fn check_sockets(project: &Project) -> Result<()> {
    for service in project.services.values() {
        let binds = service.volumes.iter().filter(|volume| volume.kind == MountKind::Bind);
        for path in binds.filter_map(|volume| volume.source.as_deref()).map(Path::new) {
            if let Some(error) = missing_socket(path, path.exists(), path.is_dir()) {
                let name = || format!("service {}", service.name);
                Err(error).context(name)?;
            }
        }
    }
    Ok(())
}

/// Options of planning that come from the surroundings, and random numbers for it to draw from.
///
/// # Errors
/// Variables contradict each other, or there is no randomness.
pub fn up_options(
    cx: &Context<impl Engine>,
    services: &[String],
    remove_orphans: bool,
) -> Result<UpOptions> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Error::other(format!("cannot get random numbers: {error}")))?;
    let environment = cx.environment();
    let ignore_orphans = environment.is_true("COMPOSE_IGNORE_ORPHANS");
    let remove_orphans = remove_orphans || environment.is_true("COMPOSE_REMOVE_ORPHANS");
    if ignore_orphans && remove_orphans {
        let message = "cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans";
        return Err(Error::new(Kind::Invalid, message).into());
    }
    let named: BTreeSet<String> = services.iter().cloned().collect();
    Ok(UpOptions { named, ignore_orphans, remove_orphans, seed, ..UpOptions::default() })
}
