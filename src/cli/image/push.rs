//! `image push`: send an image to its registry.

use crate::base::{Error, Kind};
use crate::cli::app::global::ProgressStyle;
use crate::cli::app::invoked_as::InvokedAs;
use crate::cli::ui::lines::{Lines, Way};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::engine::host::Relay;
use crate::image::{self, Reference};

use crate::cli::console::transfer::{PUSH, transfer};

/// Send an image to its registry
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image push registry.example.com/team/app:1.2
  compose image push -a registry.example.com/team/app   Every tag that is here")]
pub struct Push {
    /// Which image
    name: String,

    /// Every tag of the repository
    #[arg(short, long)]
    all_tags: bool,

    /// Show nothing while sending
    #[arg(short, long)]
    quiet: bool,
}

impl Push {
    /// Sends it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let reference: Reference = self.name.parse()?;
        let (store, settings) = (cx.images()?, cx.registries()?);
        let references = match self.all_tags {
            false => vec![reference.clone().or_latest()],
            true if reference.tag().is_some() || reference.digest().is_some() => {
                let message = "tag can't be used with --all-tags/-a";
                return Err(Error::new(Kind::Invalid, message).into());
            }
            true => store.tags_of(&reference)?,
        };
        if references.is_empty() {
            let name = reference.familiar_name();
            let message = format!("An image does not exist locally with the tag: {name}");
            return Err(Error::new(Kind::NotFound, message).into());
        }
        for reference in &references {
            let name = reference.familiar();
            let as_docker = cx.invoked_as() == InvokedAs::Docker
                && cx.style() != ProgressStyle::Tty
                && !self.quiet;
            let pushed = if as_docker {
                if self.name.parse::<Reference>()?.tag().is_none() && !self.all_tags {
                    cx.output().print_line("Using default tag: latest")?;
                }
                let line = format!("The push refers to repository [{}]", reference.name());
                cx.output().print_line(line)?;
                let lines = Lines::new(cx.output(), Way::Out, false);
                let relay = Relay { image: &name, progress: &lines };
                image::push(&store, reference, &settings, &relay).await?
            } else {
                transfer(cx, &name, PUSH, self.quiet, async |progress| {
                    image::push(&store, reference, &settings, progress).await
                })
                .await?
            };
            cx.output().print_line(match self.quiet {
                true => reference.to_string(),
                // Docker: the last line of `docker push`.
                false => {
                    let tag = reference.tag().unwrap_or_default();
                    format!("{tag}: digest: {} size: {}", pushed.digest, pushed.size)
                }
            })?;
        }
        Ok(Exit::Success)
    }
}
