//! `volume …`: single volumes, whatever project they belong to.

mod backup;
mod create;
mod inspect;
pub mod ls;
mod prune;
mod rm;

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::mount::MountSource;
use crate::resource::{Container, Observed};

pub use prune::unused;

/// Manage volumes
#[derive(clap::Subcommand, Debug)]
pub enum Volume {
    Backup(backup::Backup),
    Create(create::Create),
    Inspect(inspect::Inspect),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    Prune(prune::Prune),
    Restore(backup::Restore),
    #[command(visible_alias = "remove")]
    Rm(rm::Rm),
}

impl Volume {
    /// Hands on to the command.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            Volume::Backup(command) => command.run(cx).await,
            Volume::Create(command) => command.run(cx).await,
            Volume::Inspect(command) => command.run(cx).await,
            Volume::Ls(command) => command.run(cx).await,
            Volume::Prune(command) => command.run(cx).await,
            Volume::Restore(command) => command.run(cx).await,
            Volume::Rm(command) => command.run(cx).await,
        }
    }
}

/// Containers that mount the volume `name`.
pub fn users<'a>(observed: &'a Observed, name: &str) -> impl Iterator<Item = &'a Container> {
    observed.containers.iter().filter(move |container| {
        container.spec.all_mounts().iter().any(
            |mount| matches!(&mount.source, MountSource::Volume { name: used, .. } if used == name),
        )
    })
}
