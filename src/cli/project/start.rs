//! `start`: start containers that exist.

use std::time::Duration;

use crate::base::{Error, Kind};
use crate::cli::plans::run_plan::Carry;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan;

/// Start containers that were stopped
///
/// Containers are not made or changed; that is what `up` does.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose start          Start everything, dependencies first
  compose start web db   Start two services
  compose start --wait   Return when everything runs or is healthy")]
pub struct Start {
    /// Only these services
    services: Vec<String>,

    /// Return when everything runs or is healthy
    #[arg(long)]
    wait: bool,

    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    wait_timeout: Option<u64>,
}

impl Start {
    /// Starts what does not run.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let lock = cx.lock_project(&subject.name, "start").await?;
        let observed = cx.observe_to_start(&subject.name, Vec::new()).await?;
        let selection = subject.selection(&self.services, &observed)?;
        if !observed.containers.iter().any(|container| subject.owns(container)) {
            let message = format!("no container found for project {:?}", subject.name);
            let error = Error::new(Kind::NotFound, message).hint("`compose up` makes them");
            return Err(error.into());
        }
        let plan = plan::start(&observed, &selection, self.wait);
        let wait_timeout = self.wait_timeout.map(Duration::from_secs);
        let how = Carry { operation: "start", wait_timeout, lock: Some(&lock), ..Carry::default() };
        cx.carry_out(&plan, how).await?;
        Ok(Exit::Success)
    }
}
