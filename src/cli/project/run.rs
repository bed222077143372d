//! `run`: a one-off container of a service.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::{ContainerId, Context as _, Error, Kind};
use crate::cli::app::options::{PullWhen, incompatible};
use crate::cli::app::short_syntax;
use crate::cli::console::signals::Signals;
use crate::cli::console::stdio::{Talk, with_container};
use crate::cli::console::terminal::{is_interactive, size};
use crate::cli::plans::prepare::{Bring, up_options};
use crate::cli::plans::run_plan::Carry;
use crate::cli::project::exec::Interactive;
use crate::cli::{Context, Exit, Failure, Result};
use crate::compose::{Project, dotenv};
use crate::diag::{Style, render};
use crate::engine::{AttachOptions, Engine, RemoveOptions, read_text_bounded};
use crate::plan::{self, Plan, RunOptions, Target};

/// No file of variables is larger.
const MOST_BYTES: u64 = 32 << 20;

/// Run a command in a new container of a service
///
/// Starts what the service depends on first. The exit code is the command's. Ports are not
/// published, so that this works beside a running service, unless asked for.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose run --rm web sh                  A shell in a container of its own
  compose run --rm web npm test            Tests; exits as they do
  compose run -d --name job worker import  In the background
  compose run --rm -p 8080:80 -e DEBUG=1 web")]
pub struct Run {
    /// The service
    service: String,

    /// A command instead of the service's own, and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,

    /// Run it in the background, and print the container's id
    #[arg(short, long)]
    detach: bool,

    /// Remove the container when it ends
    #[arg(long)]
    rm: bool,

    /// Name of the container
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    change: Change,

    #[command(flatten)]
    network: Network,

    #[command(flatten)]
    around: Around,

    /// Without a terminal, even if there is one here
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
    no_tty: bool,

    #[command(flatten)]
    interactive: Interactive,
}

/// What is different from the service's own containers.
#[derive(clap::Args, Debug)]
struct Change {
    /// Add a capability
    #[arg(long, value_name = "NAME")]
    cap_add: Vec<String>,

    /// Drop a capability
    #[arg(long, value_name = "NAME")]
    cap_drop: Vec<String>,

    /// A program instead of the service's entrypoint
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,

    /// Set a variable, as in `NAME=value`; without a value: as it is here
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Set the variables of a file
    #[arg(long, value_name = "FILE")]
    env_from_file: Vec<PathBuf>,

    /// Add a label
    #[arg(short, long, value_name = "NAME=VALUE")]
    label: Vec<String>,

    /// As this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// Mount a volume or a directory, as in `./data:/data:ro`
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<String>,

    /// In this directory of the container
    #[arg(short, long, value_name = "DIRECTORY")]
    workdir: Option<String>,
}

/// How it can be reached.
#[derive(clap::Args, Debug)]
struct Network {
    /// Publish a port, as in `8080:80`
    #[arg(short, long, value_name = "PORT")]
    publish: Vec<String>,

    /// Publish the service's own ports
    #[arg(short = 'P', long)]
    service_ports: bool,

    /// Let others find it by the service's name and aliases
    #[arg(long)]
    use_aliases: bool,
}

/// What happens before.
#[derive(clap::Args, Debug)]
struct Around {
    /// Build the image before
    #[arg(long)]
    build: bool,

    /// Show nothing of the building of the image
    #[arg(long)]
    quiet_build: bool,

    /// Leave alone what the service depends on
    #[arg(long)]
    no_deps: bool,

    /// When to fetch images: always, missing or never [default: as each service says]
    #[arg(long, value_name = "WHEN")]
    pull: Option<PullWhen>,

    /// Show nothing of what happens before
    #[arg(short, long)]
    quiet: bool,

    /// Show nothing of the fetching of images
    #[arg(long)]
    quiet_pull: bool,

    /// Remove containers of services that the compose files no longer have
    #[arg(long)]
    remove_orphans: bool,
}

