//! `ls`: list the projects on this machine.

use std::collections::BTreeMap;

use crate::base::{Error, Kind};
use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;
use crate::resource::{Container, labels};

/// List projects
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose ls                  Projects with running containers
  compose ls -a --format json All projects, for scripts
  compose ls --filter name=^demo")]
pub struct Ls {
    /// Show projects that are stopped too
    #[arg(short, long)]
    all: bool,

    /// `table`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Only names
    #[arg(short, long)]
    quiet: bool,

    /// Only projects that match, as in `name=web`
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
}

impl Ls {
    /// Lists them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = cx.engine()?.observe(&Scope::default()).await?;
        let names = self.filter.iter().map(|filter| name_filter(filter));
        let names = names.collect::<Result<Vec<_>>>()?;
        let mut projects: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
        for container in &observed.containers {
            if let Some(project) = container.spec.labels.get(labels::PROJECT) {
                projects.entry(project).or_default().push(container);
            }
        }
        projects.retain(|name, containers| {
            let shown = self.all || containers.iter().any(|it| it.status.state.is_active());
            shown && (names.is_empty() || names.iter().any(|part| matches(part, name)))
        });
        let output = cx.output();
        if self.quiet {
            output.print(projects.keys().map(|name| format!("{name}\n")).collect::<String>())?;
            return Ok(Exit::Success);
        }
        let rows = projects.iter().map(|(name, containers)| row(name, containers)).collect();
        let columns = vec![("NAME", "Name"), ("STATUS", "Status"), ("CONFIG FILES", "ConfigFiles")];
        let list = Listing { columns, rows, layout: Columns::WIDE, json: JsonStyle::Array };
        output.print(list.text(&self.format)?)?;
        Ok(Exit::Success)
    }
}

fn row(name: &str, containers: &[&Container]) -> Row {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for container in containers {
        *states.entry(container.status.state.as_str()).or_default() += 1;
    }
    let states = states.iter().map(|(state, count)| format!("{state}({count})"));
    let files = containers.iter().find_map(|it| it.spec.labels.get(labels::CONFIG_FILES));
    Row::default()
        .with("Name", name)
        .with("Status", states.collect::<Vec<_>>().join(", "))
        .with("ConfigFiles", files.map_or("N/A", String::as_str))
}

/// What the name shall contain; `^` and `$` at its ends mean the name's own ends.
fn name_filter(filter: &str) -> Result<&str> {
    filter.strip_prefix("name=").ok_or_else(|| {
        Error::new(Kind::Invalid, format!("unknown filter {filter:?}"))
            .hint("projects can be filtered by name=PART")
            .into()
    })
}

fn matches(part: &str, name: &str) -> bool {
    let (from_start, part) = part.strip_prefix('^').map_or((false, part), |part| (true, part));
    let (to_end, part) = part.strip_suffix('$').map_or((false, part), |part| (true, part));
    match (from_start, to_end) {
        (true, true) => name == part,
        (true, false) => name.starts_with(part),
        (false, true) => name.ends_with(part),
        (false, false) => name.contains(part),
    }
}
