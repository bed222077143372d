//! `container kill`: send a signal to containers.

use crate::base::{Error, Kind};
use crate::cli::app::bulk::each_at_once;
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, StopOptions};
use crate::plan;

use super::{everything, find};

/// Send a signal to running containers
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container kill web
  compose container kill -s HUP web    Only a signal")]
pub struct Kill {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,

    /// Name or number of the signal
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL")]
    signal: String,
}

impl Kill {
    /// Sends it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let signal = plan::signal_name(&self.signal)?;
        let observed = everything(cx).await?;
        let engine = cx.engine()?;
        each_at_once(cx, &self.containers, async |name| {
            let container = find(&observed, name)?;
            if !container.status.state.is_active() {
                let message = format!(
                    "cannot kill container: {name}: container {} is not running",
                    container.id
                );
                return Err(Error::new(Kind::Conflict, message));
            }
            match signal.as_str() {
                // Its restart policy must not bring it back (Docker: killed by hand is stopped).
                "SIGKILL" => {
                    let grace = Some(std::time::Duration::ZERO);
                    let signal = Some(signal.clone());
                    let options = StopOptions { grace, signal, ..StopOptions::default() };
                    engine.stop_container(&container.id, &options).await
                }
                signal => engine.kill_container(&container.id, signal).await,
            }
        })
        .await
    }
}
