//! `ps`: list the containers of a project.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use crate::base::{Error, Kind};
use crate::cli::app::selection::{Subject, is_one_off, service_of};
use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::docker::{human, ports, status};
use crate::engine::Engine;
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;
use crate::resource::{Container, labels};

/// List containers
///
/// Only running ones, unless asked for all.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose ps                            What runs
  compose ps -a --format json           Everything, one JSON object a line
  compose ps --format '{{.Name}} {{.State}}'
  compose ps --status exited --services Services that have stopped containers")]
pub struct Ps {
    /// Only these services
    services: Vec<String>,

    /// Show stopped containers, and those of `run`, too
    #[arg(short, long)]
    all: bool,

    /// Only containers that match, as in `status=running`
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,

    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Do not cut long texts
    #[arg(long)]
    no_trunc: bool,

    /// Include services that the compose files no longer have
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    orphans: bool,

    /// Only ids
    #[arg(short, long)]
    quiet: bool,

    /// Only names of services
    #[arg(long = "services", id = "names_only")]
    names_only: bool,

    /// Only containers in this state: paused, restarting, running, dead, created or exited
    #[arg(long, value_name = "STATE")]
    status: Vec<String>,
}

impl Ps {
    /// Lists them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let states = self.states()?;
        let shown = |container: &&Container| self.shows(container, &subject, &services, &states);
        let mut containers: Vec<&Container> = observed.containers.iter().filter(shown).collect();
        containers.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
        cx.output().print(self.text(&containers, Timestamp::now())?)?;
        Ok(Exit::Success)
    }

    fn shows(
        &self,
        container: &Container,
        subject: &Subject,
        services: &BTreeSet<String>,
        states: &BTreeSet<String>,
    ) -> bool {
        let state = container.status.state;
        let by_state = match states.is_empty() {
            true => self.all || state.is_active() && !is_one_off(container),
            false => states.contains(state.as_str()),
        };
        let by_service = services.is_empty() || services.contains(service_of(container));
        let by_files = self.orphans || !subject.is_orphan(container);
        subject.owns(container) && by_state && by_service && by_files
    }

    /// States asked for with `--status` or `--filter status=`.
    fn states(&self) -> Result<BTreeSet<String>> {
        const KNOWN: [&str; 7] =
            ["paused", "restarting", "removing", "running", "dead", "created", "exited"];
        let mut states: BTreeSet<String> = self.status.iter().cloned().collect();
        for filter in &self.filter {
            let Some(state) = filter.strip_prefix("status=") else {
                let error = Error::new(Kind::Invalid, format!("unknown filter {filter:?}"));
                return Err(error.hint("containers can be filtered by status=STATE").into());
            };
            states.insert(state.to_owned());
        }
        match states.iter().find(|state| !KNOWN.contains(&state.as_str())) {
            None => Ok(states),
            Some(state) => {
                let error = Error::new(Kind::Invalid, format!("unknown status {state:?}"));
                Err(error.hint(format!("known are {}", KNOWN.join(", "))).into())
            }
        }
    }

    fn text(&self, containers: &[&Container], now: Timestamp) -> Result<String> {
        if self.quiet {
            return Ok(containers.iter().map(|it| format!("{}\n", it.id)).collect());
        }
        if self.names_only {
            let names: BTreeSet<&str> = containers.iter().map(|it| service_of(it)).collect();
            return Ok(names.iter().map(|name| format!("{name}\n")).collect());
        }
        let columns = vec![
            ("NAME", "Name"),
            ("IMAGE", "Image"),
            ("COMMAND", "Command"),
            ("SERVICE", "Service"),
            ("CREATED", "RunningFor"),
            ("STATUS", "Status"),
            ("PORTS", "Ports"),
        ];
        let rows = containers.iter().map(|it| row(it, now, !self.no_trunc)).collect();
        let list = Listing { columns, rows, layout: Columns::DOCKER, json: JsonStyle::Lines };
        Ok(list.text(&self.format)?)
    }
}

