//! `system …`: everything on this machine together.

mod df;
mod info;
mod links;
mod prune;

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

pub use info::Info;

/// Look after everything on this machine together
#[derive(clap::Subcommand, Debug)]
pub enum System {
    Df(df::Df),
    Info(Info),
    InstallLinks(links::InstallLinks),
    Prune(prune::Prune),
}

impl System {
    /// Hands on to the command.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            System::Df(command) => command.run(cx).await,
            System::Info(command) => command.run(cx).await,
            System::InstallLinks(command) => command.run(cx),
            System::Prune(command) => command.run(cx).await,
        }
    }
}
