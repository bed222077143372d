//! `cp`: copy files between here and the containers of a service.

use crate::base::{Error, Kind};
use crate::cli::app::selection::{is_one_off, number_of, service_of};
use crate::cli::console::copy::place::End;
use crate::cli::console::copy::{Local, Rules, from_container, into_each};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Container;

/// Copy files between here and a service's containers
///
/// Whether they run or not. `-` is an archive, on standard input or output.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose cp web:/etc/nginx/nginx.conf .    Out of the first container
  compose cp site/. web:/usr/share/html     What is in a directory, into all containers of web
  compose cp --index 2 a.txt web:/tmp       Into one of them
  compose cp db:/var/lib/data - | tar -t    As an archive")]
pub struct Cp {
    /// `SERVICE:PATH`, a path here, or `-`
    source: String,

    /// Likewise
    destination: String,

    /// Containers of `run`, too
    #[arg(long)]
    all: bool,

    /// Owners stay as they are
    #[arg(short, long)]
    archive: bool,

    /// A link at the source stands for what it leads to
    #[arg(short = 'L', long)]
    follow_link: bool,

    /// Number of the replica [default: out of the first, into all]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    index: u32,
}

impl Cp {
    /// Copies.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let rules = Rules { archive: self.archive, follow: self.follow_link, quiet: false };
        let mistake = |message: &str| Err(Error::new(Kind::Invalid, message).into());
        let (service, path, other, out) =
            match (End::parse(&self.source), End::parse(&self.destination)) {
                (End::There(service, path), End::Here(to)) => (service, path, to, true),
                (End::Here(from), End::There(service, path)) => (service, path, from, false),
                (End::There(..), End::There(..)) => {
                    return mistake("copying between services is not supported");
                }
                (End::Here(_), End::Here(_)) => {
                    return mistake("unknown copy direction: one side must be SERVICE:PATH");
                }
            };
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let first = subject.replica(&observed, &service, self.index)?;
        if out {
            from_container(cx, first, &path, &other, rules).await?;
            return Ok(Exit::Success);
        }
        let wanted = |it: &&Container| {
            subject.owns(it)
                && service_of(it) == service
                && (self.all || !is_one_off(it) || it.id == first.id)
                && (self.index == 0 || number_of(it) == self.index)
        };
        let containers: Vec<&Container> = observed.containers.iter().filter(wanted).collect();
        let local = Local::find(cx.directory(), &other, self.follow_link)?;
        into_each(cx, &local, &containers, &path, rules).await?;
        Ok(Exit::Success)
    }
}
