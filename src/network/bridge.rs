//! A network in the kernel: its bridge, the bridge's addresses, its firewall elements.

use std::io::ErrorKind;
use std::net::IpAddr;

use crate::base::{Context, Error, Kind, Result};
use crate::resource::Network;
use crate::state::{Lock, Roots};
use crate::sys::netlink::route::{self, Link, Mac};
use crate::sys::netlink::{Failure, Family, Message, Socket};

use super::firewall::{self, Firewall};
use super::subnet::Cidr;
use super::{foreign, legacy, options, record, ruleset, vlan};

/// Brings a network up in the calling thread's network namespace: bridge, addresses, rules.
///
/// Does nothing when all is there already, for the price of three questions to the kernel.
/// Returns warnings for the user.
///
/// # Errors
/// A missing privilege, or a bridge of this name that is not ours.
pub fn ensure(roots: &Roots, network: &Network) -> Result<Vec<String>> {
    if !vlan::is_bridged(&network.spec) {
        return vlan::ensure(roots, network).map(|()| Vec::new());
    }
    let mut route = open()?;
    let mut firewall = Firewall::open(roots)?;
    let tag = tag(roots, network);
    let there = |link: &Link| link.up && link.alias == tag;
    if !find(&mut route, &network.bridge)?.as_ref().is_some_and(there)
        || firewall.is_current()? != Some(true)
    {
        let _lock = Lock::wait(&record::lock_path(roots))?;
        build(roots, network, &mut route)?;
        firewall.install(elements(roots, network, &mut route)?)?;
    }
    legacy::open(&network.bridge)?;
    firewall.open_foreign(&network.bridge)
}

/// The elements of this network, and of all others that are up: somebody may have deleted the
/// whole table.
fn elements(
    roots: &Roots,
    network: &Network,
    route: &mut Socket,
) -> Result<Vec<crate::sys::netlink::nft::Element>> {
    let bridges = bridges(roots, route)?;
    let up = |other: &Network| bridges.iter().any(|bridge| bridge.name == other.bridge);
    let mut networks = record::list(roots)?;
    networks.retain(|other| up(other) && other.id != network.id && vlan::is_bridged(&other.spec));
    networks.push(network.clone());
    Ok(networks.iter().flat_map(ruleset::network).collect())
}

/// Deletes the bridges and elements of `networks`, all bridges with one wait of the kernel; with
/// the last network of this installation also the table.
pub(super) fn remove(roots: &Roots, networks: &[Network]) -> Result<()> {
    let mut route = open()?;
    let mut firewall = Firewall::open(roots)?;
    let ours = bridges(roots, &mut route)?;
    let parents = vlan::made_for(roots, networks, &mut route)?;
    delete(&mut route, &parents)?;
    let going = |bridge: &Link| networks.iter().any(|network| network.bridge == bridge.name);
    let (going, staying): (Vec<Link>, Vec<Link>) = ours.into_iter().partition(going);
    match staying.is_empty() {
        true => remove_table(&mut route, &mut firewall, &going)?,
        false => {
            let elements: Vec<_> = networks.iter().flat_map(ruleset::network).collect();
            firewall.delete(&elements)?;
        }
    }
    delete(&mut route, &going)
}

/// Deletes the table, when `going` are the last bridges of this installation. Rules before links
/// is safe here: containers are gone already, and packets of others are not concerned.
pub(super) fn remove_table(
    route: &mut Socket,
    firewall: &mut Firewall,
    going: &[Link],
) -> Result<()> {
    let ours = |links: &[Link]| {
        links.iter().filter(|link| link.name.starts_with(foreign::BRIDGE_PREFIX)).count()
    };
    // Rules in other tables serve all installations.
    let last = ours(&all_bridges(route)?) == ours(going);
    if last {
        legacy::close()?;
    }
    firewall.remove(last)
}

/// Deletes links all at once, by putting them into a group of their own first.
pub(super) fn delete(route: &mut Socket, links: &[Link]) -> Result<()> {
    let Some(first) = links.first() else { return Ok(()) };
    // Any number that no one else uses; interface numbers are unique and groups usually small.
    let group = 0x636d_0000 | (first.index & 0xffff);
    let moves: Vec<Message> =
        links.iter().map(|link| route::set_group(link.index, group)).collect();
    // One that is gone already is what we want.
    gone_is_fine(route.exchange(&moves).map(drop), "cannot delete bridges")?;
    gone_is_fine(route.exchange(&[route::delete_group(group)]).map(drop), "cannot delete bridges")
}

fn gone_is_fine(result: Result<(), Failure>, what: &str) -> Result<()> {
    match result {
        Err(failure) if !failure.is(libc::ENODEV) && !failure.is(libc::ESRCH) => {
            Err(Error::other(what).with_source(failure))
        }
        _ => Ok(()),
    }
}

