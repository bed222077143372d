//! Limits on what a process may take: `setrlimit(2)`.

use std::io;

use oci_spec::runtime::{PosixRlimit, PosixRlimitType};
use rustix::process::{Resource, Rlimit};

use crate::base::{Context, Error, Kind, Result};

/// Sets limits, as far as they are allowed; what was not is told.
///
/// # Errors
/// The kernel does not know a limit, or refuses it.
pub fn apply(limits: &[PosixRlimit]) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for limit in limits {
        let resource = resource(limit.typ())
            .ok_or_else(|| Error::new(Kind::Invalid, format!("unknown limit {}", limit.typ())))?;
        let bounded = |value: u64| (value != u64::MAX).then_some(value);
        let wanted = Rlimit { current: bounded(limit.soft()), maximum: bounded(limit.hard()) };
        match rustix::process::setrlimit(resource, wanted) {
            Ok(()) => {}
            Err(rustix::io::Errno::PERM) => {
                let maximum = rustix::process::getrlimit(resource).maximum;
                let least = |one: Option<u64>, other: Option<u64>| match (one, other) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
                let current = least(bounded(limit.soft()), maximum);
                rustix::process::setrlimit(resource, Rlimit { current, maximum })
                    .map_err(io::Error::from)
                    .context(|| format!("cannot set limit {}", limit.typ()))?;
                let shown = |value: Option<u64>| {
                    value.map_or_else(|| "unlimited".to_owned(), |value| value.to_string())
                };
                warnings.push(format!(
                    "limit {} is {} instead of {}: more is not permitted here",
                    limit.typ(),
                    shown(maximum),
                    shown(bounded(limit.hard())),
                ));
            }
            Err(error) => {
                return Err(io::Error::from(error)).context(|| {
                    format!("cannot set limit {} to {}:{}", limit.typ(), limit.soft(), limit.hard())
                });
            }
        }
    }
    Ok(warnings)
}

/// The kernel's number of a limit.
pub fn resource(kind: PosixRlimitType) -> Option<Resource> {
    Some(match kind {
        PosixRlimitType::RlimitCpu => Resource::Cpu,
        PosixRlimitType::RlimitFsize => Resource::Fsize,
        PosixRlimitType::RlimitData => Resource::Data,
        PosixRlimitType::RlimitStack => Resource::Stack,
        PosixRlimitType::RlimitCore => Resource::Core,
        PosixRlimitType::RlimitRss => Resource::Rss,
        PosixRlimitType::RlimitNproc => Resource::Nproc,
        PosixRlimitType::RlimitNofile => Resource::Nofile,
        PosixRlimitType::RlimitMemlock => Resource::Memlock,
        PosixRlimitType::RlimitAs => Resource::As,
        PosixRlimitType::RlimitLocks => Resource::Locks,
        PosixRlimitType::RlimitSigpending => Resource::Sigpending,
        PosixRlimitType::RlimitMsgqueue => Resource::Msgqueue,
        PosixRlimitType::RlimitNice => Resource::Nice,
        PosixRlimitType::RlimitRtprio => Resource::Rtprio,
        PosixRlimitType::RlimitRttime => Resource::Rttime,
    })
}
