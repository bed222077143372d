//! `network rm`: remove networks.

use crate::base::{Error, Kind};
use crate::cli::app::bulk::each;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;

use super::find;
use crate::docker::builtin::is_builtin;

/// Remove networks
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network rm shared    By name, or by id")]
pub struct Rm {
    /// Which networks
    #[arg(required = true)]
    names: Vec<String>,

    /// A missing network is no error
    #[arg(short, long)]
    force: bool,
}

impl Rm {
    /// Removes them; one that cannot be removed does not keep the others.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let engine = cx.engine()?;
        let observed = engine.observe(&Scope::default()).await?;
        let force = self.force;
        each(cx, &self.names, async |name: &str| match find(&observed, name) {
            // Docker: the same words.
            Err(_) if is_builtin(name) => {
                let message = format!("{name} is a pre-defined network and cannot be removed");
                Err(Error::new(Kind::Conflict, message))
            }
            Ok(network) => engine.remove_networks(std::slice::from_ref(&network.spec.name)).await,
            Err(error) if force && error.kind() == Kind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }
}
