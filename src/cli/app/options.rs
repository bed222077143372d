//! Options that several commands share.

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

use crate::base::{Error, Kind, duration};
use crate::cli::Result;
use crate::compose::model::PullPolicy;
use crate::engine::LogOptions;
use crate::plan::RemoveImages;

/// How long to wait before a container is killed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Grace {
    /// Seconds before a container is killed; -1: never [default: its stop_grace_period]
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

impl Grace {
    /// `None`: the container's own.
    #[must_use]
    pub fn timeout(self) -> Option<Duration> {
        // About 136 years is as good as never.
        let forever = Duration::from_secs(u64::from(u32::MAX));
        self.timeout.map(|seconds| u64::try_from(seconds).map_or(forever, Duration::from_secs))
    }
}

/// Which images `down --rmi` removes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RemoveImagesWhich {
    /// Those built without a name of their own.
    Local,
    /// All that services use.
    All,
}

impl From<RemoveImagesWhich> for RemoveImages {
    fn from(which: RemoveImagesWhich) -> RemoveImages {
        match which {
            RemoveImagesWhich::Local => RemoveImages::Local,
            RemoveImagesWhich::All => RemoveImages::All,
        }
    }
}

/// When images are fetched (`--pull`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PullWhen {
    /// Ask the registry for a newer one each time.
    Always,
    /// When it is not there.
    Missing,
    /// Never.
    Never,
    /// As each service says.
    Policy,
}

impl PullWhen {
    /// The policy for all services; `None`: as each says.
    #[must_use]
    pub fn policy(self) -> Option<PullPolicy> {
        match self {
            PullWhen::Always => Some(PullPolicy::Always),
            PullWhen::Missing => Some(PullPolicy::Missing),
            PullWhen::Never => Some(PullPolicy::Never),
            PullWhen::Policy => None,
        }
    }
}

/// `--tty`, `--tty=false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch(pub bool);

impl std::str::FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Switch, String> {
        match text.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" => Ok(Switch(true)),
            "0" | "f" | "false" => Ok(Switch(false)),
            _ => Err("write true or false".to_owned()),
        }
    }
}

/// Whether images are built first.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Building {
    /// Build images before
    #[arg(long)]
    pub build: bool,

    /// Do not build an image, even if it is missing
    #[arg(long)]
    pub no_build: bool,

    /// Show nothing of the building of images
    #[arg(long)]
    pub quiet_build: bool,
}

impl Building {
    /// Whether images are to be built: always, never, or `None`: when they are missing.
    ///
    /// # Errors
    /// Both `--build` and `--no-build` were given.
    pub fn wanted(self) -> Result<Option<bool>> {
        match (self.build, self.no_build) {
            (true, true) => Err(incompatible("--build and --no-build are incompatible")),
            (true, false) => Ok(Some(true)),
            (false, true) => Ok(Some(false)),
            (false, false) => Ok(None),
        }
    }
}

/// `web=3` as a service and a number (`--scale`).
///
/// # Errors
/// [`Kind::Invalid`] for anything else.
pub fn scale(text: &str) -> Result<(String, u32)> {
    let pair = text.split_once('=').and_then(|(service, number)| {
        Some((service.to_owned(), number.parse().ok()?)).filter(|(service, _)| !service.is_empty())
    });
    pair.ok_or_else(|| {
        let message = format!("invalid --scale option {text:?}. Should be SERVICE=NUM");
        Error::new(Kind::Invalid, message).into()
    })
}

/// Two options exclude each other.
#[must_use]
pub fn incompatible(message: &str) -> crate::cli::Failure {
    Error::new(Kind::Invalid, message).into()
}

/// Which part of what was printed is read.
#[derive(Args, Clone, Debug)]
pub struct Reading {
    /// Go on with new lines until what prints them has stopped
    #[arg(short, long)]
    pub follow: bool,

    /// Only from this time on: 2026-01-31T12:00:00Z, or 10m for ten minutes ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only the last lines of each container, or `all`
    #[arg(
        short = 'n',
        long,
        value_name = "LINES",
        default_value = "all",
        allow_hyphen_values = true
    )]
    tail: String,

    /// With the time of each line
    #[arg(short, long)]
    pub timestamps: bool,

    /// Only up to this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Reading {
    /// The same for the engine.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what is no number of lines or no time.
    pub fn options(&self) -> Result<LogOptions> {
        let now = Timestamp::now();
        let tail = match self.tail.as_str() {
            "all" => None,
            text => {
                let lines: i64 = text.parse().map_err(|_| {
                    Error::new(Kind::Invalid, format!("invalid --tail value {text:?}"))
                        .hint("write a number of lines, or all")
                })?;
                usize::try_from(lines).ok()
            }
        };
        let time = |text: Option<&str>| text.map(|it| moment(it, now)).transpose();
        Ok(LogOptions {
            follow: self.follow,
            tail,
            since: time(self.since.as_deref())?,
            until: time(self.until.as_deref())?,
        })
    }
}

/// A point in time as `--since` and `--until` take it: RFC 3339, local time without a zone, a date,
/// seconds since 1970, or a duration before `now`.
///
/// # Errors
/// [`Kind::Invalid`] for anything else.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp> {
    // Docker: a bare zero is the beginning of time, not a moment ago.
    if text == "0" {
        return Ok(Timestamp::UNIX_EPOCH);
    }
    if let Ok(ago) = duration::parse(text) {
        return Ok(now.checked_sub(ago).unwrap_or(Timestamp::MIN));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Some(time) = text.parse::<f64>().ok().and_then(of_seconds) {
        return Ok(time);
    }
    let local = text.parse::<DateTime>().ok().or_else(|| {
        text.parse::<jiff::civil::Date>().ok().map(|date| date.to_datetime(Time::midnight()))
    });
    let zoned = local.and_then(|time| time.to_zoned(TimeZone::system()).ok());
    zoned.map(|time| time.timestamp()).ok_or_else(|| {
        Error::new(Kind::Invalid, format!("`{text}` is not a time"))
            .hint("write 2026-01-31T12:00:00Z, 2026-01-31, or 10m for ten minutes ago")
            .into()
    })
}

fn of_seconds(seconds: f64) -> Option<Timestamp> {
    let nanos = (seconds.fract() * 1e9) as i32;
    Timestamp::new(seconds.trunc() as i64, nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_all_their_forms() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (text, seconds) in [
            ("10s", 999_990),
            ("1h30m", 994_600),
            ("500000", 500_000),
            ("0", 0),
            ("0s", 1_000_000),
            ("1970-01-01T00:00:05Z", 5),
            ("1970-01-01T01:00:05+01:00", 5),
        ] {
            assert_eq!(moment(text, now).unwrap().as_second(), seconds, "{text}");
        }
        assert!(moment("yesterday", now).is_err());
    }

    #[test]
    fn a_scale_is_a_service_and_a_number() {
        assert_eq!(scale("web=3").unwrap(), ("web".to_owned(), 3));
        for text in ["web", "web=", "=3", "web=x", "web=-1"] {
            assert!(scale(text).is_err(), "{text}");
        }
    }
}
