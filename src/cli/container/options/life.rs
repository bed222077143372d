//! A container's name, its image, and how it starts and ends.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::base::{Error, Kind, Result};
use crate::compose::Service;
use crate::compose::model::{Logging, Restart};
use crate::engine::PullPolicy;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Life")]
pub struct Life {
    /// Its name [default: two words]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Remove it and its anonymous volumes when it ends
    #[arg(long)]
    pub rm: bool,

    /// When it is started again: no, always, unless-stopped, on-failure or on-failure:N
    #[arg(long, value_name = "POLICY")]
    restart: Option<String>,

    /// Signal that asks it to end [default: the image's, then SIGTERM]
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,

    /// Seconds before it is killed; -1: never [default: 10]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    stop_timeout: Option<i64>,

    /// Where its output goes: json-file, local, none, …
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,

    /// An option of that, as in `max-size=10m`
    #[arg(long, value_name = "NAME=VALUE")]
    log_opt: Vec<String>,

    /// When the image is fetched
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullWhen,

    /// The image's platform, as in linux/arm64
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,

    /// Show nothing of the fetching of the image
    #[arg(short, long)]
    pub quiet: bool,

    /// Write its id to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    pub cidfile: Option<PathBuf>,

    /// Accepted for old scripts
    #[arg(long, hide = true)]
    disable_content_trust: bool,
}

/// When an image is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PullWhen {
    Always,
    Missing,
    Never,
}

impl Life {
    /// When the image is fetched.
    pub fn policy(&self) -> PullPolicy {
        match self.pull {
            PullWhen::Always => PullPolicy::Always,
            PullWhen::Missing => PullPolicy::Missing,
            PullWhen::Never => PullPolicy::Never,
        }
    }

    pub fn apply(&self, service: &mut Service) -> Result<()> {
        let restart: Option<Restart> =
            self.restart.as_deref().filter(|text| !text.is_empty()).map(str::parse).transpose()?;
        if self.rm && restart.is_some_and(|restart| restart != Restart::No) {
            let message = "conflicting options: cannot specify both --restart and --rm";
            return Err(Error::new(Kind::Invalid, message));
        }
        service.restart = restart;
        service.stop_signal.clone_from(&self.stop_signal);
        // About 136 years is as good as never.
        let forever = Duration::from_secs(u64::from(u32::MAX));
        let seconds = |seconds| u64::try_from(seconds).map_or(forever, Duration::from_secs);
        service.stop_grace_period = self.stop_timeout.map(seconds);
        let mut logging = Logging { driver: self.log_driver.clone(), ..Logging::default() };
        for text in &self.log_opt {
            let (name, value) = super::pair(text, "--log-opt")?;
            logging.options.insert(name, value);
        }
        service.logging = Some(logging).filter(|logging| *logging != Logging::default());
        service.platform.clone_from(&self.platform);
        Ok(())
    }
}
