//! `image pull`: fetch an image from its registry.

use crate::base::{Error, Kind};
use crate::cli::app::global::ProgressStyle;
use crate::cli::app::invoked_as::InvokedAs;
use crate::cli::ui::lines::{Lines, Way, heading};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::engine::host::Relay;
use crate::image::{self, Policy, PullOptions, Pulled, Reference, Store};

use crate::cli::console::transfer::{PULL, transfer};

/// Fetch an image from its registry
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image pull nginx:1.28
  compose image pull nginx@sha256:…                     Exactly this one
  compose image pull --platform linux/arm64 debian:12
  compose image pull -q registry.example.com/team/app   Only print its name")]
pub struct Pull {
    /// Which image
    name: String,

    /// Every tag of the repository
    #[arg(short, long)]
    all_tags: bool,

    /// For this platform, as in linux/arm64, instead of this machine's
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,

    /// Show nothing while fetching
    #[arg(short, long)]
    quiet: bool,
}

impl Pull {
    /// Fetches it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let reference: Reference = self.name.parse()?;
        let options = PullOptions {
            policy: Policy::Always,
            platform: self.platform.as_deref().map(str::parse).transpose()?,
            settings: cx.registries()?,
        };
        if !self.all_tags {
            return self.one(cx, &reference.or_latest(), &options).await;
        }
        if reference.tag().is_some() || reference.digest().is_some() {
            let message = "tag can't be used with --all-tags/-a";
            return Err(Error::new(Kind::Invalid, message).into());
        }
        for tag in image::tags(&options.settings, &reference).await? {
            self.one(cx, &reference.tagged(&tag)?, &options).await?;
        }
        Ok(Exit::Success)
    }

    async fn one(
        &self,
        cx: &Context<impl Engine>,
        reference: &Reference,
        options: &PullOptions,
    ) -> Result<Exit> {
        let (store, name) = (cx.images()?, reference.familiar());
        let as_docker =
            cx.invoked_as() == InvokedAs::Docker && cx.style() != ProgressStyle::Tty && !self.quiet;
        let pulled = match as_docker {
            true => self.in_lines(cx, &store, reference, options).await?,
            false => {
                transfer(cx, &name, PULL, self.quiet, async |progress| {
                    image::pull(&store, reference, options, progress).await
                })
                .await?
            }
        };
        if !self.quiet {
            cx.output().print(status(&pulled, &name))?;
        }
        cx.output().print_line(reference.to_string())?;
        Ok(Exit::Success)
    }
}

impl Pull {
    /// As Docker's command line tells it where there is no terminal.
    async fn in_lines(
        &self,
        cx: &Context<impl Engine>,
        store: &Store,
        reference: &Reference,
        options: &PullOptions,
    ) -> Result<Pulled> {
        if self.name.parse::<Reference>()?.tag().is_none() && reference.digest().is_none() {
            cx.output().print_line("Using default tag: latest")?;
        }
        cx.output().print_line(heading(reference))?;
        let lines = Lines::new(cx.output(), Way::In, false);
        let relay = Relay { image: &self.name, progress: &lines };
        Ok(image::pull(store, reference, options, &relay).await?)
    }
}

/// Docker: the last lines of `docker pull`.
fn status(pulled: &Pulled, name: &str) -> String {
    let digest = pulled.digest.as_ref().map(|digest| format!("Digest: {digest}\n"));
    let status = match pulled.is_new {
        true => "Downloaded newer image for",
        false => "Image is up to date for",
    };
    format!("{}Status: {status} {name}\n", digest.unwrap_or_default())
}
