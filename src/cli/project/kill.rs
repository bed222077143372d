//! `kill`: send a signal to containers.

use crate::cli::plans::run_plan::Carry;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan;

/// Send a signal to running containers
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose kill                 End everything at once
  compose kill -s SIGHUP web   Make web read its configuration again")]
pub struct Kill {
    /// Only these services
    services: Vec<String>,

    /// Name or number of the signal
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGKILL")]
    signal: String,

    /// Include containers of services that the compose files no longer have
    #[arg(long)]
    remove_orphans: bool,
}

impl Kill {
    /// Sends it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let mut observed = cx.observe(&subject.name, Vec::new()).await?;
        let selection = subject.selection(&self.services, &observed)?;
        if !self.remove_orphans {
            observed.containers.retain(|container| !subject.is_orphan(container));
        }
        let plan = plan::kill(&observed, &selection, &self.signal);
        if plan.is_empty() {
            cx.output().say_line("No container to kill")?;
        }
        // Without the project's lock: this is how one ends what another command waits for.
        cx.carry_out(&plan, Carry { operation: "kill", ..Carry::default() }).await?;
        Ok(Exit::Success)
    }
}
