//! `image tags`: which tags a registry has.

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::{self, Reference};

/// List the tags that a registry has of an image
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image tags nginx
  compose image tags registry.example.com/team/app")]
pub struct Tags {
    /// Which image
    name: String,
}

impl Tags {
    /// Lists them, one a line.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let reference: Reference = self.name.parse()?;
        let tags = image::tags(&cx.registries()?, &reference).await?;
        cx.output().print(tags.iter().map(|tag| format!("{tag}\n")).collect::<String>())?;
        Ok(Exit::Success)
    }
}
