//! Networks, and how containers attach to them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::{Error, Kind, Result};
use crate::compose::model::{Network, NetworkMode as Written, ServiceNetwork};
use crate::compose::{Project, Service, resource_hash};
use crate::plan::desired::{Desired, DesiredNetwork, Owner};
use crate::plan::uses;
use crate::resource::container::Link;
use crate::resource::network::{Dns, NetworkMode, Subnet};
use crate::resource::{Endpoint, NetworkSpec, labels};

use super::names;

/// The engine's own network, for `network_mode: bridge`.
const BRIDGE: &str = "bridge";

/// Where a service's network comes from.
pub(super) fn mode(project: &Project, service: &Service) -> Result<NetworkMode> {
    Ok(match &service.network_mode {
        None => of_networks(endpoints(project, service)?)?,
        Some(Written::None) => NetworkMode::None,
        Some(Written::Host) => NetworkMode::Host,
        Some(Written::Service(name)) => {
            NetworkMode::Container(names::first_container(project, name))
        }
        Some(Written::Container(name)) => NetworkMode::Container(name.clone()),
        Some(Written::Named(name)) => {
            let network = if name == "default" { BRIDGE } else { name }.to_owned();
            NetworkMode::Networks(vec![Endpoint { network, ..Endpoint::default() }])
        }
    })
}

/// The engine's own networks `host` and `none` are no networks to attach to, but modes.
///
/// # Errors
/// [`Kind::Invalid`] for one of them beside others (Docker: the same).
fn of_networks(endpoints: Vec<Endpoint>) -> Result<NetworkMode> {
    let special = endpoints.iter().find_map(|endpoint| match endpoint.network.as_str() {
        "host" => Some(NetworkMode::Host),
        "none" => Some(NetworkMode::None),
        _ => None,
    });
    match (special, endpoints.len()) {
        (None, _) => Ok(NetworkMode::Networks(endpoints)),
        (Some(mode), 1) => Ok(mode),
        (Some(_), _) => {
            let message = "the networks `host` and `none` cannot be combined with others";
            Err(Error::new(Kind::Invalid, message))
        }
    }
}

/// Names that only this service resolves: `SERVICE[:ALIAS]`, each container of that service as
/// `SERVICE-NUMBER` too, and `external_links` as `CONTAINER[:ALIAS]`.
pub(super) fn links(project: &Project, service: &Service) -> Vec<Link> {
    let parts = |text: &str| -> (String, String) {
        let (target, alias) = text.split_once(':').unwrap_or((text, text));
        (target.to_owned(), alias.to_owned())
    };
    let mut links: Vec<Link> = Vec::new();
    let mut add = |target: String, alias: String| {
        if target != alias {
            links.push(Link { target, alias });
        }
    };
    for (target, alias) in service.links.iter().map(|text| parts(text)) {
        let replicas = project.services.get(&target).map_or(1, Service::replicas);
        let first = names::first_container(project, &target);
        for number in 1..=replicas.max(1) {
            let container = match first.strip_suffix("-1") {
                Some(stem) if replicas > 1 => format!("{stem}-{number}"),
                _ => first.clone(),
            };
            add(container, format!("{target}-{number}"));
        }
        add(target, alias);
    }
    for (target, alias) in service.external_links.iter().map(|text| parts(text)) {
        add(target, alias);
    }
    links
}

/// The option of an attachment that names its interface (Docker's older way).
const INTERFACE_OPTION: &str = "com.docker.network.endpoint.ifname";

