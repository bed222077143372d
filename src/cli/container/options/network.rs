//! How a container is reached and what it reaches: networks, ports, names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::{Error, Kind, PortRange, Result};
use crate::cli::app::short_syntax;
use crate::compose::Service;
use crate::compose::model::{HostEntry, NetworkMode, ServiceNetwork};
use crate::docker::builtin::BRIDGE;
use crate::resource::ContainerSpec;
use crate::resource::container::PublishedPort;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Network")]
pub struct Network {
    /// Attach to a network: its name, none, host or container:NAME; `name=NET,alias=A` says more
    #[arg(long, visible_alias = "net", value_name = "NETWORK")]
    network: Vec<String>,

    /// Another name for it in that network
    #[arg(long, alias = "net-alias", value_name = "NAME")]
    network_alias: Vec<String>,

    /// Its IPv4 address in that network
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,

    /// Its IPv6 address in that network
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,

    /// Its link-local addresses
    #[arg(long, value_name = "ADDRESS")]
    link_local_ip: Vec<IpAddr>,

    /// Its hardware address
    #[arg(long, value_name = "ADDRESS")]
    mac_address: Option<String>,

    /// Publish a port, as in `8080:80`, `127.0.0.1:8080:80` or `53:53/udp`
    #[arg(short, long, value_name = "PORT")]
    publish: Vec<String>,

    /// Publish every exposed port on a free one
    #[arg(short = 'P', long)]
    publish_all: bool,

    /// Expose a port without publishing it
    #[arg(long, value_name = "PORT")]
    expose: Vec<String>,

    /// Its host name
    #[arg(short = 'h', long, value_name = "NAME")]
    hostname: Option<String>,

    /// Its domain
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,

    /// Add a line to /etc/hosts, as in `db:10.0.0.5` or `host:host-gateway`
    #[arg(long, value_name = "HOST:ADDRESS")]
    add_host: Vec<String>,

    /// A name server instead of the host's
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<String>,

    /// An option of resolv.conf
    #[arg(long, alias = "dns-opt", value_name = "OPTION")]
    dns_option: Vec<String>,

    /// A domain to search
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,

    /// Find another container by an alias, as in `db:database`
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<String>,
}

impl Network {
    pub fn apply(&self, service: &mut Service) -> Result<()> {
        self.networks(service)?;
        if let Some(mac) = self.mac_address.as_ref().filter(|mac| !is_mac(mac)) {
            let error = Error::new(Kind::Invalid, format!("{mac} is not a valid mac address"));
            return Err(error.hint("write six pairs of digits, as in 02:42:ac:11:00:02"));
        }
        service.mac_address.clone_from(&self.mac_address);
        service.expose.clone_from(&self.expose);
        service.hostname.clone_from(&self.hostname);
        service.domainname.clone_from(&self.domainname);
        service.extra_hosts = self.add_host.iter().map(|text| host(text)).collect::<Result<_>>()?;
        service.dns.clone_from(&self.dns);
        service.dns_opt.clone_from(&self.dns_option);
        service.dns_search.clone_from(&self.dns_search);
        service.external_links.clone_from(&self.link);
        Ok(())
    }

    fn networks(&self, service: &mut Service) -> Result<()> {
        let default = [BRIDGE.to_owned()];
        let wanted = if self.network.is_empty() { &default[..] } else { &self.network[..] };
        let mut parsed = wanted.iter().map(|text| attachment(text)).collect::<Result<Vec<_>>>()?;
        // The options beside it are about the first network.
        let (first, own) = &mut parsed[0];
        own.aliases.extend(self.network_alias.iter().cloned());
        own.ipv4_address = own.ipv4_address.or(self.ip);
        own.ipv6_address = own.ipv6_address.or(self.ip6);
        own.link_local_ips.extend(self.link_local_ip.iter().map(ToString::to_string));
        if !self.network_alias.is_empty() && alone(first).is_some() {
            check_bridge(BRIDGE, true, false)?;
        }
        let fixed = own.ipv4_address.is_some() || own.ipv6_address.is_some();
        check_bridge(first, !own.aliases.is_empty(), fixed)?;
        if let Some(mode) = alone(first) {
            let kind = first.split(':').next().unwrap_or_default();
            if !self.link.is_empty() && matches!(kind, "host" | "container") {
                // Docker: nearly the same words.
                let message =
                    format!("conflicting options: {kind} type networking can't be used with links");
                return Err(Error::new(Kind::Invalid, message));
            }
            if parsed.len() > 1 {
                let message =
                    format!("conflicting options: cannot attach to {} with others", wanted[0]);
                return Err(Error::new(Kind::Invalid, message));
            }
            service.network_mode = Some(mode);
            return Ok(());
        }
        let priorities = (0..parsed.len() as i64).rev();
        for ((name, mut attachment), priority) in parsed.into_iter().zip(priorities) {
            if alone(&name).is_some() {
                let message = format!("conflicting options: cannot attach to {name} with others");
                return Err(Error::new(Kind::Invalid, message));
            }
            attachment.priority = priority;
            service.networks.insert(name, attachment);
        }
        Ok(())
    }

