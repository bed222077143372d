//! `stop`: stop containers, and keep them.

use crate::cli::app::options::Grace;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan;

/// Stop containers without removing them
///
/// `start` starts them again.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose stop            Stop everything, dependents first
  compose stop -t 2 web   Give web two seconds before it is killed")]
pub struct Stop {
    /// Only these services
    services: Vec<String>,

    #[command(flatten)]
    grace: Grace,
}

impl Stop {
    /// Stops what runs.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let lock = cx.lock_project(&subject.name, "stop").await?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let selection = subject.selection(&self.services, &observed)?;
        let plan = plan::stop(&observed, &selection, self.grace.timeout());
        cx.execute(&lock, &plan, "stop").await?;
        Ok(Exit::Success)
    }
}
