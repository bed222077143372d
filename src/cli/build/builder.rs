//! `builder …`: what builds keep for the next one.

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// Manage what builds keep
#[derive(clap::Subcommand, Debug)]
pub enum Builder {
    Prune(Prune),
}

impl Builder {
    /// Hands on to the command.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            Builder::Prune(command) => command.run(cx).await,
        }
    }
}

/// Forget all built steps, and remove their cache directories
///
/// Images stay; the next build of each does every step anew.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose builder prune      After asking
  compose builder prune -f   Without asking")]
pub struct Prune {
    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// Everything (accepted, and of no effect: it is everything anyway)
    #[arg(short, long, hide = true)]
    all: bool,
}

impl Prune {
    /// Removes them, and prints how much room that made.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        if !cx.agreed(self.force, "WARNING! This will remove the build cache.")? {
            return Ok(Exit::Success);
        }
        let store = cx.images()?;
        let usage = cx.image_usage(&store).await?;
        store.forget_builds()?;
        // Every image is kept; what goes is what only builds needed.
        let reclaimed = store.prune(false, &usage, |_| true)?;
        let bytes = crate::docker::human::size(reclaimed.bytes);
        cx.output().print_line(format!("Total reclaimed space: {bytes}"))?;
        Ok(Exit::Success)
    }
}
