//! `container prune`: remove containers that do not run.

use crate::cli::app::bulk::{Pruned, unless_changed};
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, RemoveOptions};

use super::everything;
use super::filter::Conditions;

/// Remove all containers that do not run
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container prune                        After asking
  compose container prune -f --filter until=24h  Those made a day ago or before, without asking")]
pub struct Prune {
    /// Only containers that match: label=KEY[=VALUE] or until=TIME
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl Prune {
    /// Removes them, and prints their ids.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        if cx.agreed(self.force, "WARNING! This will remove all stopped containers.")? {
            prune(cx, &self.filter).await?.print(cx.output(), "Deleted Containers")?;
        }
        Ok(Exit::Success)
    }
}

/// Removes the containers that do not run and fulfil `filters`.
///
/// # Errors
/// A filter is wrong, or one cannot be removed.
pub async fn prune(cx: &Context<impl Engine>, filters: &[String]) -> Result<Pruned> {
    let observed = everything(cx).await?;
    let conditions = Conditions::parse(filters, &observed)?;
    let (engine, mut pruned) = (cx.engine()?, Pruned::default());
    for container in &observed.containers {
        if container.status.state.is_active() || !conditions.hold(container, &observed) {
            continue;
        }
        let Some(found) = unless_changed(engine.inspect(&container.id, true).await)? else {
            continue;
        };
        let removed = engine.remove_container(&container.id, &RemoveOptions::default()).await;
        if unless_changed(removed)?.is_none() {
            continue;
        }
        let size = found.size;
        pruned.names.push(container.id.to_string());
        pruned.bytes += size.map_or(0, |size| size.writable);
    }
    Ok(pruned)
}
