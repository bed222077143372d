//! `rm`: remove stopped containers.

use crate::cli::app::selection::Subject;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::plan::{self, Action, Plan, RemoveOptions, Step};

/// Remove stopped containers of services
///
/// Asks before, unless told otherwise. Named volumes stay.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose rm            Remove what is stopped, after asking
  compose rm -fsv web   Stop web, and remove it and its anonymous volumes")]
pub struct Rm {
    /// Only these services
    services: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// Stop containers that run first
    #[arg(short, long)]
    stop: bool,

    /// Remove anonymous volumes too
    #[arg(short, long)]
    volumes: bool,

    /// Accepted for old scripts
    #[arg(short, long, hide = true)]
    all: bool,
}

impl Rm {
    /// Removes them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let sure = self.force || cx.global().dry_run;
        let mut agreed = Vec::new();
        loop {
            let lock = cx.lock_project(&subject.name, "rm").await?;
            let plan = self.plan(cx, &subject).await?;
            let names = removed(&plan);
            if names.is_empty() {
                cx.output().say_line("No stopped containers")?;
                return Ok(Exit::Success);
            }
            if sure || names.iter().all(|name| agreed.contains(name)) {
                cx.execute(&lock, &plan, "rm").await?;
                return Ok(Exit::Success);
            }
            // Others work on while the user thinks; what they leave is asked about again.
            drop(lock);
            if !cx.ask(&format!("Going to remove {}", names.join(", ")))? {
                return Ok(Exit::Success);
            }
            agreed = names;
        }
    }

    async fn plan(&self, cx: &Context<impl Engine>, subject: &Subject) -> Result<Plan> {
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let options = RemoveOptions { stop: self.stop, volumes: self.volumes };
        Ok(plan::rm(&observed, &subject.name, &services, &options))
    }
}

fn removed(plan: &Plan) -> Vec<String> {
    let name = |step: &Step| match &step.action {
        Action::RemoveContainer { container, .. } => Some(container.name.clone()),
        _ => None,
    };
    plan.steps.iter().filter_map(name).collect()
}
