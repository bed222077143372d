//! `network inspect`: all that is known of networks, as JSON.

use serde_json::Value as Json;

use crate::base;
use crate::cli::container::{BRIDGE, default_network};
use crate::cli::ui::inspect::Findings;
use crate::cli::{Context, Exit, Result};
use crate::docker::builtin::with_builtin;
use crate::docker::network::shape;
use crate::engine::Engine;
use crate::resource::observed::Scope;

use super::find;

/// Show all that is known of networks
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network inspect demo_default
  compose network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' demo_default")]
pub struct Inspect {
    /// Which networks
    #[arg(required = true)]
    names: Vec<String>,

    /// A Go template instead of JSON
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,

    /// Accepted for old scripts
    #[arg(short, long, hide = true)]
    verbose: bool,
}

impl Inspect {
    /// Prints them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let mut findings = Findings::default();
        for name in &self.names {
            findings.add(inspect(cx, name).await?);
        }
        findings.print(self.format.as_deref(), cx)
    }
}

/// All that is known of one network. `bridge` is made if it is asked for: only then it has a subnet
/// to show.
///
/// # Errors
/// The engine's state cannot be read. Inside: there is no such network.
pub async fn inspect(cx: &Context<impl Engine>, name: &str) -> Result<base::Result<Json>> {
    let engine = cx.engine()?;
    let mut observed = with_builtin(engine.observe(&Scope::default()).await?);
    let name = match find(&observed, name) {
        Ok(network) => network.spec.name.clone(),
        Err(error) => return Ok(Err(error)),
    };
    if name == BRIDGE && observed.networks[BRIDGE].bridge.is_empty() {
        default_network(engine).await?;
        observed = with_builtin(engine.observe(&Scope::default()).await?);
    }
    Ok(find(&observed, &name).map(|network| shape(network, &observed)))
}
