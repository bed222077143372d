//! `container top`: the processes in a container.

use crate::base::{Error, Kind};
use crate::cli::top::{HEADER, processes};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

use super::{everything, find};

/// Show the processes that run in a container
///
/// Process ids are those of this machine.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container top web")]
pub struct Top {
    /// Which container
    container: String,
}

impl Top {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        if !container.status.state.is_active() {
            let message = format!("container {} is not running", container.id);
            return Err(Error::new(Kind::Conflict, message).into());
        }
        let mut rows = vec![HEADER.map(str::to_owned).to_vec()];
        rows.extend(processes(&cx.engine()?.processes(&container.id).await?));
        cx.output().print(Columns::WIDE.align(&rows))?;
        Ok(Exit::Success)
    }
}
