//! `container top`: the processes in a container.

use crate::base::{Error, Kind};
use crate::cli::ui::processes::Listing;
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
  compose container top web
  compose container top web aux              As `ps aux` shows them
  compose container top web -o pid,rss,cmd   These columns")]
pub struct Top {
    /// Which container
    container: String,

    /// Options of ps(1) that choose columns: `-ef`, `aux`, `-l` or `-o COLUMN[=TITLE],…`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS OPTIONS")]
    options: Vec<String>,
}

impl Top {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let listing = Listing::parse(&self.options)?;
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        if !container.status.state.is_active() {
            let message = format!("container {} is not running", container.id);
            return Err(Error::new(Kind::Conflict, message).into());
        }
        let mut rows = vec![listing.header()];
        rows.extend(listing.rows(&cx.engine()?.processes(&container.id).await?));
        cx.output().print(Columns::WIDE.align(&rows))?;
        Ok(Exit::Success)
    }
}
