//! `container stats`: what containers use, live.

use std::collections::BTreeSet;

use crate::base::ContainerId;
use crate::cli::project::stats::{Show, show};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;

use super::{everything, find};

/// Show what containers use: processor, memory, network, disks
///
/// Once a second, until Ctrl-C.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container stats                    All that run
  compose container stats --no-stream web    One of them, once")]
pub struct Stats {
    /// Only these containers
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,

    #[command(flatten)]
    show: Show,
}

impl Stats {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let found = self.containers.iter().map(|name| Ok(find(&observed, name)?.id.clone()));
        let ids: BTreeSet<ContainerId> = found.collect::<Result<_>>()?;
        // Those that were named are shown whatever their state.
        let options = Show { all: self.show.all || !ids.is_empty(), ..self.show };
        show(cx, &Scope::default(), &options, |it| ids.is_empty() || ids.contains(&it.id)).await
    }
}
