//! `up`: bring a project up, and show what it prints.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::{Error, Kind};
use crate::cli::app::options::{Building, Grace, PullWhen, Switch, incompatible, scale};
use crate::cli::console::foreground::{Attached, End, Signals};
use crate::cli::plans::prepare::{Bring, Ready, up_options};
use crate::cli::plans::run_plan::Carry;
use crate::cli::project::watch::{Acting, Session};
use crate::cli::{Context, Exit, ProgressStyle, Result};
use crate::engine::Engine;
use crate::plan::{self, Desired, Plan, Recreate, UpOptions};
use crate::resource::Observed;

/// Create and start containers
///
/// Makes what is missing, replaces what has changed, and leaves everything else alone. Then shows
/// what the containers print; Ctrl-C stops them.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose up                      Everything, with its output; Ctrl-C stops it
  compose up -d                   In the background
  compose up --plan               Show what would be done, and why
  compose up -d --wait            Return when everything runs and is healthy
  compose up --scale web=3 web    Three containers of web, and what it needs")]
pub struct Up {
    /// Only these services, and what they need
    services: Vec<String>,

    /// Run in the background
    #[arg(short, long)]
    detach: bool,

    /// Show what would be done, and why
    #[arg(long)]
    plan: bool,

    /// Use images as compose.lock pins them, and nothing else
    #[arg(long)]
    locked: bool,

    /// Run in the background, and return when everything runs or is healthy
    #[arg(long)]
    wait: bool,

    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    wait_timeout: Option<i64>,

    #[command(flatten)]
    how: How,

    #[command(flatten)]
    show: Show,

    #[command(flatten)]
    grace: Grace,

    /// Answer yes to every question
    #[arg(short, long)]
    yes: bool,
}

/// Which containers, and how they come.
#[derive(clap::Args, Debug)]
struct How {
    /// Replace containers even if nothing has changed
    #[arg(long)]
    force_recreate: bool,

    /// Keep containers even if something has changed
    #[arg(long)]
    no_recreate: bool,

    /// Replace what the services depend on too, if anything has changed or is forced
    #[arg(long)]
    always_recreate_deps: bool,

    /// Give replaced containers new anonymous volumes
    #[arg(short = 'V', long)]
    renew_anon_volumes: bool,

    /// Leave alone what the services depend on
    #[arg(long)]
    no_deps: bool,

    /// Make containers, and do not start them
    #[arg(long)]
    no_start: bool,

    /// How many containers a service has, as in `web=3`
    #[arg(long, value_name = "SERVICE=NUMBER")]
    scale: Vec<String>,

    /// Remove containers of services that the compose files no longer have
    #[arg(long)]
    remove_orphans: bool,

    /// When to fetch images: always, missing or never [default: as each service says]
    #[arg(long, value_name = "WHEN")]
    pull: Option<PullWhen>,

    /// Show nothing of the fetching of images
    #[arg(long)]
    quiet_pull: bool,

    #[command(flatten)]
    building: Building,
}

/// What is shown of the containers' output, and when it ends.
#[derive(clap::Args, Debug)]
struct Show {
    /// Stop everything when any container ends
    #[arg(long)]
    abort_on_container_exit: bool,

    /// Stop everything when any container fails
    #[arg(long)]
    abort_on_container_failure: bool,

    /// Stop everything when any container ends, and exit as this service did
    #[arg(long, value_name = "SERVICE")]
    exit_code_from: Option<String>,

    /// Show the output of these services only
    #[arg(long, value_name = "SERVICE")]
    attach: Vec<String>,

    /// Show the output of what the services depend on too
    #[arg(long)]
    attach_dependencies: bool,

    /// Do not show the output of these services
    #[arg(long, value_name = "SERVICE")]
    no_attach: Vec<String>,

    /// Without colours
    #[arg(long)]
    no_color: bool,

    /// Without the names of containers
    #[arg(long)]
    no_log_prefix: bool,

    /// With the time of each line
    #[arg(long)]
    timestamps: bool,

    /// Keys that detach, watch files and show the configuration, on a terminal [default: true]
    #[arg(long, value_name = "BOOL", default_missing_value = "true",
        num_args = 0..=1, require_equals = true)]
    menu: Option<Switch>,

    /// Watch files, as `develop.watch` of the services says
    #[arg(short, long)]
    watch: bool,
}

