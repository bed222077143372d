//! `container stop` and `container restart`.

use std::time::Duration;

use crate::cli::app::bulk::each_at_once;
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, StopOptions};
use crate::plan;

use super::{everything, find};

/// How containers are stopped.
#[derive(clap::Args, Debug)]
struct Manner {
    /// Seconds before a container is killed; -1: never [default: its own]
    #[arg(
        short,
        long,
        visible_alias = "time",
        value_name = "SECONDS",
        allow_negative_numbers = true
    )]
    timeout: Option<i64>,

    /// Signal that asks it to end [default: its own]
    #[arg(short, long, value_name = "SIGNAL")]
    signal: Option<String>,
}

impl Manner {
    fn options(&self) -> Result<StopOptions> {
        // About 136 years is as good as never.
        let forever = Duration::from_secs(u64::from(u32::MAX));
        let seconds = |seconds| u64::try_from(seconds).map_or(forever, Duration::from_secs);
        let signal = self.signal.as_deref().map(plan::signal_name).transpose()?;
        Ok(StopOptions { grace: self.timeout.map(seconds), signal, ..StopOptions::default() })
    }
}

/// Stop running containers
///
/// Each is asked to end, and killed when it does not in time.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container stop web db
  compose container stop -t 2 web    Killed after two seconds")]
pub struct Stop {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,

    #[command(flatten)]
    manner: Manner,
}

impl Stop {
    /// Stops them, all at the same time.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let (observed, options) = (everything(cx).await?, self.manner.options()?);
        let engine = cx.engine()?;
        each_at_once(cx, &self.containers, async |name| {
            engine.stop_container(&find(&observed, name)?.id, &options).await
        })
        .await
    }
}

/// Stop containers and start them again
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container restart web
  compose container restart -t 0 web db")]
pub struct Restart {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,

    #[command(flatten)]
    manner: Manner,
}

impl Restart {
    /// Restarts them, all at the same time.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let (observed, options) = (everything(cx).await?, self.manner.options()?);
        let options = StopOptions { keep: true, ..options };
        let engine = cx.engine()?;
        each_at_once(cx, &self.containers, async |name| {
            let id = &find(&observed, name)?.id;
            engine.stop_container(id, &options).await?;
            engine.start_container(id).await?;
            engine.tell(id, "restart").await
        })
        .await
    }
}
