//! `container inspect`: all that is known of containers, as JSON.

use serde_json::Value as Json;

use crate::base;
use crate::cli::ui::inspect::Findings;
use crate::cli::{Context, Exit, Result};
use crate::docker::container::shape;
use crate::engine::Engine;
use crate::resource::Observed;

use super::{everything, find};

/// Show all that is known of containers
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container inspect web
  compose container inspect -f '{{.State.Status}} {{.NetworkSettings.IPAddress}}' web")]
pub struct Inspect {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,

    /// A Go template instead of JSON
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,

    /// With the bytes that it takes on disk
    #[arg(short, long)]
    size: bool,
}

impl Inspect {
    /// Prints them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let mut findings = Findings::default();
        for name in &self.containers {
            findings.add(inspect(cx.engine()?, &observed, name, self.size).await);
        }
        findings.print(self.format.as_deref(), cx)
    }
}

/// The container that `name` means, as Docker's API describes it.
///
/// # Errors
/// There is none.
pub async fn inspect<E: Engine>(
    engine: &E,
    observed: &Observed,
    name: &str,
    size: bool,
) -> base::Result<Json> {
    let container = find(observed, name)?;
    Ok(shape(&engine.inspect(&container.id, size).await?))
}
