//! `network prune`: remove networks that no container uses.

use crate::cli::app::bulk::{Filters, unless_changed};
use crate::cli::container::BRIDGE;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::network::OF_BUILDS;
use crate::resource::observed::Scope;

use crate::docker::network::users;

/// Remove networks that no container uses
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network prune       After asking
  compose network prune -f    Without asking")]
pub struct Prune {
    /// Only networks that match: label=KEY[=VALUE] or until=TIME
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl Prune {
    /// Removes them in one go, and prints their names.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let warning = "WARNING! This will remove all networks that no container uses.";
        if !cx.agreed(self.force, warning)? {
            return Ok(Exit::Success);
        }
        let names = unused(cx, &self.filter).await?;
        if !names.is_empty() {
            cx.output().print(format!("Deleted Networks:\n{}\n", names.join("\n")))?;
        }
        Ok(Exit::Success)
    }
}

/// Removes networks that no container uses and that match; returns their names.
///
/// # Errors
/// A filter is wrong, or one cannot be removed.
pub async fn unused(cx: &Context<impl Engine>, filter: &[String]) -> Result<Vec<String>> {
    let filters = Filters::parse(filter, &["label", "until"])?;
    let until = filters.until()?;
    let engine = cx.engine()?;
    let observed = engine.observe(&Scope::default()).await?;
    let unused = observed.networks.values().filter(|network| {
        filters.labels(&network.spec.labels)
            && until.is_none_or(|until| network.created_at < until)
            // That of single containers stays, as it would be made again for the next one.
            && network.spec.name != BRIDGE
            // A build may be on; it takes its network away itself.
            && network.spec.name != OF_BUILDS
            && users(&observed, &network.spec.name).next().is_none()
    });
    let names: Vec<String> = unused.map(|network| network.spec.name.clone()).collect();
    if names.is_empty() || unless_changed(engine.remove_networks(&names).await)?.is_some() {
        return Ok(names);
    }
    // One of them is used by now, perhaps by a build: the others go one by one.
    let mut removed = Vec::new();
    for name in names {
        if unless_changed(engine.remove_networks(std::slice::from_ref(&name)).await)?.is_some() {
            removed.push(name);
        }
    }
    Ok(removed)
}