impl Run {
    /// Makes the container, and connects to it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        if self.network.service_ports && !self.network.publish.is_empty() {
            return Err(incompatible("--service-ports and --publish are incompatible"));
        }
        let services = vec![self.service.clone()];
        let bring = Bring {
            operation: "run",
            services: services.clone(),
            policy: self.around.pull.and_then(PullWhen::policy),
            quiet_pull: self.around.quiet_pull || self.around.quiet,
            build: self.around.build.then_some(true),
            quiet_build: self.around.quiet,
            ..Bring::default()
        };
        let mut signals = Signals::listen()?;
        let ready = signals.during(bring.ready(cx)).await?;
        let Some(desired) = &ready.desired else { return Ok(Exit::Success) };
        let options = up_options(cx, &services, self.around.remove_orphans)?;
        let run = self.options(cx, &ready.project)?;
        let (plan, name) = plan::run(desired, &ready.observed, &run, &options)?;
        let (quiet, lock) = (self.around.quiet, Some(&ready.lock));
        let how = Carry { operation: "run", quiet, lock, ..Carry::default() };
        let outcome = cx.attempt(&plan, how).await?;
        // The container itself is nobody else's business.
        ready.lock.release();
        let made = outcome.created.get(&name).cloned();
        let mut done = outcome.complete().map(drop).map_err(Failure::from);
        if done.is_ok() {
            done = signals.none_yet().await;
        }
        let Some(id) = &made else { return done.map(|()| Exit::Success) };
        if let Err(failure) = done {
            self.clean_up(cx, id).await?;
            return Err(failure);
        }
        if self.detach {
            cx.output().print_line(id.as_str())?;
            return Ok(Exit::Success);
        }
        let spec = desired.services.get(&self.service).map(|service| &service.spec);
        let target = Target { name, id: Some(id.clone()) };
        let hooks = spec.map(|spec| plan::post_start(&target, spec)).unwrap_or_default();
        let talk = self.talk(cx, id, signals, (run.tty, &hooks)).await;
        if !matches!(talk, Ok(Talk::Detached)) {
            self.clean_up(cx, id).await?;
        }
        Ok(match talk? {
            Talk::Ended(code) => Exit::of_program(code),
            Talk::Detached => Exit::Success,
        })
    }

    /// Removes the container, if it is not to stay.
    async fn clean_up(&self, cx: &Context<impl Engine>, id: &ContainerId) -> Result<()> {
        if self.rm {
            let options = RemoveOptions { volumes: true, force: true };
            cx.engine()?.remove_container(id, &options).await?;
        }
        Ok(())
    }

    /// Starts the container with us at the other end of its streams.
    async fn talk<E: Engine>(
        &self,
        cx: &Context<E>,
        id: &ContainerId,
        mut signals: Signals,
        (tty, hooks): (bool, &Plan),
    ) -> Result<Talk> {
        let engine = cx.engine()?;
        let stdin = self.interactive.interactive.0;
        let options = AttachOptions { stdin, start: true, size: size().filter(|_| tty) };
        let mut attachment = engine.attach(id, &options).await?;
        signals.stop_what_begins(engine, id).await?;
        if !hooks.is_empty() {
            let quiet = self.around.quiet;
            cx.carry_out(hooks, Carry { operation: "run", quiet, ..Carry::default() }).await?;
        }
        let keys = if tty { Some(cx.detach_keys("")?) } else { None };
        let talk = with_container(&mut attachment, cx.output(), stdin, keys);
        cx.with_signals(id, signals, !tty, talk).await
    }

    fn options(&self, cx: &Context<impl Engine>, project: &Project) -> Result<RunOptions> {
        let change = &self.change;
        let volume = |key: &str| match project.volumes.get(key) {
            Some(volume) => volume.name.clone(),
            None => key.to_owned(),
        };
        let mounts =
            change.volume.iter().map(|it| short_syntax::mounted(it, cx.directory(), volume));
        let ports = self.network.publish.iter().map(|text| short_syntax::published(text));
        let entrypoint = change.entrypoint.as_deref().map(short_syntax::words).transpose()?;
        let tty = !self.no_tty && self.interactive.tty.0 && !self.detach && is_interactive();
        Ok(RunOptions {
            service: self.service.clone(),
            name: self.name.clone(),
            command: self.command.clone(),
            entrypoint,
            env: change.env(cx)?,
            user: change.user.clone(),
            cwd: change.workdir.clone(),
            mounts: mounts.collect::<Result<_, Error>>()?,
            labels: labels(&change.label)?,
            ports: ports.collect::<Result<_, Error>>()?,
            service_ports: self.network.service_ports,
            use_aliases: self.network.use_aliases,
            tty,
            interactive: self.interactive.interactive.0 && !self.detach,
            cap_add: change.cap_add.clone(),
            cap_drop: change.cap_drop.clone(),
            remove: self.rm,
            no_deps: self.around.no_deps,
            detach: self.detach,
        })
    }
}

impl Change {
    /// Variables of files, and after them, so that they win, those of `--env`.
    fn env(&self, cx: &Context<impl Engine>) -> Result<Vec<String>> {
        let known = |name: &str| cx.environment().get(name).map(str::to_owned);
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for file in &self.env_from_file {
            let path = cx.directory().join(file);
            let name = file.display().to_string();
            let text =
                read_text_bounded(&path, MOST_BYTES).context(|| format!("cannot read {name}"))?;
            let found = dotenv::read(&name, &text, &known);
            all.extend(found.map_err(|(mistakes, sources)| {
                let colour = cx.output().err_has_colour();
                Failure::Mistakes(render(&mistakes, &sources, Style { colour, ..Style::default() }))
            })?);
        }
        for text in cx.variables(&self.env) {
            let (name, value) = text.split_once('=').unwrap_or((&text, ""));
            all.insert(name.to_owned(), value.to_owned());
        }
        Ok(all.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
    }
}

fn labels(given: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => {
            let message = format!("label must be set as KEY=VALUE, not {text:?}");
            Err(Error::new(Kind::Invalid, message).into())
        }
    };
    given.iter().map(pair).collect()
}
