//! `registry …`: what registries have, and who they know us as.

pub mod login;
pub mod logout;
pub mod publish;
pub mod pull;
pub mod push;
mod search;

use crate::cli::image::Tags;
use crate::cli::registry::login::Login;
use crate::cli::registry::logout::Logout;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

pub use search::Search;

/// Look into registries
#[derive(clap::Subcommand, Debug)]
pub enum Registry {
    Login(Login),
    Logout(Logout),
    Search(Search),
    Tags(Tags),
}

impl Registry {
    /// Hands on to the command.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            Registry::Login(command) => command.run(cx).await,
            Registry::Logout(command) => command.run(cx),
            Registry::Search(command) => command.run(cx).await,
            Registry::Tags(command) => command.run(cx).await,
        }
    }
}
