//! `system …`: everything on this machine together.

mod check;
mod df;
mod enable;
mod events;
mod info;
pub mod inspect;
mod links;
mod prune;
mod restore;
mod stop;

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

pub use events::Events;
pub use info::Info;

/// Look after everything on this machine together
#[derive(clap::Subcommand, Debug)]
pub enum System {
    Check(check::Check),
    Df(df::Df),
    Disable(enable::Disable),
    Enable(enable::Enable),
    Events(Events),
    Info(Info),
    InstallLinks(links::InstallLinks),
    Prune(prune::Prune),
    Restore(restore::Restore),
    Stop(stop::Stop),
}

impl System {
    /// Hands on to the command.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            System::Check(command) => command.run(cx).await,
            System::Df(command) => command.run(cx).await,
            System::Disable(command) => command.run(cx),
            System::Enable(command) => command.run(cx),
            System::Events(command) => command.run(cx).await,
            System::Info(command) => command.run(cx).await,
            System::InstallLinks(command) => command.run(cx),
            System::Prune(command) => command.run(cx).await,
            System::Restore(command) => command.run(cx).await,
            System::Stop(command) => command.run(cx).await,
        }
    }
}
