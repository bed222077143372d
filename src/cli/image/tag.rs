//! `image tag`: give an image another name.

use crate::base::Error;
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
        let name = self.name.parse().map_err(|error: Error| {
            // Docker: the same words.
            let message = format!(
                "Error parsing reference: {:?} is not a valid repository/tag: {error}",
                self.name
            );
            Error::new(error.kind(), message)
        })?;
        cx.images()?.tag(&self.image, &name)?;
        Ok(Exit::Success)
    }
}
