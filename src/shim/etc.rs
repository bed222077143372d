//! The files in `/etc` that tell a container who it is: text only, nothing is written here.

use std::fmt::Write;
use std::net::IpAddr;

use crate::base::{Error, Kind, Result};
use crate::resource::ContainerSpec;
use crate::resource::container::AttachedEndpoint;
use crate::resource::network::Dns;

/// What `/etc/hosts` says.
#[derive(Clone, Debug, Default)]
pub struct Hosts<'a> {
    /// The container's own host name, without the domain.
    pub hostname: &'a str,
    /// Its domain; empty: none.
    pub domain: &'a str,
    /// Its addresses.
    pub endpoints: &'a [AttachedEndpoint],
    /// Further names: an address, or `host-gateway`.
    pub extra: &'a [(String, String)],
    /// The host as the container sees it; `None`: it does not.
    pub gateway: Option<IpAddr>,
    /// IPv6 works in the container's network namespace.
    pub ipv6: bool,
}

/// Lines that stand in every `/etc/hosts` (Docker: the same).
const LOCALHOST: &str = "127.0.0.1\tlocalhost\n";
const LOCALHOST_V6: &str = "::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

impl<'a> Hosts<'a> {
    /// What a container's specification says of it, without its addresses.
    #[must_use]
    pub fn own(hostname: &'a str, spec: &'a ContainerSpec) -> Hosts<'a> {
        Hosts {
            hostname,
            domain: spec.domainname.as_deref().unwrap_or_default(),
            extra: &spec.extra_hosts,
            ..Hosts::default()
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for `host-gateway` where there is no gateway.
    pub fn text(&self) -> Result<String> {
        let mut text = LOCALHOST.to_owned();
        if self.ipv6 {
            text += LOCALHOST_V6;
        }
        text += &self.extra_lines()?;
        text.extend(self.endpoints.iter().map(|endpoint| self.lines_of(endpoint)));
        Ok(text)
    }

    /// The lines about the container's own addresses in one network.
    #[must_use]
    pub fn lines_of(&self, endpoint: &AttachedEndpoint) -> String {
        let names = match self.domain {
            "" => match self.hostname.split_once('.') {
                Some((first, _)) => format!("{} {first}", self.hostname),
                None => self.hostname.to_owned(),
            },
            domain => format!("{}.{domain} {}", self.hostname, self.hostname),
        };
        let addresses = [endpoint.ipv4.map(IpAddr::V4), endpoint.ipv6.map(IpAddr::V6)];
        addresses.into_iter().flatten().map(|address| format!("{address}\t{names}\n")).collect()
    }

    /// The lines of `extra_hosts` alone, as they are added to the host's file too.
    ///
    /// # Errors
    /// As [`Hosts::text`].
    pub fn extra_lines(&self) -> Result<String> {
        let mut text = String::new();
        for (name, address) in self.extra {
            let gateway = self.gateway.as_ref().map(ToString::to_string);
            let address = match (address.as_str(), gateway) {
                ("host-gateway", Some(gateway)) => gateway,
                ("host-gateway", None) => {
                    let message = format!("there is no host gateway for `{name}`");
                    return Err(Error::new(Kind::Invalid, message)
                        .hint("attach the container to a network that is not internal"));
                }
                (address, _) => address.to_owned(),
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{address}\t{name}");
        }
        Ok(text)
    }
}

/// What a `resolv.conf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolver {
    /// Name servers, in order.
    pub servers: Vec<IpAddr>,
    /// Domains to search.
    pub search: Vec<String>,
    /// Options, as in `ndots:0`.
    pub options: Vec<String>,
}

impl Resolver {
    /// Reads a `resolv.conf`; what it does not understand it leaves out (resolv.conf(5)).
    #[must_use]
    pub fn parse(text: &str) -> Resolver {
        let mut resolver = Resolver::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let key = words.next().unwrap_or_default();
            let values = words.take_while(|word| !word.starts_with(['#', ';'])).map(str::to_owned);
            match key {
                "nameserver" => {
                    // A scope (`%eth0`) has no meaning outside the host.
                    let servers = values.filter_map(|server| server.parse::<IpAddr>().ok());
                    resolver.servers.extend(servers.take(1));
                }
                "search" | "domain" => resolver.search = values.collect(),
                "options" => resolver.options.extend(values),
                _ => (),
            }
        }
        resolver
    }

    /// With what the user asked for instead of the host's settings. A search domain `.` means none.
    #[must_use]
    pub fn with(mut self, wanted: &Dns) -> Resolver {
        if !wanted.servers.is_empty() {
            self.servers.clone_from(&wanted.servers);
        }
        if !wanted.search.is_empty() {
            self.search = wanted.search.iter().filter(|domain| *domain != ".").cloned().collect();
        }
        if !wanted.options.is_empty() {
            self.options.clone_from(&wanted.options);
        }
        self
    }

    /// For a container whose names our responder at `address` answers. Names without a dot are
    /// asked as they are (Docker: `ndots:0`).
    #[must_use]
    pub fn behind(mut self, address: IpAddr) -> Resolver {
        self.servers = vec![address];
        if !self.options.iter().any(|option| option.starts_with("ndots:")) {
            self.options.push("ndots:0".to_owned());
        }
        self
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for server in &self.servers {
            let _ = writeln!(text, "nameserver {server}");
        }
        for (key, values) in [("search", &self.search), ("options", &self.options)] {
            if !values.is_empty() {
                let _ = writeln!(text, "{key} {}", values.join(" "));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_has_every_address_and_the_extra_names() {
        let endpoint = AttachedEndpoint {
            ipv4: Some("172.18.0.2".parse().unwrap()),
            ipv6: Some("fd00::2".parse().unwrap()),
            ..AttachedEndpoint::default()
        };
        let extra =
            [("db".to_owned(), "10.0.0.1".to_owned()), ("host".into(), "host-gateway".into())];
        let hosts = Hosts {
            hostname: "web",
            domain: "example.org",
            endpoints: &[endpoint],
            extra: &extra,
            gateway: Some("172.18.0.1".parse().unwrap()),
            ipv6: false,
        };
        assert_eq!(
            hosts.text().unwrap(),
            "127.0.0.1\tlocalhost\n\
             10.0.0.1\tdb\n\
             172.18.0.1\thost\n\
             172.18.0.2\tweb.example.org web\n\
             fd00::2\tweb.example.org web\n"
        );
        let nowhere = Hosts { gateway: None, ..hosts };
        assert_eq!(nowhere.text().unwrap_err().kind(), Kind::Invalid);
    }

    #[test]
    fn resolv_conf_keeps_the_hosts_search_and_options() {
        let host = Resolver::parse(
            "# a comment\nnameserver 192.0.2.1 # x\nnameserver fe80::1%eth0\nnameserver 192.0.2.2\n\
             domain old.example\nsearch a.example b.example\noptions edns0 trust-ad\n",
        );
        assert_eq!(
            host.clone().with(&Dns::default()).behind("127.0.0.11".parse().unwrap()).text(),
            "nameserver 127.0.0.11\nsearch a.example b.example\noptions edns0 trust-ad ndots:0\n"
        );
        let wanted = Dns {
            servers: vec!["9.9.9.9".parse().unwrap()],
            search: vec![".".to_owned()],
            options: vec!["ndots:3".to_owned()],
        };
        assert_eq!(host.with(&wanted).text(), "nameserver 9.9.9.9\noptions ndots:3\n");
    }
}
