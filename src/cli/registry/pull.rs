//! `pull`: fetch the images of services.

use crate::base::{Error, Kind};
use crate::cli::plans::run_plan::Carry;
use crate::cli::{Context, Exit, Result};
use crate::compose::model::PullPolicy;
use crate::engine::Engine;
use crate::plan::{self, ImageOptions, Plan};

/// Fetch the images of services
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose pull                    Newer versions of all images
  compose pull --policy missing   Only what is not here yet
  compose pull --include-deps web")]
pub struct Pull {
    /// Only these services
    services: Vec<String>,

    /// Leave out images that can be built
    #[arg(long)]
    ignore_buildable: bool,

    /// Accepted for old scripts
    #[arg(long, hide = true)]
    _no_parallel: bool,

    /// Go on when an image cannot be fetched
    #[arg(long)]
    ignore_pull_failures: bool,

    /// Fetch images of what the services depend on too
    #[arg(long)]
    include_deps: bool,

    /// `missing` or `always`
    #[arg(long, value_name = "WHEN", default_value = "always")]
    policy: String,

    /// Show nothing while fetching
    #[arg(short, long)]
    quiet: bool,
}

impl Pull {
    /// Fetches them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let policy = match self.policy.as_str() {
            "always" => PullPolicy::Always,
            "missing" => PullPolicy::Missing,
            other => {
                let error = Error::new(Kind::Invalid, format!("unsupported --policy {other:?}"));
                return Err(error.hint("use always or missing").into());
            }
        };
        let project = cx.project_for(&self.services)?;
        let mut project = match self.services.is_empty() {
            true => project.clone(),
            false => project.select(&self.services, self.include_deps)?,
        };
        if self.ignore_buildable {
            project.services.retain(|_, service| service.build.is_none());
        }
        // An image that is only ever built is in no registry.
        project.services.retain(|_, service| service.image.is_some() || service.build.is_none());
        let names = plan::needed_images(&project).into_iter().collect();
        let observed = cx.observe(&project.name, names).await?;
        let options = ImageOptions {
            policy: Some(policy),
            include_buildable: true,
            ..ImageOptions::default()
        };
        let plan = plan::images(&project, &observed, &options)?;
        let mut plan = Plan { kept: Vec::new(), ..plan };
        for step in &mut plan.steps {
            step.optional |= self.ignore_pull_failures;
        }
        let how = Carry { operation: "pull", quiet_pull: self.quiet, ..Carry::default() };
        cx.carry_out(&plan, how).await?;
        Ok(Exit::Success)
    }
}