/// A container with the fields that Docker Compose gives it, in its order.
pub fn row(container: &Container, now: Timestamp, cut: bool) -> Row {
    let (spec, status) = (&container.spec, &container.status);
    let label = |key: &str| spec.labels.get(key).cloned().unwrap_or_default();
    let command = command_line(&spec.process.argv);
    let command = if cut { human::ellipsis(&command, 20) } else { command };
    let id = if cut { container.id.short() } else { container.id.as_str() };
    let created = container.created_at.to_zoned(TimeZone::system());
    let all_labels: Vec<_> =
        spec.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let row = Row { labels: spec.labels.clone(), ..Row::default() };
    row.with("Command", human::quote(&command))
        .with("CreatedAt", created.strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string())
        .with("Engine", "")
        .with("ExitCode", status.exit_code.unwrap_or(0))
        .with("Health", status::health_word(status))
        .with("ID", id)
        .with("Image", spec.image.as_str())
        .with("Labels", all_labels.join(","))
        .with("LocalVolumes", local_volumes(container).to_string())
        .with("Mounts", mounts(container, cut).join(","))
        .with("Name", spec.name.as_str())
        .with("Names", spec.name.as_str())
        .with("Networks", networks(container).join(","))
        .with("Ports", ports::text(container))
        .with("Project", label(labels::PROJECT))
        .with("Publishers", publishers(container))
        .with("RunningFor", human::duration(human::since(container.created_at, now)) + " ago")
        .with("Service", label(labels::SERVICE))
        .with("Size", "0B")
        .with("State", status.state.as_str())
        .with("Status", status::text(status, now))
}

/// The command as one text (Docker: in single quotes what has a blank in it).
fn command_line(argv: &[String]) -> String {
    let word = |(at, word): (usize, &String)| match at > 0 && word.contains(' ') {
        true => format!("'{word}'"),
        false => word.clone(),
    };
    argv.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

fn local_volumes(container: &Container) -> usize {
    let volume = |source: &MountSource| matches!(source, MountSource::Volume { .. });
    container.spec.all_mounts().iter().filter(|mount| volume(&mount.source)).count()
}

/// Names of volumes and paths of the host.
fn mounts(container: &Container, cut: bool) -> Vec<String> {
    let name = |source: &MountSource| match source {
        MountSource::Bind { path, .. } => Some(path.display().to_string()),
        MountSource::Volume { name, .. } => Some(name.clone()),
        _ => None,
    };
    let mounts = container.spec.all_mounts();
    let names = mounts.iter().filter_map(|mount| name(&mount.source));
    names.map(|name| if cut { human::ellipsis(&name, 15) } else { name }).collect()
}

fn networks(container: &Container) -> Vec<String> {
    match &container.spec.network {
        NetworkMode::Networks(endpoints) => {
            let mut names: Vec<_> = endpoints.iter().map(|it| it.network.clone()).collect();
            names.sort();
            names
        }
        NetworkMode::None => vec!["none".to_owned()],
        NetworkMode::Host => vec!["host".to_owned()],
        NetworkMode::Container(_) => Vec::new(),
    }
}

/// Published ports, and exposed ones with port 0.
fn publishers(container: &Container) -> Json {
    if !container.status.state.is_active() {
        return json!([]);
    }
    let bound = &container.status.ports;
    let published = bound.iter().map(|port| {
        json!({
            "URL": port.host_ip.to_string(),
            "TargetPort": port.container,
            "PublishedPort": port.host,
            "Protocol": port.protocol.as_str(),
        })
    });
    let exposed = container
        .spec
        .expose
        .iter()
        .flat_map(|expose| expose.ports.ports().map(|port| (port, expose.protocol)));
    let exposed = exposed
        .filter(|(port, protocol)| {
            !bound.iter().any(|it| (it.container, it.protocol) == (*port, *protocol))
        })
        .map(|(port, protocol)| {
            json!({
                "URL": "",
                "TargetPort": port,
                "PublishedPort": 0,
                "Protocol": protocol.as_str(),
            })
        });
    published.chain(exposed).collect()
}
