//! `wait`: until containers have ended.

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::base::{Error, Kind};
use crate::cli::app::selection::{is_one_off, service_of};
use crate::cli::console::follow::end_once;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan::{self, DownOptions};

/// Wait until a container of services has ended
///
/// The exit code is that of the first container that ends.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose wait migrate               Exits as the migration does
  compose wait --down-project tests  And takes the project down then")]
pub struct Wait {
    /// The services
    #[arg(required = true)]
    services: Vec<String>,

    /// Take the project down when the first container has ended
    #[arg(long)]
    down_project: bool,
}

impl Wait {
    /// Waits.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let containers = observed
            .containers
            .iter()
            .filter(|it| subject.owns(it) && !is_one_off(it) && services.contains(service_of(it)));
        let engine = cx.engine()?;
        let mut lives: FuturesUnordered<_> =
            containers.map(|it| async move { (it, end_once(engine, &it.id).await) }).collect();
        let Some((container, status)) = lives.next().await else {
            let message = format!("no containers for project {:?}", subject.name);
            return Err(Error::new(Kind::NotFound, message).hint("`compose up` makes them").into());
        };
        let code = status?.and_then(|status| status.exit_code).unwrap_or(0);
        let id = &container.id;
        cx.output()
            .print_line(format!("container {:?} exited with status code {code}", id.as_str()))?;
        if self.down_project {
            let lock = cx.lock_project(&subject.name, "wait").await?;
            let observed = cx.observe(&subject.name, Vec::new()).await?;
            let project = subject.name.clone();
            let options = DownOptions { project, known: subject.known, ..DownOptions::default() };
            cx.execute(&lock, &plan::down(&observed, &options), "down").await?;
        }
        Ok(Exit::of_program(code))
    }
}
