//! `volumes`: the volumes of a project.

use std::collections::BTreeSet;

use crate::cli::app::selection::service_of;
use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::mount::MountSource;
use crate::resource::{Volume, labels};

/// List the volumes of a project
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose volumes        All of the project
  compose volumes db     Those that containers of one service use
  compose volumes -q     Only names")]
pub struct Volumes {
    /// Only volumes of these services
    services: Vec<String>,

    /// `table`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Only names
    #[arg(short, long)]
    quiet: bool,
}

impl Volumes {
    /// Lists them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let containers = observed.containers.iter().filter(|it| services.contains(service_of(it)));
        let mounts = containers.flat_map(|container| container.spec.all_mounts());
        let used: BTreeSet<&str> = mounts
            .filter_map(|mount| match &mount.source {
                MountSource::Volume { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let shown = |volume: &&Volume| {
            let spec = &volume.spec;
            spec.labels.get(labels::PROJECT) == Some(&subject.name)
                && (services.is_empty() || used.contains(spec.name.as_str()))
        };
        let volumes = observed.volumes.values().filter(shown);
        if self.quiet {
            let names = volumes.map(|volume| format!("{}\n", volume.spec.name));
            cx.output().print(names.collect::<String>())?;
            return Ok(Exit::Success);
        }
        let columns = vec![("DRIVER", "Driver"), ("VOLUME NAME", "Name")];
        let rows = volumes.map(row).collect();
        let list = Listing { columns, rows, layout: Columns::DOCKER, json: JsonStyle::Lines };
        cx.output().print(list.text(&self.format)?)?;
        Ok(Exit::Success)
    }
}

fn row(volume: &Volume) -> Row {
    let spec = &volume.spec;
    let driver = if spec.driver.is_empty() { "local" } else { &spec.driver };
    let all: Vec<_> = spec.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let row = Row { labels: spec.labels.clone(), ..Row::default() };
    row.with("Availability", "N/A")
        .with("Driver", driver)
        .with("Group", "N/A")
        .with("Labels", all.join(","))
        .with("Links", "N/A")
        .with("Mountpoint", "")
        .with("Name", spec.name.as_str())
        .with("Scope", "local")
        .with("Size", "N/A")
        .with("Status", "N/A")
}
