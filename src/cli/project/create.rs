//! `create` and `scale`: make containers, and change how many there are.

use crate::cli::app::options::{Building, PullWhen, incompatible, scale};
use crate::cli::plans::prepare::{Bring, up_options};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan::{self, Recreate};

/// Make the containers of services, without starting them
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose create                    Make everything that `up` would start
  compose create --pull always web  With the newest image")]
pub struct Create {
    /// Only these services, and what they need
    services: Vec<String>,

    #[command(flatten)]
    building: Building,

    /// Replace containers even if nothing has changed
    #[arg(long)]
    force_recreate: bool,

    /// Keep containers even if something has changed
    #[arg(long)]
    no_recreate: bool,

    /// When to fetch images: always, missing or never [default: as each service says]
    #[arg(long, value_name = "WHEN")]
    pull: Option<PullWhen>,

    /// Show nothing of the fetching of images
    #[arg(long)]
    quiet_pull: bool,

    /// Remove containers of services that the compose files no longer have
    #[arg(long)]
    remove_orphans: bool,

    /// How many containers a service has, as in `web=3`
    #[arg(long, value_name = "SERVICE=NUMBER")]
    scale: Vec<String>,

    /// Answer yes to every question
    #[arg(short, long)]
    yes: bool,
}

impl Create {
    /// Makes them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        if self.force_recreate && self.no_recreate {
            return Err(incompatible("--force-recreate and --no-recreate are incompatible"));
        }
        let bring = Bring {
            operation: "create",
            services: self.services.clone(),
            policy: self.pull.and_then(PullWhen::policy),
            quiet_pull: self.quiet_pull,
            build: self.building.wanted()?,
            quiet_build: self.building.quiet_build,
            scale: self.scale.iter().map(|text| scale(text)).collect::<Result<_>>()?,
            ..Bring::default()
        };
        let ready = bring.ready(cx).await?;
        let Some(desired) = &ready.desired else { return Ok(Exit::Success) };
        let mut options = up_options(cx, &self.services, self.remove_orphans)?;
        options.start = false;
        options.recreate = match (self.force_recreate, self.no_recreate) {
            (true, _) => Recreate::Force,
            (_, true) => Recreate::Never,
            _ => Recreate::Diverged,
        };
        let plan = cx.plan_up(desired, &ready, &mut options, self.yes).await?;
        cx.execute(&ready.lock, &plan, "create").await?;
        Ok(Exit::Success)
    }
}

/// Change how many containers services have
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose scale web=3           Three containers of web
  compose scale web=2 worker=5")]
pub struct Scale {
    /// Services and numbers, as in `web=3`
    #[arg(required = true, value_name = "SERVICE=NUMBER")]
    scale: Vec<String>,

    /// Leave alone what the services depend on
    #[arg(long)]
    no_deps: bool,
}

impl Scale {
    /// Starts or removes containers until there are as many.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let scale: std::collections::BTreeMap<_, _> =
            self.scale.iter().map(|text| scale(text)).collect::<Result<_>>()?;
        let services: Vec<String> = scale.keys().cloned().collect();
        let no_deps = self.no_deps;
        let bring = Bring {
            operation: "scale",
            services: services.clone(),
            no_deps,
            scale,
            ..Bring::default()
        };
        let ready = bring.ready(cx).await?;
        let Some(desired) = ready.desired else { return Ok(Exit::Success) };
        let options = plan::UpOptions { ignore_orphans: true, ..up_options(cx, &services, false)? };
        let plan = plan::up(&desired, &ready.observed, &options)?;
        cx.execute(&ready.lock, &plan, "scale").await?;
        Ok(Exit::Success)
    }
}
