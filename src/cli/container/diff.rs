//! `container diff`: what a container has changed of its image's files.

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::diff::lines;

use super::{everything, find};

/// Show what a container has changed of its image's files
///
/// A stands for added, C for changed and D for deleted. Volumes and other mounts do not count.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container diff web")]
pub struct Diff {
    /// Which container
    container: String,
}

impl Diff {
    /// Shows it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        let changes = cx.engine()?.changes(&container.id).await?;
        cx.output().print(lines(&changes))?;
        Ok(Exit::Success)
    }
}
