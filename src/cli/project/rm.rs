//! `rm`: remove stopped containers.

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
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let options = RemoveOptions { stop: self.stop, volumes: self.volumes };
        let plan = plan::rm(&observed, &subject.name, &services, &options);
        let names = removed(&plan);
        if names.is_empty() {
            cx.output().say_line("No stopped containers")?;
            return Ok(Exit::Success);
        }
        let sure = self.force || cx.global().dry_run;
        if sure || cx.ask(&format!("Going to remove {}", names.join(", ")))? {
            cx.execute(&plan, "rm").await?;
        }
        Ok(Exit::Success)
    }
}

fn removed<'a>(plan: &'a Plan) -> Vec<&'a str> {
    let name = |step: &'a Step| match &step.action {
        Action::RemoveContainer { container, .. } => Some(container.name.as_str()),
        _ => None,
    };
    plan.steps.iter().filter_map(name).collect()
}
