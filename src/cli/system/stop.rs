//! `system stop`: before the machine goes down, stop what runs.

use futures_util::future::join_all;

use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, StopOptions};
use crate::resource::Container;
use crate::resource::observed::Scope;

/// Stop all containers until the next boot
///
/// Each with its own signal and time, all at once. `system restore` starts those again whose
/// restart policy says so: they count as torn away, not as stopped by somebody. `system enable`
/// has this done at every shutdown.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system stop")]
pub struct Stop {}

impl Stop {
    /// Stops them; one that fails does not keep the others.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let engine = cx.engine()?;
        let observed = engine.observe(&Scope::default()).await?;
        let options = StopOptions { until_boot: true, ..StopOptions::default() };
        let running: Vec<&Container> =
            observed.containers.iter().filter(|it| it.status.state.is_active()).collect();
        let stopping = running.iter().map(|it| engine.stop_container(&it.id, &options));
        let mut exit = Exit::Success;
        for (container, stopped) in running.iter().zip(join_all(stopping).await) {
            let name = &container.spec.name;
            match stopped {
                Ok(()) => cx.output().print_line(name)?,
                Err(error) => {
                    cx.output().say_line(format!("error: {name}: {error}"))?;
                    exit = Exit::Code(1);
                }
            }
        }
        Ok(exit)
    }
}
