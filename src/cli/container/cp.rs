//! `container cp`: copy files between here and a container.

use crate::base::{Error, Kind};
use crate::cli::console::copy::place::End;
use crate::cli::console::copy::{Local, Rules, from_container, into_each};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

use super::{everything, find};

/// Copy files between here and a container
///
/// Whether it runs or not. `-` is an archive, on standard input or output.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container cp web:/etc/nginx/nginx.conf .
  compose container cp site/. web:/srv         What is in a directory
  compose container cp web:/srv - | tar -t     As an archive")]
pub struct Cp {
    /// `CONTAINER:PATH`, a path here, or `-`
    source: String,

    /// Likewise
    destination: String,

    /// Owners stay as they are
    #[arg(short, long)]
    archive: bool,

    /// A link at the source stands for what it leads to
    #[arg(short = 'L', long)]
    follow_link: bool,

    /// Say nothing
    #[arg(short, long)]
    quiet: bool,
}

impl Cp {
    /// Copies.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let rules = Rules { archive: self.archive, follow: self.follow_link, quiet: self.quiet };
        let observed = everything(cx).await?;
        let mistake = |message: &str| Err(Error::new(Kind::Invalid, message).into());
        match (End::parse(&self.source), End::parse(&self.destination)) {
            (End::There(name, path), End::Here(to)) => {
                from_container(cx, find(&observed, &name)?, &path, &to, rules).await?;
            }
            (End::Here(from), End::There(name, path)) => {
                let container = find(&observed, &name)?;
                let local = Local::find(cx.directory(), &from, self.follow_link)?;
                into_each(cx, &local, &[container], &path, rules).await?;
            }
            (End::There(..), End::There(..)) => {
                return mistake("copying between containers is not supported");
            }
            (End::Here(_), End::Here(_)) => {
                return mistake("must specify at least one container source");
            }
        }
        Ok(Exit::Success)
    }
}
