//! `volume rm`: remove volumes, and the data in them.

use crate::base::{Error, Kind};
use crate::cli::app::bulk::each;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;

/// Remove volumes, and the data in them
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose volume rm data old    Two volumes
  compose volume rm -f data     No error if it does not exist")]
pub struct Rm {
    /// Which volumes
    #[arg(required = true)]
    names: Vec<String>,

    /// A missing volume is no error
    #[arg(short, long)]
    force: bool,
}

impl Rm {
    /// Removes them; one that cannot be removed does not keep the others.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let engine = cx.engine()?;
        let observed = engine.observe(&Scope::default()).await?;
        let force = self.force;
        each(cx, &self.names, async |name: &str| {
            if !observed.volumes.contains_key(name) && !force {
                return Err(Error::new(Kind::NotFound, format!("get {name}: no such volume")));
            }
            engine.remove_volume(name).await
        })
        .await
    }
}
