//! Values that are one word with a meaning: restart policies, pull policies, whose namespace.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{Error, Kind, Result, duration};

/// When a container that ended is started again (Spec: 05-services.md#restart).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// Whatever its exit code.
    Always,
    /// Like `Always`, unless it was stopped by hand.
    UnlessStopped,
    /// Only after an exit code other than 0.
    OnFailure {
        /// Give up after this many restarts; `None`: never.
        max_attempts: Option<u32>,
    },
}

impl FromStr for Restart {
    type Err = Error;

    fn from_str(text: &str) -> Result<Restart> {
        let policy = match text.split_once(':') {
            None => match text {
                "no" => Some(Restart::No),
                "always" => Some(Restart::Always),
                "unless-stopped" => Some(Restart::UnlessStopped),
                "on-failure" => Some(Restart::OnFailure { max_attempts: None }),
                _ => None,
            },
            Some(("on-failure", times)) => {
                times.parse().ok().map(|times| Restart::OnFailure { max_attempts: Some(times) })
            }
            Some(_) => None,
        };
        policy.ok_or_else(|| {
            Error::new(Kind::Invalid, format!("`{text}` is not a restart policy"))
                .hint("use no, always, unless-stopped, on-failure or on-failure:N")
        })
    }
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Restart::No => f.write_str("no"),
            Restart::Always => f.write_str("always"),
            Restart::UnlessStopped => f.write_str("unless-stopped"),
            Restart::OnFailure { max_attempts: None } => f.write_str("on-failure"),
            Restart::OnFailure { max_attempts: Some(times) } => write!(f, "on-failure:{times}"),
        }
    }
}

/// When a service's image is pulled (Spec: 05-services.md#pull_policy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Before every start.
    Always,
    /// Never; a missing image is an error.
    Never,
    /// When it is not there. What an unset policy means.
    Missing,
    /// Never pulled, always built.
    Build,
    /// As `Missing` (Docker Compose reads it so).
    Refresh,
    /// When the last pull is at least this long ago.
    Every(Duration),
    /// Once a day.
    Daily,
    /// Once a week.
    Weekly,
}

impl FromStr for PullPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<PullPolicy> {
        Ok(match text {
            "always" => PullPolicy::Always,
            "never" => PullPolicy::Never,
            "missing" | "if_not_present" => PullPolicy::Missing,
            "build" => PullPolicy::Build,
            "refresh" => PullPolicy::Refresh,
            "daily" => PullPolicy::Daily,
            "weekly" => PullPolicy::Weekly,
            _ => match text.strip_prefix("every_").map(duration::parse) {
                Some(Ok(every)) => PullPolicy::Every(every),
                _ => {
                    let message = format!("`{text}` is not a pull policy");
                    return Err(Error::new(Kind::Invalid, message).hint(
                        "use always, missing, never, build, daily, weekly or every_<duration>",
                    ));
                }
            },
        })
    }
}

impl fmt::Display for PullPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PullPolicy::Always => f.write_str("always"),
            PullPolicy::Never => f.write_str("never"),
            PullPolicy::Missing => f.write_str("missing"),
            PullPolicy::Build => f.write_str("build"),
            PullPolicy::Refresh => f.write_str("refresh"),
            PullPolicy::Daily => f.write_str("daily"),
            PullPolicy::Weekly => f.write_str("weekly"),
            PullPolicy::Every(every) => {
                let seconds = every.as_secs();
                match (every.subsec_nanos(), seconds % 604_800, seconds % 86_400) {
                    (0, 0, _) if seconds > 0 => write!(f, "every_{}w", seconds / 604_800),
                    (0, _, 0) if seconds > 0 => write!(f, "every_{}d", seconds / 86_400),
                    _ => write!(f, "every_{}", duration::print(*every)),
                }
            }
        }
    }
}

/// `network_mode`: where the network comes from when it is not the project's networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// Only a loopback interface.
    None,
    /// The host's own network.
    Host,
    /// The network of a service of this project.
    Service(String),
    /// The network of a container, by name or id.
    Container(String),
    /// One existing network by its real name; `bridge` and `default` are the engine's own.
    Named(String),
}

impl FromStr for NetworkMode {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<NetworkMode, std::convert::Infallible> {
        Ok(match (text, text.split_once(':')) {
            ("none", _) => NetworkMode::None,
            ("host", _) => NetworkMode::Host,
            (_, Some(("service", name))) => NetworkMode::Service(name.to_owned()),
            (_, Some(("container", name))) => NetworkMode::Container(name.to_owned()),
            _ => NetworkMode::Named(text.to_owned()),
        })
    }
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetworkMode::None => f.write_str("none"),
            NetworkMode::Host => f.write_str("host"),
            NetworkMode::Service(name) => write!(f, "service:{name}"),
            NetworkMode::Container(name) => write!(f, "container:{name}"),
            NetworkMode::Named(name) => f.write_str(name),
        }
    }
}

/// `pid`, `ipc`, `uts` and `userns_mode`: whose namespace a container uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceMode {
    /// Its own.
    Private,
    /// Its own, and others may join it (`ipc` only).
    Shareable,
    /// Its own, without `/dev/shm` (`ipc` only).
    None,
    /// The host's.
    Host,
    /// That of a service of this project.
    Service(String),
    /// That of a container, by name or id.
    Container(String),
    /// A word that is none of these, kept as written.
    Other(String),
}

impl FromStr for NamespaceMode {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<NamespaceMode, std::convert::Infallible> {
        Ok(match (text, text.split_once(':')) {
            ("private", _) => NamespaceMode::Private,
            ("shareable", _) => NamespaceMode::Shareable,
            ("none", _) => NamespaceMode::None,
            ("host", _) => NamespaceMode::Host,
            (_, Some(("service", name))) => NamespaceMode::Service(name.to_owned()),
            (_, Some(("container", name))) => NamespaceMode::Container(name.to_owned()),
            _ => NamespaceMode::Other(text.to_owned()),
        })
    }
}

impl fmt::Display for NamespaceMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NamespaceMode::Private => f.write_str("private"),
            NamespaceMode::Shareable => f.write_str("shareable"),
            NamespaceMode::None => f.write_str("none"),
            NamespaceMode::Host => f.write_str("host"),
            NamespaceMode::Service(name) => write!(f, "service:{name}"),
            NamespaceMode::Container(name) => write!(f, "container:{name}"),
            NamespaceMode::Other(word) => f.write_str(word),
        }
    }
}

/// Whose control group namespace a container uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupMode {
    /// The host's.
    Host,
    /// Its own.
    Private,
}
