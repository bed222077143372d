//! `down`: stop a project's containers, and remove what `up` made for it.

use crate::cli::app::options::{Grace, RemoveImagesWhich};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan::{self, DownOptions};

/// Stop and remove containers and networks
///
/// Volumes stay, since they hold data; `--volumes` removes them too.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose down                  Remove containers and networks
  compose down -v --rmi local   Remove volumes, and images that were built here, too
  compose down web              Remove the containers of one service only")]
pub struct Down {
    /// Only these services
    services: Vec<String>,

    /// Remove named volumes, and the data in them
    #[arg(short, long)]
    volumes: bool,

    /// Remove containers of services that the compose files no longer have
    #[arg(long)]
    remove_orphans: bool,

    /// Remove images: those built without a name of their own (`local`), or `all`
    #[arg(long, value_name = "WHICH")]
    rmi: Option<RemoveImagesWhich>,

    #[command(flatten)]
    grace: Grace,
}

impl Down {
    /// Takes the project away. Does not ask: who types `--volumes` has said so.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let lock = cx.lock_project(&subject.name, "down").await?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let options = DownOptions {
            project: subject.name.clone(),
            services,
            known: subject.known,
            remove_orphans: self.remove_orphans
                || cx.environment().is_true("COMPOSE_REMOVE_ORPHANS"),
            volumes: self.volumes,
            images: self.rmi.map(Into::into).unwrap_or_default(),
            timeout: self.grace.timeout(),
        };
        let plan = plan::down(&observed, &options);
        if plan.is_empty() && plan.warnings.is_empty() {
            let name = subject.name;
            cx.output().warn(format!("No resource found to remove for project {name:?}."))?;
        }
        cx.execute(&lock, &plan, "down").await?;
        Ok(Exit::Success)
    }
}