/// The bridges of this installation.
pub(super) fn bridges(roots: &Roots, route: &mut Socket) -> Result<Vec<Link>> {
    let tag = format!("{}:", firewall::table(roots).name);
    let mut links = all_bridges(route)?;
    links.retain(|link| link.alias.starts_with(&tag));
    Ok(links)
}

fn all_bridges(route: &mut Socket) -> Result<Vec<Link>> {
    let replies = route.dump(&route::list_bridges());
    let replies =
        replies.map_err(|failure| Error::other("cannot list bridges").with_source(failure))?;
    Ok(replies.iter().filter_map(route::read_link).collect())
}

/// Makes what is missing of the bridge.
fn build(roots: &Roots, network: &Network, route: &mut Socket) -> Result<()> {
    let name = &network.bridge;
    let tag = tag(roots, network);
    let failed = |failure: Failure| {
        let what = format!("cannot make bridge {name} of network {}", network.spec.name);
        Error::other(what).with_source(failure)
    };
    if find(route, name)?.is_none() {
        let made = route::new_bridge(name, mac(network), options::mtu(&network.spec));
        route.exchange(&[made]).map_err(failed)?;
    }
    let link = find(route, name)?
        .ok_or_else(|| Error::new(Kind::NotFound, format!("bridge {name} vanished")))?;
    let fresh = link.alias.is_empty() && !link.up;
    if !fresh && link.alias != tag {
        let message = format!("there is an interface {name} that is not ours");
        return Err(Error::new(Kind::Conflict, message));
    }
    settings(network)?;
    let mut messages: Vec<Message> = gateways(network)
        .map(|(gateway, prefix)| route::new_address(link.index, gateway, prefix))
        .collect();
    messages.push(route::up_with_alias(link.index, &tag));
    route.exchange(&messages).map_err(failed)?;
    Ok(())
}

/// The bridge's addresses and their prefixes' lengths.
pub(super) fn gateways(network: &Network) -> impl Iterator<Item = (IpAddr, u8)> {
    network.spec.subnets.iter().filter_map(|subnet| {
        let cidr: Cidr = subnet.subnet.parse().ok()?;
        Some((subnet.gateway?, cidr.prefix()))
    })
}

/// Kernel settings that the bridge needs before it is switched on.
fn settings(network: &Network) -> Result<()> {
    let (bridge, spec) = (&network.bridge, &network.spec);
    set("ipv4/ip_forward", "1")?;
    // This machine's own connections to 127.0.0.1 and a published port leave by the bridge.
    set(&format!("ipv4/conf/{bridge}/route_localnet"), if spec.internal { "0" } else { "1" })?;
    // Containers must not tell this machine where to send its packets (CVE-2020-13401), nor
    // reach it by addresses that nobody asked for (CVE-2024-32473).
    set(&format!("ipv4/conf/{bridge}/accept_redirects"), "0")?;
    set(&format!("ipv6/conf/{bridge}/accept_ra"), "0")?;
    set(&format!("ipv6/conf/{bridge}/disable_ipv6"), if spec.ipv6 { "0" } else { "1" })?;
    if spec.ipv6 {
        set("ipv6/conf/all/forwarding", "1")?;
    }
    Ok(())
}

/// Writes a setting below `/proc/sys/net` unless it has this value. A setting of a protocol that
/// the kernel does not have needs no value.
pub(super) fn set(name: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/net/{name}");
    let written = match std::fs::read_to_string(&path) {
        Ok(now) if now.trim() == value => Ok(()),
        Ok(_) => std::fs::write(&path, value),
        Err(error) => Err(error),
    };
    match written {
        Err(error) if error.kind() == ErrorKind::NotFound && name.starts_with("ipv6/") => Ok(()),
        other => other.context(|| format!("cannot set {path} to {value}")),
    }
}

/// What marks the bridge as ours: table name and network id.
pub(super) fn tag(roots: &Roots, network: &Network) -> String {
    format!("{}:{}", firewall::table(roots).name, network.id)
}

/// The bridge's hardware address: from the IPv4 gateway as containers' are, or from the id.
fn mac(network: &Network) -> Mac {
    let gateway = gateways(network).find_map(|(gateway, _)| match gateway {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    let digits = u32::from_str_radix(&network.id[..8], 16).unwrap_or_default();
    let [a, b, c, d] = gateway.map_or(digits.to_be_bytes(), |address| address.octets());
    [0x02, 0x42, a, b, c, d]
}

/// A link by its name; `None` when there is none.
pub(super) fn find(route: &mut Socket, name: &str) -> Result<Option<Link>> {
    match route.exchange(&[route::get_link(name)]) {
        Ok(replies) => Ok(replies.iter().find_map(route::read_link)),
        Err(failure) if failure.is(libc::ENODEV) => Ok(None),
        Err(failure) => {
            Err(Error::other(format!("cannot look for interface {name}")).with_source(failure))
        }
    }
}

/// A socket for links, addresses and routes.
pub(super) fn open() -> Result<Socket> {
    Socket::open(Family::Route).context(|| "cannot reach the kernel's network settings".to_owned())
}
