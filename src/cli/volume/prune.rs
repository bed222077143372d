//! `volume prune`: remove volumes that no container mounts.

use crate::cli::app::bulk::{Filters, Pruned, unless_changed};
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
        if cx.agreed(self.force, &warning)? {
            unused(cx, self.all, &self.filter).await?.print(cx.output(), "Deleted Volumes")?;
        }
        Ok(Exit::Success)
    }
}

/// Removes volumes that no container mounts and that match; named ones only if `all` are meant.
///
/// # Errors
/// A filter is wrong, or one cannot be removed.
pub async fn unused(cx: &Context<impl Engine>, all: bool, filter: &[String]) -> Result<Pruned> {
    let filters = Filters::parse(filter, &["label", "until"])?;
    let until = filters.until()?;
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
        if unless_changed(engine.remove_volume(&volume.spec.name).await)?.is_none() {
            continue;
        }
        pruned.names.push(volume.spec.name.clone());
        pruned.bytes += bytes;
    }
    Ok(pruned)
}