impl Up {
    /// Brings the project up.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        self.check()?;
        if self.show.watch {
            // What cannot be watched is said before anything is fetched.
            Session::new(cx, &self.services, Acting::default())?;
        }
        let only_plan = self.plan || cx.global().dry_run;
        let bring = Bring {
            operation: "up",
            only_plan,
            services: self.services.clone(),
            no_deps: self.how.no_deps,
            policy: self.how.pull.and_then(PullWhen::policy),
            quiet_pull: self.how.quiet_pull,
            locked: self.locked,
            build: self.how.building.wanted()?,
            quiet_build: self.how.building.quiet_build,
            scale: self.how.scale.iter().map(|text| scale(text)).collect::<Result<_>>()?,
        };
        let ready = bring.ready(cx).await?;
        let Some(desired) = &ready.desired else { return Ok(Exit::Success) };
        let mut options = self.options(cx)?;
        let yes = self.yes || only_plan;
        let attached = !self.detach && !self.wait && !self.how.no_start && !only_plan;
        options.start = !attached && !self.how.no_start;
        let plan = cx.plan_up(desired, &ready, &mut options, yes).await?;
        if only_plan {
            cx.show(&plan)?;
            return Ok(Exit::Success);
        }
        if !attached {
            let wait_timeout = self.wait_timeout.and_then(|it| u64::try_from(it).ok());
            let wait_timeout = wait_timeout.map(Duration::from_secs);
            let lock = Some(&ready.lock);
            let how = Carry { operation: "up", wait_timeout, lock, ..Carry::default() };
            cx.carry_out(&plan, how).await?;
            return Ok(Exit::Success);
        }
        self.attach(cx, &ready, desired, &plan, options).await
    }

    /// Makes containers, then starts them with their output on the screen.
    async fn attach(
        &self,
        cx: &Context<impl Engine>,
        ready: &Ready,
        desired: &Desired,
        create: &Plan,
        mut options: UpOptions,
    ) -> Result<Exit> {
        let attached = Attached {
            project: ready.project.name.clone(),
            services: ready.project.services.keys().cloned().collect(),
            watched: self.watched(ready),
            shown: self.shown(ready)?,
            prefix: self.show.prefix(cx),
            end: self.show.end(),
            exit_code_from: self.show.exit_code_from.clone(),
            grace: self.grace.timeout(),
            menu: self.show.wants_menu(cx),
            watchable: watchable(ready),
            watch: self.show.watch,
        };
        // Which of them run is said when their output is shown.
        let create = Plan { kept: Vec::new(), ..create.clone() };
        let signals = Signals::listen()?;
        cx.execute(&ready.lock, &create, "up").await?;
        ready.lock.hold().await?;
        let observed = cx.observe_to_start(&ready.project.name, Vec::new()).await?;
        let observed = Observed { images: ready.observed.images.clone(), ..observed };
        // Everything is as it shall be now, but for running.
        (options.start, options.ignore_orphans) = (true, true);
        (options.recreate, options.recreate_dependencies) = (Recreate::Never, Recreate::Never);
        (options.renew_anonymous, options.remove_orphans) = (false, false);
        let start = plan::up(desired, &observed, &options)?;
        attached.run(cx, &observed, (&start, &ready.lock), signals).await
    }

    fn options(&self, cx: &Context<impl Engine>) -> Result<UpOptions> {
        let how = &self.how;
        let recreate = match (how.force_recreate || how.renew_anon_volumes, how.no_recreate) {
            (true, _) => Recreate::Force,
            (_, true) => Recreate::Never,
            _ => Recreate::Diverged,
        };
        let recreate_dependencies = match (how.always_recreate_deps, how.no_recreate) {
            (true, _) => recreate,
            (_, true) => Recreate::Never,
            _ => Recreate::Diverged,
        };
        Ok(UpOptions {
            recreate,
            recreate_dependencies,
            wait: self.wait,
            renew_anonymous: how.renew_anon_volumes,
            timeout: self.grace.timeout(),
            ..up_options(cx, &self.services, how.remove_orphans)?
        })
    }

    /// Services whose end is waited for: those the user named.
    fn watched(&self, ready: &Ready) -> BTreeSet<String> {
        match self.services.is_empty() {
            true => ready.project.services.keys().cloned().collect(),
            false => self.services.iter().cloned().collect(),
        }
    }

    /// Services whose output is shown.
    fn shown(&self, ready: &Ready) -> Result<BTreeSet<String>> {
        let services = &ready.project.services;
        let show = &self.show;
        let mut unknown = show.attach.iter().chain(&show.no_attach).chain(&show.exit_code_from);
        if let Some(name) = unknown.find(|name| !services.contains_key(*name)) {
            let message = format!("cannot attach to services not included in up: {name}");
            return Err(Error::new(Kind::Invalid, message).into());
        }
        let is_shown = |name: &&String| {
            let wanted = match (show.attach.is_empty(), self.services.is_empty()) {
                (false, _) => show.attach.contains(*name),
                (true, false) if !show.attach_dependencies => self.services.contains(*name),
                _ => services[*name].attach != Some(false),
            };
            wanted && !show.no_attach.contains(*name)
        };
        Ok(services.keys().filter(is_shown).cloned().collect())
    }

    /// Options that exclude each other, in Docker Compose's sentences.
    fn check(&self) -> Result<()> {
        let (how, show) = (&self.how, &self.show);
        let abort = show.abort_on_container_exit || show.abort_on_container_failure;
        let attach = !show.attach.is_empty() || show.attach_dependencies || show.watch;
        let rules = [
            (
                self.detach && (abort || attach),
                "--detach cannot be combined with --abort-on-container-exit, \
                 --abort-on-container-failure, --attach, --attach-dependencies or --watch",
            ),
            (how.building.no_build && show.watch, "--no-build and --watch are incompatible"),
            (
                how.force_recreate && how.no_recreate,
                "--force-recreate and --no-recreate are incompatible",
            ),
            (
                how.no_recreate && how.renew_anon_volumes,
                "--no-recreate and --renew-anon-volumes are incompatible",
            ),
            (
                how.always_recreate_deps && how.no_recreate,
                "--always-recreate-deps and --no-recreate are incompatible",
            ),
            (
                show.abort_on_container_exit && show.abort_on_container_failure,
                "--abort-on-container-failure cannot be combined with --abort-on-container-exit",
            ),
            (
                !show.attach.is_empty() && show.attach_dependencies,
                "cannot combine --attach and --attach-dependencies",
            ),
            (
                self.wait_timeout.is_some_and(|seconds| seconds < 0),
                "--wait-timeout must be a non-negative integer",
            ),
        ];
        match rules.iter().find(|(broken, _)| *broken) {
            Some((_, message)) => Err(incompatible(message)),
            None => Ok(()),
        }
    }
}

