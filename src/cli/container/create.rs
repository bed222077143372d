//! `container create`: make a container without starting it.

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

use super::make::draft;
use super::options::Options;
use super::run::Attached;

/// Make a container without starting it
///
/// Prints its id; `start` starts it.
#[derive(clap::Args, Debug)]
#[command(
    disable_help_flag = true,
    args_override_self = true,
    after_help = "\
Examples:
  compose container create --name job -v data:/data debian tar cf /data/etc.tar /etc
  compose container create -it --name box alpine sh    And then: compose container start -ai box"
)]
pub struct Create {
    /// Accepted for old scripts: `start --attach` decides it
    #[arg(short, long, value_name = "STREAM", ignore_case = true, hide = true)]
    attach: Vec<Attached>,

    #[command(flatten)]
    options: Options,

    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

impl Create {
    /// Makes it, and prints its id.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let id = draft(cx, &self.options).await?.create(cx.engine()?).await?;
        cx.output().print_line(id.as_str())?;
        Ok(Exit::Success)
    }
}
