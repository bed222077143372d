//! `container export`: all files of a container, as an archive.

use crate::cli::project::export::export;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

use super::{everything, find};

/// Write all files of a container as a tar archive
///
/// Without volumes and other mounts. `image import` makes an image of it.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container export -o web.tar web
  compose container export web | tar -t")]
pub struct Export {
    /// Which container
    container: String,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
}

impl Export {
    /// Writes it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        export(cx, container, self.output.as_deref()).await
    }
}