/// Services with anything to watch.
fn watchable(ready: &Ready) -> Vec<String> {
    let has = |it: &&crate::compose::Service| it.develop.iter().any(|it| !it.watch.is_empty());
    ready.project.services.values().filter(has).map(|it| it.name.clone()).collect()
}

impl Show {
    /// Keys do something (`--menu`, `COMPOSE_MENU`).
    fn wants_menu(&self, cx: &Context<impl Engine>) -> bool {
        let plain = cx.style() != ProgressStyle::Tty;
        let variable = cx.environment().get("COMPOSE_MENU").and_then(|it| it.parse().ok());
        !plain && self.menu.or(variable).is_none_or(|Switch(on)| on)
    }

    fn prefix(&self, cx: &Context<impl Engine>) -> crate::cli::ui::prefix::PrefixOptions {
        crate::cli::ui::prefix::PrefixOptions {
            colour: cx.output().out_has_colour() && !self.no_color,
            names: !self.no_log_prefix,
            times: self.timestamps,
        }
    }

    fn end(&self) -> End {
        match (self.abort_on_container_failure, &self.exit_code_from) {
            (true, _) => End::FirstFailure,
            (false, Some(_)) => End::FirstExit,
            _ if self.abort_on_container_exit => End::FirstExit,
            _ => End::LastExit,
        }
    }
}
