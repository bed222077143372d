//! `volume prune`: remove volumes that no container mounts.

use crate::cli::single::Filters;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;

use super::users;

/// Remove volumes that no container mounts
///
/// Only anonymous ones, unless asked for all.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose volume prune        Anonymous volumes, after asking
  compose volume prune -af    Every unused volume, without asking")]
pub struct Prune {
    /// Named volumes too
    #[arg(short, long)]
    all: bool,

    /// Only volumes that match: label=KEY[=VALUE]
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl Prune {
    /// Removes them, and prints their names.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let filters = Filters::parse(&self.filter, &["label"])?;
        let which = if self.all { "all volumes" } else { "all anonymous volumes" };
        let warning = format!("WARNING! This will remove {which} that no container mounts.");
        if !self.force {
            cx.output().say_line(&warning)?;
            if !cx.ask("Are you sure you want to continue?")? {
                return Ok(Exit::Success);
            }
        }
        let engine = cx.engine()?;
        let observed = engine.observe(&Scope::default()).await?;
        let unused = observed.volumes.values().filter(|volume| {
            (self.all || volume.spec.anonymous)
                && filters.labels(&volume.spec.labels)
                && users(&observed, &volume.spec.name).next().is_none()
        });
        let mut removed = String::new();
        for volume in unused {
            engine.remove_volume(&volume.spec.name).await?;
            removed += &format!("{}\n", volume.spec.name);
        }
        if !removed.is_empty() {
            cx.output().print(format!("Deleted Volumes:\n{removed}"))?;
        }
        Ok(Exit::Success)
    }
}
