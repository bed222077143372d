//! `stats`: what containers use, live.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::ContainerId;
use crate::cli::app::selection::service_of;
use crate::cli::ui::stats::{Reading, listing};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;
use crate::resource::{Container, Stats as Counters};

/// Between the two first readings: shares are of the time between readings.
const FIRST: Duration = Duration::from_millis(250);

/// Between all others (Docker: the same).
const EVERY: Duration = Duration::from_secs(1);

/// Show what containers use: processor, memory, network, disks
///
/// Once a second, until Ctrl-C.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose stats                        All of the project
  compose stats --no-stream web        One service, once
  compose stats --format '{{.Name}}: {{.CPUPerc}}'")]
pub struct Stats {
    /// Only these services
    services: Vec<String>,

    #[command(flatten)]
    show: Show,
}

/// How statistics are shown.
#[derive(clap::Args, Clone, Debug)]
pub struct Show {
    /// Those that do not run, too
    #[arg(short, long)]
    pub all: bool,

    /// `table`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub format: String,

    /// Once, not again and again
    #[arg(long)]
    pub no_stream: bool,

    /// Whole ids
    #[arg(long)]
    pub no_trunc: bool,
}

impl Stats {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let scope =
            Scope { project: Some(subject.name.clone()), images: Vec::new(), ..Scope::default() };
        let wanted =
            |container: &Container| services.is_empty() || services.contains(service_of(container));
        show(cx, &scope, &self.show, wanted).await
    }
}

/// Shows what `wanted` containers of `scope` use; containers come and go meanwhile.
///
/// # Errors
/// The template is wrong, or the engine's state cannot be read.
pub async fn show<E: Engine>(
    cx: &Context<E>,
    scope: &Scope,
    options: &Show,
    wanted: impl Fn(&Container) -> bool,
) -> Result<Exit> {
    let engine = cx.engine()?;
    let mut before = BTreeMap::new();
    let mut pause = FIRST;
    loop {
        let mut containers = engine.observe(scope).await?.containers;
        containers.retain(|it| wanted(it) && (options.all || it.status.state.is_active()));
        containers.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
        let now = read(engine, &containers).await?;
        let is_first = before.is_empty() && pause == FIRST;
        if !is_first || containers.is_empty() {
            print(cx, &containers, &before, &now, options)?;
        }
        if options.no_stream && (!is_first || containers.is_empty()) {
            return Ok(Exit::Success);
        }
        tokio::time::sleep(pause).await;
        (before, pause) = (now, EVERY);
    }
}

type Readings = BTreeMap<ContainerId, Counters>;

async fn read<E: Engine>(engine: &E, containers: &[Container]) -> Result<Readings> {
    let mut readings = Readings::new();
    for container in containers {
        match engine.stats(&container.id).await {
            Ok(stats) => drop(readings.insert(container.id.clone(), stats)),
            // It was removed since it was seen.
            Err(error) if error.kind() == crate::base::Kind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(readings)
}

fn print<E: Engine>(
    cx: &Context<E>,
    containers: &[Container],
    before: &Readings,
    now: &Readings,
    options: &Show,
) -> Result<()> {
    let mut readings = Vec::new();
    for container in containers {
        // Its share is not known until there are two readings.
        let Some(now) = now.get(&container.id) else { continue };
        let before = before.get(&container.id).unwrap_or(now);
        readings.push(Reading { container, before, now });
    }
    let text = listing(&readings, options.no_trunc).text(&options.format)?;
    let live = !options.no_stream && cx.output().out_is_terminal();
    if live {
        // To the first line; what the new lines do not cover is erased.
        let lines = text.replace('\n', "\x1b[K\n");
        cx.output().print(format!("\x1b[H{lines}\x1b[J"))?;
    } else {
        cx.output().print(text)?;
    }
    Ok(())
}
