//! `container rm`: remove containers.

use crate::base::{Error, Kind};
use crate::cli::app::bulk::each_at_once;
use crate::cli::app::report::line;
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, RemoveOptions};

use super::{everything, find};

/// Remove containers
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container rm web         One that does not run
  compose container rm -fv web     Stop it first, and remove its anonymous volumes too")]
pub struct Rm {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,

    /// Even if it runs; and it is no mistake if there is none
    #[arg(short, long)]
    force: bool,

    /// With its anonymous volumes
    #[arg(short, long)]
    volumes: bool,

    /// Links of old: there are none to remove
    #[arg(short, long, hide = true)]
    link: bool,
}

impl Rm {
    /// Removes them, all at the same time.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        if self.link {
            let message = "links cannot be removed: they belong to the container that has them";
            return Err(Error::new(Kind::Invalid, message).into());
        }
        let observed = everything(cx).await?;
        let options = RemoveOptions { volumes: self.volumes, force: self.force };
        let engine = cx.engine()?;
        let (known, missing): (Vec<String>, Vec<String>) = self
            .containers
            .into_iter()
            .partition(|name| !self.force || find(&observed, name).is_ok());
        for name in missing {
            // Docker: said, but no mistake.
            let error = Error::new(Kind::NotFound, format!("No such container: {name}"));
            cx.output().say_line(line(&error, cx.invoked_as()))?;
        }
        each_at_once(cx, &known, async |name| {
            engine.remove_container(&find(&observed, name)?.id, &options).await
        })
        .await
    }
}
