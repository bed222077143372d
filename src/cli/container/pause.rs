//! `container pause` and `container unpause`.

use crate::base::{Error, Kind};
use crate::cli::app::bulk::each_at_once;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::container::State;

use super::{everything, find};

/// Freeze running containers
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container pause web")]
pub struct Pause {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Pause {
    /// Freezes them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        set(cx, &self.containers, true).await
    }
}

/// Let frozen containers go on
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container unpause web")]
pub struct Unpause {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Unpause {
    /// Lets them go on.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        set(cx, &self.containers, false).await
    }
}

async fn set(cx: &Context<impl Engine>, names: &[String], paused: bool) -> Result<Exit> {
    let observed = everything(cx).await?;
    let engine = cx.engine()?;
    each_at_once(cx, names, async |name| {
        let container = find(&observed, name)?;
        let conflict = |what: &str| {
            Err(Error::new(Kind::Conflict, format!("Container {} {what}", container.id)))
        };
        match (container.status.state, paused) {
            (State::Running, true) | (State::Paused, false) => {
                engine.pause_container(&container.id, paused).await
            }
            (State::Paused, true) => conflict("is already paused"),
            (State::Running, false) => conflict("is not paused"),
            (State::Restarting, true) => {
                conflict("is restarting, wait until the container is running")
            }
            _ => conflict("is not running"),
        }
    })
    .await
}