/// Attachments, the highest priority first, equals by key.
fn endpoints(project: &Project, service: &Service) -> Result<Vec<Endpoint>> {
    let mut attached: Vec<(&String, &ServiceNetwork)> = service.networks.iter().collect();
    attached.sort_by_key(|(_, attachment)| Reverse(attachment.priority));
    let endpoint = |(index, (key, attachment)): (usize, (&String, &ServiceNetwork))| {
        let network = project.networks.get(key).map_or(key, |network| &network.name).clone();
        let primary = service.mac_address.clone().filter(|_| index == 0);
        let mut aliases = vec![service.name.clone()];
        aliases.extend(attachment.aliases.iter().filter(|it| **it != service.name).cloned());
        let link_local = attachment.link_local_ips.iter().map(|text| address(text));
        Ok(Endpoint {
            network,
            aliases,
            ipv4: attachment.ipv4_address,
            ipv6: attachment.ipv6_address,
            link_local: link_local.collect::<Result<_>>()?,
            mac: attachment.mac_address.clone().or(primary),
            interface: attachment
                .interface_name
                .clone()
                .or_else(|| attachment.driver_opts.get(INTERFACE_OPTION).cloned()),
            gateway_priority: i32::try_from(attachment.gw_priority).unwrap_or_default(),
            driver_opts: attachment.driver_opts.clone(),
            by_hand: false,
        })
    };
    attached.into_iter().enumerate().map(endpoint).collect()
}

/// Resolver settings.
pub(super) fn dns(service: &Service) -> Result<Dns> {
    let servers = service.dns.iter().filter(|text| !text.is_empty());
    Ok(Dns {
        servers: servers.map(|text| address(text)).collect::<Result<_>>()?,
        search: service.dns_search.clone(),
        options: service.dns_opt.clone(),
    })
}

/// Adds the networks that the lowered services use.
pub(super) fn networks(project: &Project, desired: &mut Desired, all: bool) -> Result<()> {
    let by_name: BTreeMap<&str, (&String, &Network)> =
        project.networks.iter().map(|(key, it)| (it.name.as_str(), (key, it))).collect();
    for service in desired.services.values() {
        for name in uses::networks(&service.spec) {
            if desired.networks.contains_key(name) {
                continue;
            }
            let network = match by_name.get(name) {
                Some((key, network)) => lower(project, key, network)?,
                None if name == BRIDGE => {
                    DesiredNetwork { spec: plain(name), owner: Owner::Nobody }
                }
                None => DesiredNetwork { spec: plain(name), owner: Owner::External },
            };
            desired.networks.insert(name.to_owned(), network);
        }
    }
    for (key, network) in project.networks.iter().filter(|_| all) {
        if !desired.networks.contains_key(&network.name) {
            desired.networks.insert(network.name.clone(), lower(project, key, network)?);
        }
    }
    Ok(())
}

/// A network of which only the name is known.
fn plain(name: &str) -> NetworkSpec {
    NetworkSpec { name: name.to_owned(), ipv4: true, ..NetworkSpec::default() }
}

fn lower(project: &Project, key: &str, network: &Network) -> Result<DesiredNetwork> {
    if network.external {
        return Ok(DesiredNetwork { spec: plain(&network.name), owner: Owner::External });
    }
    let pools = network.ipam.config.iter().filter_map(|pool| Some((pool.subnet.clone()?, pool)));
    let subnet = |(subnet, pool): (String, &crate::compose::model::IpamPool)| {
        let reserved = pool.aux_addresses.iter();
        let reserved = reserved.map(|(name, text)| Ok((name.clone(), address(text)?)));
        Ok(Subnet {
            subnet,
            ip_range: pool.ip_range.clone(),
            gateway: pool.gateway,
            aux_addresses: reserved.collect::<Result<_>>()?,
        })
    };
    let spec = NetworkSpec {
        name: network.name.clone(),
        driver: network.driver.clone().unwrap_or_default(),
        driver_opts: network.driver_opts.clone(),
        internal: network.internal,
        attachable: network.attachable,
        ipv4: network.enable_ipv4.unwrap_or(true),
        ipv6: network.enable_ipv6.unwrap_or(false),
        subnets: pools.map(subnet).collect::<Result<_>>()?,
        labels: names::resource_labels(
            project,
            &network.labels,
            (labels::NETWORK, key),
            resource_hash(network),
        ),
    };
    Ok(DesiredNetwork { spec, owner: Owner::Project })
}

fn address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| Error::new(Kind::Invalid, format!("`{text}` is not an IP address")))
}
