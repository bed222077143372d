//! `image diff`: what differs between the files of two images.

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::diff::{diff, lines};

/// Show what differs between the files of two images
///
/// A stands for added, C for changed and D for deleted, from the first image to the second.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image diff app:1 app:2")]
pub struct Diff {
    /// The first image, by name or id
    one: String,

    /// The second
    other: String,
}

impl Diff {
    /// Shows it.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let store = cx.images()?;
        let _pin = store.pin()?;
        let (one, other) = (store.get(&self.one)?, store.get(&self.other)?);
        cx.output().print(lines(&diff(&store, &one, &other)?))?;
        Ok(Exit::Success)
    }
}
