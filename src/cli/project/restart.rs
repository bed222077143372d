//! `restart`: stop containers and start them again.

use crate::cli::app::options::Grace;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan::{self, Action};

/// Restart containers as they are
///
/// Changes in the compose files have no effect; that is what `up` is for.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose restart            Restart everything
  compose restart -t 0 web   Restart web at once")]
pub struct Restart {
    /// Only these services
    services: Vec<String>,

    /// Leave services alone that ask to be restarted with these
    #[arg(long)]
    no_deps: bool,

    #[command(flatten)]
    grace: Grace,
}

impl Restart {
    /// Restarts, in order.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let lock = cx.lock_project(&subject.name, "restart").await?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let selection = subject.selection(&self.services, &observed)?;
        let plan = plan::restart(&observed, &selection, self.grace.timeout(), self.no_deps);
        cx.execute(&lock, &plan, "restart").await?;
        let started = plan.steps.iter().filter_map(|step| match &step.action {
            Action::StartContainer(container) => container.id.as_ref(),
            _ => None,
        });
        for id in started {
            cx.engine()?.tell(id, "restart").await?;
        }
        Ok(Exit::Success)
    }
}