    /// Publishes what was asked for; with `--publish-all` the other exposed ports too.
    pub fn publish(&self, spec: &mut ContainerSpec) -> Result<()> {
        for text in &self.publish {
            let port = short_syntax::published(text).map_err(|error| {
                Error::new(error.kind(), format!("invalid publish {text:?}")).with_source(error)
            })?;
            spec.ports.push(PublishedPort { host: port.host.filter(|it| it.last != 0), ..port });
        }
        spec.publish_all = self.publish_all;
        if !self.publish_all {
            return Ok(());
        }
        for exposed in &spec.expose {
            for port in exposed.ports.ports() {
                let protocol = exposed.protocol;
                let same = |it: &PublishedPort| {
                    it.protocol == protocol
                        && (it.container.first..=it.container.last).contains(&port)
                };
                if !spec.ports.iter().any(same) {
                    let container = PortRange::one(port);
                    spec.ports.push(PublishedPort {
                        host_ip: None,
                        host: None,
                        container,
                        protocol,
                    });
                }
            }
        }
        Ok(())
    }
}

/// A line of /etc/hosts, as in `db:10.0.0.5`.
fn host(text: &str) -> Result<HostEntry> {
    let invalid = |message: String| Error::new(Kind::Invalid, message).hint("write NAME:ADDRESS");
    let host: HostEntry =
        text.parse().map_err(|_| invalid(format!("bad format for add-host: {text:?}")))?;
    let address = host.address.trim_start_matches('[').trim_end_matches(']');
    match address == "host-gateway" || address.parse::<IpAddr>().is_ok() {
        true => Ok(host),
        false => Err(invalid(format!("invalid IP address in add-host: {:?}", host.address))),
    }
}

/// What is no network to attach to, but a way to have none of one's own.
fn alone(name: &str) -> Option<NetworkMode> {
    match name {
        "none" => Some(NetworkMode::None),
        "host" => Some(NetworkMode::Host),
        _ => name.strip_prefix("container:").map(|it| NetworkMode::Container(it.to_owned())),
    }
}

/// `NETWORK`, or `name=NETWORK,alias=A,ip=…`.
fn attachment(text: &str) -> Result<(String, ServiceNetwork)> {
    let real = |name: &str| if name == "default" { BRIDGE } else { name }.to_owned();
    let mut own = ServiceNetwork::default();
    if !text.contains('=') {
        return Ok((real(text), own));
    }
    let invalid = |field: &str| {
        Error::new(Kind::Invalid, format!("invalid field {field:?} in --network {text:?}")).hint(
            "known are name, alias, ip, ip6, mac-address, link-local-ip, gw-priority, driver-opt",
        )
    };
    let mut name = None;
    for field in text.split(',') {
        let (key, value) = field.split_once('=').ok_or_else(|| invalid(field))?;
        let owned = value.to_owned();
        match key {
            "name" => name = Some(real(value)),
            "alias" => own.aliases.push(owned),
            "ip" => own.ipv4_address = Some(value.parse().map_err(|_| invalid(field))?),
            "ip6" => own.ipv6_address = Some(value.parse().map_err(|_| invalid(field))?),
            "mac-address" => own.mac_address = Some(owned),
            "link-local-ip" => own.link_local_ips.push(owned),
            "gw-priority" => own.gw_priority = value.parse().map_err(|_| invalid(field))?,
            "driver-opt" => {
                let (key, value) = value.split_once('=').ok_or_else(|| invalid(field))?;
                own.driver_opts.insert(key.to_owned(), value.to_owned());
            }
            _ => return Err(invalid(field)),
        }
    }
    let name = name.ok_or_else(|| {
        Error::new(Kind::Invalid, format!("--network {text:?} does not name a network"))
    })?;
    Ok((name, own))
}

/// The default network gives addresses as they come, and knows no aliases (Docker: the same).
///
/// # Errors
/// [`Kind::Invalid`].
pub fn check_bridge(name: &str, aliases: bool, fixed_address: bool) -> Result<()> {
    let refused = if name != BRIDGE {
        None
    } else if aliases {
        Some("network-scoped aliases are only supported for user-defined networks")
    } else if fixed_address {
        Some("user specified IP address is supported on user defined networks only")
    } else {
        None
    };
    refused.map_or(Ok(()), |message| {
        Err(Error::new(Kind::Invalid, message)
            .hint("`network create` makes a network; give it with --network"))
    })
}

/// Six bytes in hexadecimal, with colons or hyphens between them.
fn is_mac(text: &str) -> bool {
    let is_byte = |pair: &str| pair.len() == 2 && pair.bytes().all(|it| it.is_ascii_hexdigit());
    let separator = if text.contains('-') { '-' } else { ':' };
    text.split(separator).count() == 6 && text.split(separator).all(is_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_may_say_more_than_its_name() {
        let (name, own) = attachment("name=back,alias=db,alias=store,ip=10.0.0.5").unwrap();
        assert_eq!(name, "back");
        assert_eq!(own.aliases, ["db", "store"]);
        assert_eq!(own.ipv4_address, Some(Ipv4Addr::new(10, 0, 0, 5)));
        assert_eq!(attachment("default").unwrap().0, BRIDGE);
        for text in ["alias=x", "name=a,colour=red", "name=a,ip=x"] {
            assert!(attachment(text).is_err(), "{text}");
        }
    }
}
