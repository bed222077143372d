//! Options of the drivers `syslog` and `journald`, parsed (Docker: the same names).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::base::{Error, Kind, Result};
use crate::resource::container::LogConfig;

use super::syslog;

/// A driver that sends output on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shim::log) enum Config {
    /// To a syslog server.
    Syslog(syslog::Config),
    /// To the journal.
    Journal,
}

/// Facilities by name, their numbers being their places (RFC 5424, 6.2.1).
const FACILITIES: [&str; 24] = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

/// What is sent without a facility of its own (Docker: the same).
const DAEMON: u8 = 3;

/// Options that name what a record says besides its text, or concern the local log file.
const COMMON: [&str; 12] = [
    "tag",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "mode",
    "max-buffer-size",
    "cache-disabled",
    "cache-max-size",
    "cache-max-file",
    "cache-compress",
    "syslog-facility",
];

impl Config {
    /// Reads a configuration; `None` for drivers that send nothing on.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for an option that is none, or a value that is none of it.
    pub(in crate::shim::log) fn parse(config: &LogConfig) -> Result<Option<Config>> {
        let own: &[&str] = match config.driver.as_str() {
            "syslog" => &["syslog-address", "syslog-format"],
            "journald" => &[],
            _ => return Ok(None),
        };
        let known = |key: &str| own.contains(&key) || COMMON.contains(&key);
        if let Some(other) = config.options.keys().find(|key| !known(key)) {
            let message = format!("unknown log opt '{other}' for {} log driver", config.driver);
            return Err(Error::new(Kind::Invalid, message));
        }
        if config.driver == "journald" {
            return Ok(Some(Config::Journal));
        }
        let option = |key: &str| config.options.get(key).map(String::as_str);
        Ok(Some(Config::Syslog(syslog::Config {
            address: option("syslog-address").map_or(Ok(syslog::Address::Local), address)?,
            facility: option("syslog-facility").map_or(Ok(DAEMON), facility)?,
            format: option("syslog-format").map_or(Ok(syslog::Format::Unix), format)?,
            limit: option("max-buffer-size").map_or(Ok(syslog::LIMIT), |text| {
                super::super::options::size(text)
                    .and_then(|size| usize::try_from(size).ok())
                    .ok_or_else(|| invalid("max-buffer-size", text))
            })?,
        })))
    }
}

fn invalid(key: &str, value: &str) -> Error {
    Error::new(Kind::Invalid, format!("`{value}` is not a value of log option `{key}`"))
}

/// `udp://HOST[:PORT]`, `tcp://HOST[:PORT]`, `unix:///PATH`, `unixgram:///PATH`.
fn address(text: &str) -> Result<syslog::Address> {
    let (scheme, rest) = text.split_once("://").ok_or_else(|| {
        invalid("syslog-address", text).hint("write it as udp://192.0.2.1:514 or unix:///dev/log")
    })?;
    Ok(match scheme {
        "udp" => syslog::Address::Udp(socket(rest, text)?),
        "tcp" => syslog::Address::Tcp(socket(rest, text)?),
        "unix" => syslog::Address::Unix(PathBuf::from(rest)),
        "unixgram" => syslog::Address::UnixDatagram(PathBuf::from(rest)),
        _ => {
            return Err(
                invalid("syslog-address", text).hint("protocols are udp, tcp, unix and unixgram")
            );
        }
    })
}

/// An address and a port; names are not looked up.
fn socket(rest: &str, text: &str) -> Result<SocketAddr> {
    const PORT: u16 = 514;
    let rest = rest.replacen("localhost", "127.0.0.1", usize::from(rest.starts_with("localhost")));
    let bare = rest.trim_start_matches('[').trim_end_matches(']');
    let alone = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
    let any = rest.strip_prefix(':').and_then(|port| port.parse().ok());
    let any = any.map(|port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    rest.parse().or(alone).ok().or(any).ok_or_else(|| {
        invalid("syslog-address", text).hint("write the server's IP address, not its name")
    })
}

fn facility(text: &str) -> Result<u8> {
    let named = FACILITIES.iter().position(|name| *name == text);
    let number = text.parse().ok().filter(|number| *number < FACILITIES.len());
    let found = named.or(number).and_then(|number| u8::try_from(number).ok());
    found.ok_or_else(|| invalid("syslog-facility", text))
}

fn format(text: &str) -> Result<syslog::Format> {
    match text {
        "" => Ok(syslog::Format::Unix),
        "rfc3164" => Ok(syslog::Format::Rfc3164),
        "rfc5424" => Ok(syslog::Format::Rfc5424),
        "rfc5424micro" => Ok(syslog::Format::Rfc5424Micro),
        _ => {
            Err(invalid("syslog-format", text)
                .hint("formats are rfc3164, rfc5424 and rfc5424micro"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(driver: &str, options: &[(&str, &str)]) -> String {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        match Config::parse(&LogConfig { driver: driver.to_owned(), options }) {
            Ok(config) => format!("{config:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_have_a_protocol_and_perhaps_a_port() {
        for (text, found) in [
            ("udp://192.0.2.1", "Udp(192.0.2.1:514)"),
            ("tcp://localhost:601", "Tcp(127.0.0.1:601)"),
            ("tcp://[2001:db8::1]:601", "Tcp([2001:db8::1]:601)"),
            ("unix:///dev/log", "Unix(\"/dev/log\")"),
        ] {
            let parsed = parse("syslog", &[("syslog-address", text)]);
            assert!(parsed.contains(found), "{text}: {parsed}");
        }
        let named = parse("syslog", &[("syslog-address", "udp://logs.example.com")]);
        assert!(named.contains("is not a value of log option `syslog-address`"), "{named}");
    }

    #[test]
    fn unknown_options_are_refused_and_other_drivers_send_nothing_on() {
        assert_eq!(
            parse("journald", &[("syslog-address", "udp://192.0.2.1")]),
            "unknown log opt 'syslog-address' for journald log driver"
        );
        assert_eq!(parse("json-file", &[("max-size", "1m")]), "None");
        assert!(parse("syslog", &[("syslog-facility", "local7")]).contains("facility: 23"));
    }
}
