//! `logout`: forget the credentials for a registry.

use crate::cli::registry::login::registry_of;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::registry::forget;

/// Log out of a registry
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose logout                        Docker Hub
  compose logout registry.example.com")]
pub struct Logout {
    /// Which registry; Docker Hub if none is named
    server: Option<String>,
}

impl Logout {
    /// Forgets them.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let server = registry_of(self.server.as_deref());
        match forget(&cx.registries()?.docker, &server)? {
            true => cx.output().print_line(format!("Removing login credentials for {server}"))?,
            false => cx.output().print_line(format!("Not logged in to {server}"))?,
        }
        Ok(Exit::Success)
    }
}
