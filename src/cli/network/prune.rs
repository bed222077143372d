//! `network prune`: remove networks that no container uses.

use crate::cli::single::Filters;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;

use super::users;

/// Remove networks that no container uses
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network prune       After asking
  compose network prune -f    Without asking")]
pub struct Prune {
    /// Only networks that match: label=KEY[=VALUE]
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl Prune {
    /// Removes them in one go, and prints their names.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let filters = Filters::parse(&self.filter, &["label"])?;
        if !self.force {
            let warning = "WARNING! This will remove all networks that no container uses.";
            cx.output().say_line(warning)?;
            if !cx.ask("Are you sure you want to continue?")? {
                return Ok(Exit::Success);
            }
        }
        let engine = cx.engine()?;
        let observed = engine.observe(&Scope::default()).await?;
        let unused = observed.networks.values().filter(|network| {
            filters.labels(&network.spec.labels)
                && users(&observed, &network.spec.name).next().is_none()
        });
        let names: Vec<String> = unused.map(|network| network.spec.name.clone()).collect();
        if !names.is_empty() {
            engine.remove_networks(&names).await?;
            cx.output().print(format!("Deleted Networks:\n{}\n", names.join("\n")))?;
        }
        Ok(Exit::Success)
    }
}
