//! `container wait`: until containers have ended.

use futures_util::future::join_all;

use crate::cli::app::report::line;
use crate::cli::console::follow::end_once;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

use super::{everything, find};

/// Wait until containers have ended, and print their exit codes
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container wait import    Prints 0 when it went well")]
pub struct Wait {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Wait {
    /// Waits; codes are printed in the order of the arguments.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let engine = cx.engine()?;
        let lives = self.containers.iter().map(|name| async {
            let container = find(&observed, name)?;
            let status = end_once(engine, &container.id).await?;
            Ok::<i32, crate::cli::Failure>(status.and_then(|it| it.exit_code).unwrap_or(0))
        });
        let mut exit = Exit::Success;
        for life in join_all(lives).await {
            match life {
                Ok(code) => cx.output().print_line(code.to_string())?,
                Err(crate::cli::Failure::Error(error)) => {
                    cx.output().say_line(line(&error, cx.invoked_as()))?;
                    exit = Exit::Code(1);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(exit)
    }
}
