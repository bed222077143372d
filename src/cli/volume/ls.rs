//! `volume ls`: list volumes.

use crate::cli::app::bulk::{Filters, join};
use crate::cli::ui::listing::{JsonStyle, Listing, Row, unless_raw};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;
use crate::resource::{Observed, Volume};
use crate::state::Roots;

use super::users;

/// List volumes
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose volume ls                        All of them
  compose volume ls -qf dangling=true      Names of those that no container mounts")]
pub struct Ls {
    /// Only volumes that match: dangling=true, driver=local, label=KEY[=VALUE] or name=PART
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,

    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Only names
    #[arg(short, long)]
    quiet: bool,
}

impl Ls {
    /// Lists them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let filters = Filters::parse(&self.filter, &["dangling", "driver", "label", "name"])?;
        let observed = cx.engine()?.observe(&Scope::default()).await?;
        let volumes = observed.volumes.values().filter(|volume| shows(&filters, volume, &observed));
        if self.quiet {
            let names: String = volumes.map(|volume| format!("{}\n", volume.spec.name)).collect();
            cx.output().print(names)?;
            return Ok(Exit::Success);
        }
        let roots = cx.roots()?;
        let list = Listing {
            columns: vec![("DRIVER", "Driver"), ("VOLUME NAME", "Name")],
            rows: volumes.map(|volume| row(volume, &roots)).collect(),
            layout: Columns::DOCKER,
            json: JsonStyle::Lines,
        };
        cx.output().print(list.text(unless_raw(&self.format, RAW))?)?;
        Ok(Exit::Success)
    }
}

/// Docker: what the format `raw` shows.
pub const RAW: &str = "name: {{.Name}}\ndriver: {{.Driver}}\n";

fn shows(filters: &Filters, volume: &Volume, observed: &Observed) -> bool {
    let dangling = users(observed, &volume.spec.name).next().is_none();
    filters.any("name", |part| volume.spec.name.contains(part))
        && filters.any("driver", |driver| driver == "local")
        && filters.switch("dangling").is_ok_and(|wanted| wanted.is_none_or(|it| it == dangling))
        && filters.labels(&volume.spec.labels)
}

/// Docker: the same fields, those of swarm clusters without a value.
#[must_use]
pub fn row(volume: &Volume, roots: &Roots) -> Row {
    let labels = volume.spec.labels.clone();
    Row { labels: labels.clone(), ..Row::default() }
        .with("Availability", "N/A")
        .with("Driver", "local")
        .with("Group", "N/A")
        .with("Labels", join(&labels))
        .with("Links", "N/A")
        .with("Mountpoint", roots.volume_data(&volume.spec.name).to_string_lossy())
        .with("Name", volume.spec.name.as_str())
        .with("Scope", "local")
        .with("Size", "N/A")
        .with("Status", "N/A")
}
