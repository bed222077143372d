//! `image tag`: give an image another name.

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// Give an image another name
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image tag app registry.example.com/team/app:1.2")]
pub struct Tag {
    /// Which image, by name or id
    image: String,

    /// Its further name
    name: String,
}

impl Tag {
    /// Names it.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        cx.images()?.tag(&self.image, &self.name.parse()?)?;
        Ok(Exit::Success)
    }
}
