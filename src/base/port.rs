//! Ports, port ranges and transport protocols.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Error, Kind, Result};

/// A transport protocol that ports can be published for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// The default.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
    /// Streams of messages; forwarded by the kernel only.
    Sctp,
}

impl Protocol {
    /// Lower-case name, as in `80/tcp`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Protocol> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            "sctp" => Ok(Protocol::Sctp),
            _ => Err(Error::new(Kind::Invalid, format!("unknown protocol `{text}`"))
                .hint("known protocols are tcp, udp and sctp")),
        }
    }
}

/// One port, or several in a row: `80` or `8000-8010`, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortRange {
    /// The lowest port.
    pub first: u16,
    /// The highest port; at least `first`.
    pub last: u16,
}

impl PortRange {
    /// Just this port.
    #[must_use]
    pub fn one(port: u16) -> PortRange {
        PortRange { first: port, last: port }
    }

    /// How many ports it has, at least 1.
    #[must_use]
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// The ports from lowest to highest.
    pub fn ports(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }
}

impl FromStr for PortRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<PortRange> {
        let port = |digits: &str| -> Option<u16> {
            // `+80` parses as a number in Rust, but is no port.
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(PortRange { first, last }),
            _ => Err(Error::new(Kind::Invalid, format!("`{text}` is not a port or a port range"))
                .hint("ports are numbers from 0 to 65535, ranges look like 8000-8010")),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_both_ends() {
        let range: PortRange = "8000-8002".parse().unwrap();
        assert_eq!(range.ports().collect::<Vec<_>>(), [8000, 8001, 8002]);
        assert_eq!((range.count(), range.to_string()), (3, "8000-8002".to_owned()));
        for text in ["", "-", "80-", "9-8", "65536", "+1", "a"] {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
    }
}
