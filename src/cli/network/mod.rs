//! `network …`: single networks, whatever project they belong to.

mod connect;
mod create;
mod inspect;
mod ls;
mod prune;
mod rm;

use crate::base::{self, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::{self, Observed};

pub use inspect::inspect;
pub use prune::unused;

/// Manage networks
#[derive(clap::Subcommand, Debug)]
pub enum Network {
    Connect(connect::Connect),
    Create(create::Create),
    Disconnect(connect::Disconnect),
    Inspect(inspect::Inspect),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    Prune(prune::Prune),
    #[command(visible_alias = "remove")]
    Rm(rm::Rm),
}

impl Network {
    /// Hands on to the command.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            Network::Connect(command) => command.run(cx).await,
            Network::Create(command) => command.run(cx).await,
            Network::Disconnect(command) => command.run(cx).await,
            Network::Inspect(command) => command.run(cx).await,
            Network::Ls(command) => command.run(cx).await,
            Network::Prune(command) => command.run(cx).await,
            Network::Rm(command) => command.run(cx).await,
        }
    }
}

/// The network with this name or id, or the unique beginning of an id.
///
/// # Errors
/// [`Kind::NotFound`], or [`Kind::Invalid`] when several ids begin so.
pub fn find<'a>(observed: &'a Observed, text: &str) -> base::Result<&'a resource::Network> {
    if let Some(network) = observed.networks.get(text) {
        return Ok(network);
    }
    let mut fitting = observed.networks.values().filter(|network| network.id.starts_with(text));
    match (fitting.next(), fitting.next()) {
        (Some(network), None) if !text.is_empty() => Ok(network),
        (Some(_), Some(_)) => {
            Err(Error::new(Kind::Invalid, format!("network id {text} is ambiguous")))
        }
        _ => Err(Error::new(Kind::NotFound, format!("network {text} not found"))),
    }
}
