//! `volume prune`: remove volumes that no container mounts.

use jiff::Timestamp;

use crate::cli::options::moment;
use crate::cli::single::Filters;
use crate::cli::ui::human;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::engine::host::bytes_below;
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

    /// Only volumes that match: label=KEY[=VALUE] or until=TIME
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl Prune {
    /// Removes them, and prints their names.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let which = if self.all { "all volumes" } else { "all anonymous volumes" };
        let warning = format!("WARNING! This will remove {which} that no container mounts.");
        if !self.force {
            cx.output().say_line(&warning)?;
            if !cx.ask("Are you sure you want to continue?")? {
                return Ok(Exit::Success);
            }
        }
        let removed = unused(cx, self.all, &self.filter).await?;
        if !removed.names.is_empty() {
            let names = removed.names.join("\n");
            cx.output().print(format!("Deleted Volumes:\n{names}\n\n"))?;
        }
        let bytes = human::size(removed.bytes);
        cx.output().print_line(format!("Total reclaimed space: {bytes}"))?;
        Ok(Exit::Success)
    }
}

/// Volumes that were removed.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Their names.
    pub names: Vec<String>,
    /// What they took.
    pub bytes: u64,
}

/// Removes volumes that no container mounts and that match; named ones only if `all` are meant.
///
/// # Errors
/// A filter is wrong, or one cannot be removed.
pub async fn unused(cx: &Context<impl Engine>, all: bool, filter: &[String]) -> Result<Pruned> {
    let filters = Filters::parse(filter, &["label", "until"])?;
    let until = filters.values("until").iter().map(|text| moment(text, Timestamp::now()));
    let until = until.collect::<Result<Vec<Timestamp>>>()?.into_iter().min();
    let (engine, roots) = (cx.engine()?, cx.roots()?);
    let observed = engine.observe(&Scope::default()).await?;
    let unused = observed.volumes.values().filter(|volume| {
        (all || volume.spec.anonymous)
            && filters.labels(&volume.spec.labels)
            && until.is_none_or(|until| volume.created_at < until)
            && users(&observed, &volume.spec.name).next().is_none()
    });
    let mut pruned = Pruned::default();
    for volume in unused {
        let data = roots.volume_data(&volume.spec.name);
        let bytes = if data.exists() { bytes_below(&data)? } else { 0 };
        engine.remove_volume(&volume.spec.name).await?;
        pruned.names.push(volume.spec.name.clone());
        pruned.bytes += bytes;
    }
    Ok(pruned)
}
