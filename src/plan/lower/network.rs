//! Networks, and how containers attach to them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::{Error, Kind, Result};
use crate::compose::model::{Network, NetworkMode as Written, ServiceNetwork};
use crate::compose::{Project, Service, resource_hash};
use crate::plan::desired::{Desired, DesiredNetwork, Owner};
use crate::plan::uses;
use crate::resource::network::{Dns, NetworkMode, Subnet};
use crate::resource::{Endpoint, NetworkSpec, labels};

use super::names;

/// The engine's own network, for `network_mode: bridge`.
const BRIDGE: &str = "bridge";

/// Where a service's network comes from.
pub(super) fn mode(project: &Project, service: &Service) -> Result<NetworkMode> {
    Ok(match &service.network_mode {
        None => NetworkMode::Networks(endpoints(project, service)?),
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
            interface: attachment.interface_name.clone(),
            gateway_priority: i32::try_from(attachment.gw_priority).unwrap_or_default(),
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
