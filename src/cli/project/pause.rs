//! `pause` and `unpause`: freeze the processes of containers, and let them go on.

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan;

/// Freeze the processes of containers
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose pause       Freeze everything
  compose pause web   Freeze one service")]
pub struct Pause {
    /// Only these services
    services: Vec<String>,
}

impl Pause {
    /// Freezes what runs.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        set(cx, &self.services, true).await
    }
}

/// Let frozen processes go on
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose unpause       Let everything go on
  compose unpause web   Let one service go on")]
pub struct Unpause {
    /// Only these services
    services: Vec<String>,
}

impl Unpause {
    /// Thaws what is frozen.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        set(cx, &self.services, false).await
    }
}

async fn set(cx: &Context<impl Engine>, services: &[String], paused: bool) -> Result<Exit> {
    let subject = cx.subject()?;
    let operation = if paused { "pause" } else { "unpause" };
    let lock = cx.lock_project(&subject.name, operation).await?;
    let observed = cx.observe(&subject.name, Vec::new()).await?;
    let selection = subject.selection(services, &observed)?;
    let plan = plan::pause(&observed, &selection, paused);
    cx.execute(&lock, &plan, operation).await?;
    Ok(Exit::Success)
}
