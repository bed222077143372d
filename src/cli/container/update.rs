//! `container update`: change limits and the restart policy of containers that exist.

use crate::base::{Error, Kind};
use crate::cli::app::bulk::each;
use crate::cli::{Context, Exit, Result};
use crate::compose::model::Restart;
use crate::engine::Engine;
use crate::plan;
use crate::resource::Update as Changes;

use super::options::Changeable;
use super::{everything, find};

/// Change limits and the restart policy of containers
///
/// At once if they run, and for their later starts.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container update --memory 1g --memory-swap 2g web
  compose container update --restart unless-stopped web db")]
pub struct Update {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,

    /// When it is started again: no, always, unless-stopped, on-failure or on-failure:N
    #[arg(long, value_name = "POLICY")]
    restart: Option<Restart>,

    #[command(flatten)]
    limits: Changeable,
}

impl Update {
    /// Changes them; one that cannot be changed does not keep the others.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let restart = self.restart.map(plan::restart_policy);
        let changes = Changes { restart, ..self.limits.changes()? };
        if changes == Changes::default() {
            let message = "you must provide one or more flags when using this command";
            return Err(Error::new(Kind::Invalid, message).into());
        }
        let observed = everything(cx).await?;
        let engine = cx.engine()?;
        each(cx, &self.containers, async |name: &str| {
            engine.update_container(&find(&observed, name)?.id, &changes).await
        })
        .await
    }
}
