//! `start`: start containers that exist.

use crate::base::{Error, Kind};
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
  compose start web db   Start two services")]
pub struct Start {
    /// Only these services
    services: Vec<String>,
}

impl Start {
    /// Starts what does not run.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let selection = subject.selection(&self.services, &observed)?;
        if !observed.containers.iter().any(|container| subject.owns(container)) {
            let message = format!("no container found for project {:?}", subject.name);
            let error = Error::new(Kind::NotFound, message).hint("`compose up` makes them");
            return Err(error.into());
        }
        let plan = plan::start(&observed, &selection);
        cx.execute(&plan, "start").await?;
        Ok(Exit::Success)
    }
}
