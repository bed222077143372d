//! A container's end of its networks: veth pairs, addresses, routes.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use crate::base::{Context, Error, Kind, Result, id::hex};
use crate::resource::container::AttachedEndpoint;
use crate::sys::netlink::route::{self, Veth};
use crate::sys::netlink::{Failure, Message, Socket};
use crate::sys::netns;

use super::address::{Lease, print_mac};
use super::{bridge, options, vlan};

/// Gives a network namespace its interfaces, in the order of `leases`: `eth0` first.
///
/// The loopback device is switched on, also when there are no leases. The default route is that of
/// the endpoint with the highest priority whose network is not internal. The interfaces vanish
/// with the namespace: there is nothing to undo. Call it with one thread, outside the namespace.
///
/// # Errors
/// A bridge is missing ([`super::ensure`] makes it), or an interface name is taken.
pub fn attach(leases: &[Lease], namespace: BorrowedFd<'_>) -> Result<Vec<AttachedEndpoint>> {
    let name = |number: usize, lease: &Lease| {
        lease.endpoint.interface.clone().unwrap_or_else(|| format!("eth{number}"))
    };
    let named = leases.iter().enumerate().map(|(number, lease)| (lease, name(number, lease)));
    let endpoints = named.map(|(lease, name)| describe(lease, name)).collect::<Result<Vec<_>>>()?;
    connect(leases, &endpoints, 0, namespace)?;
    Ok(endpoints)
}

/// Gives a namespace the interface of the last of `leases`; `endpoints` are those it has. The
/// default route moves to it if it has the highest priority.
///
/// # Errors
/// As [`attach`].
pub fn join(
    leases: &[Lease],
    endpoints: &[AttachedEndpoint],
    namespace: BorrowedFd<'_>,
) -> Result<AttachedEndpoint> {
    let Some(lease) = leases.last() else {
        return Err(Error::other("there is no network to join"));
    };
    let taken = |name: &String| endpoints.iter().any(|endpoint| endpoint.interface == *name);
    let free = (0..).map(|number| format!("eth{number}")).find(|name| !taken(name));
    let name = lease.endpoint.interface.clone().or(free).unwrap_or_default();
    let all = [endpoints, &[describe(lease, name)?]].concat();
    connect(leases, &all, endpoints.len(), namespace)?;
    all.last().cloned().ok_or_else(|| Error::other("there is no network to join"))
}

/// Takes an interface away from a namespace. The default route moves to the best of those that
/// stay.
///
/// # Errors
/// The kernel does not let the interface go.
pub fn leave(
    endpoint: &AttachedEndpoint,
    (leases, endpoints): (&[Lease], &[AttachedEndpoint]),
    namespace: BorrowedFd<'_>,
) -> Result<()> {
    let mut inner = inside(namespace, bridge::open)?;
    let mut messages = Vec::new();
    if let Some(link) = bridge::find(&mut inner, &endpoint.interface)? {
        messages.push(route::delete(link.index));
    }
    if let Some(number) = default_route(leases) {
        let index = index(&mut inner, &endpoints[number].interface)?;
        messages.extend(default_routes(&leases[number], &endpoints[number], index));
    }
    inner.exchange(&messages).map(drop).map_err(|failure| {
        Error::other(format!("cannot remove interface {}", endpoint.interface)).with_source(failure)
    })
}

/// Does `work` in the container's network namespace.
fn inside<T>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    netns::inside(namespace, work).context(|| "cannot enter the container's network".to_owned())?
}

/// Makes the interfaces from number `from` on.
fn connect(
    leases: &[Lease],
    endpoints: &[AttachedEndpoint],
    from: usize,
    namespace: BorrowedFd<'_>,
) -> Result<()> {
    let new = &leases[from..];
    let mut inner = inside(namespace, || {
        settings(new)?;
        bridge::open()
    })?;
    let mut outer = bridge::open()?;
    let mut messages = vec![route::up(LOOPBACK)];
    let mut outside = Vec::new();
    let first = default_route(leases);
    for (number, (lease, endpoint)) in leases.iter().zip(endpoints).enumerate().skip(from) {
        outside.extend(plug(&mut outer, lease, endpoint, namespace)?);
        let index = index(&mut inner, &endpoint.interface)?;
        messages.extend(addresses(lease, endpoint, index));
        messages.push(route::up(index));
        messages.push(route::get_link(&endpoint.interface));
        if first == Some(number) {
            messages.extend(default_routes(lease, endpoint, index));
        }
    }
    inner.exchange(&messages).map_err(|failure| {
        Error::other("cannot set up the container's interfaces").with_source(failure)
    })?;
    if new.iter().any(|lease| options::sysctls(&lease.endpoint).is_some()) {
        inside(namespace, || own_settings(new, &endpoints[from..]))?;
    }
    // Asking for a link, here and above, makes the kernel (6.8 and later) act on its new carrier
    // at once; else the container's first packets would be dropped until a work queue gets to it.
    // A bridge itself has a carrier only since its first port has one.
    let bridged = new.iter().filter(|lease| vlan::is_bridged(&lease.network.spec));
    let bridges = bridged.map(|lease| &lease.network.bridge);
    let questions: Vec<Message> =
        outside.iter().chain(bridges).map(|name| route::get_link(name)).collect();
    outer.exchange(&questions).map(drop).map_err(|failure| {
        Error::other("cannot look at the container's interfaces").with_source(failure)
    })
}

/// Number of the loopback device in every namespace.
const LOOPBACK: u32 = 1;

/// Kernel settings of a container's namespace; the calling thread is inside.
fn settings(leases: &[Lease]) -> Result<()> {
    // Docker: containers may ping and listen on low ports without capabilities.
    bridge::set("ipv4/ping_group_range", "0\t2147483647")?;
    bridge::set("ipv4/ip_unprivileged_port_start", "0")?;
    // Announce an address when its interface comes up: the last holder's may still be cached.
    bridge::set("ipv4/conf/default/arp_notify", "1")?;
    bridge::set("ipv6/conf/default/accept_ra", "0")?;
    let any_ipv6 = leases.iter().any(|lease| lease.ipv6.is_some());
    bridge::set("ipv6/conf/default/disable_ipv6", if any_ipv6 { "0" } else { "1" })
}

/// Settings of single interfaces that endpoints ask for, as in `net.ipv4.conf.IFNAME.forwarding=1`;
/// the calling thread is inside.
fn own_settings(leases: &[Lease], endpoints: &[AttachedEndpoint]) -> Result<()> {
    for (lease, endpoint) in leases.iter().zip(endpoints) {
        let settings = options::sysctls(&lease.endpoint);
        for setting in settings.into_iter().flat_map(|settings| settings.split(',')) {
            let (path, value) = options::interface_setting(setting, &endpoint.interface)?;
            bridge::set(&path, value)?;
        }
    }
    Ok(())
}

/// The endpoint as it will be, before anything is made.
fn describe(lease: &Lease, interface: String) -> Result<AttachedEndpoint> {
    let prefix = |v4: bool| {
        let of = |(gateway, prefix): (IpAddr, u8)| (gateway.is_ipv4() == v4).then_some(prefix);
        bridge::gateways(&lease.network).find_map(of).unwrap_or_default()
    };
    let gateways = || bridge::gateways(&lease.network).map(|(gateway, _)| gateway);
    Ok(AttachedEndpoint {
        network: lease.network.spec.name.clone(),
        interface,
        ipv4: lease.ipv4,
        ipv4_prefix: prefix(true),
        ipv6: lease.ipv6,
        ipv6_prefix: prefix(false),
        gateway_v4: gateways().find_map(|gateway| match gateway {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }),
        gateway_v6: gateways().find_map(|gateway| match gateway {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        }),
        mac: print_mac(lease.mac()?),
        names: lease.endpoint.aliases.clone(),
    })
}

/// Everything without a better way leaves by this endpoint.
fn default_routes(lease: &Lease, endpoint: &AttachedEndpoint, index: u32) -> Vec<Message> {
    let gateways = [endpoint.gateway_v4.map(IpAddr::V4), endpoint.gateway_v6.map(IpAddr::V6)];
    let gateways = gateways.into_iter().flatten();
    match vlan::routes_by_device(&lease.network.spec) {
        true => gateways.map(|any| route::device_route(index, any.is_ipv4())).collect(),
        false => gateways.map(|gateway| route::default_route(index, gateway)).collect(),
    }
}

/// Makes the pair of interfaces, and returns the outer one's name; `None`: there is only one, which
/// lies on an interface of the host.
fn plug(
    outer: &mut Socket,
    lease: &Lease,
    endpoint: &AttachedEndpoint,
    namespace: BorrowedFd<'_>,
) -> Result<Option<String>> {
    let network = &lease.network;
    if let Some(kind) = vlan::kind(&network.spec)? {
        let place = (endpoint.interface.as_str(), namespace);
        let made = vlan::new_interface(outer, lease, kind, place)?;
        outer.exchange(&[made]).map_err(|failure| {
            vlan::not_in_kernel(&failure, &network.spec.driver)
                .unwrap_or_else(|| plug_error(endpoint, failure))
        })?;
        return Ok(None);
    }
    let bridge = bridge::find(outer, &network.bridge)?.ok_or_else(|| {
        let message = format!("network {} has no bridge", network.spec.name);
        Error::new(Kind::NotFound, message)
    })?;
    // Random: the last run's pair may still be on its way out.
    let mut random = [0; 5];
    getrandom::fill(&mut random)
        .map_err(|error| Error::other("cannot get random bytes").with_source(error))?;
    let name = format!("cmpv{}", hex(&random));
    let isolated = !options::containers_reach_each_other(&network.spec);
    let veth = Veth {
        name: &name,
        bridge: bridge.index,
        isolated,
        namespace,
        peer: &endpoint.interface,
        mac: lease.mac()?,
        mtu: options::mtu(&network.spec),
    };
    let mut messages = vec![route::new_veth(&veth)];
    messages.extend(isolated.then(|| route::isolate_port(&name)));
    outer.exchange(&messages).map_err(|failure| plug_error(endpoint, failure))?;
    Ok(Some(name))
}

fn plug_error(endpoint: &AttachedEndpoint, failure: Failure) -> Error {
    let (interface, network) = (&endpoint.interface, &endpoint.network);
    Error::other(format!("cannot make interface {interface} to network {network}"))
        .with_source(failure)
}

/// The number of an interface in the container.
fn index(inner: &mut Socket, name: &str) -> Result<u32> {
    let link = bridge::find(inner, name)?;
    let missing = || Error::new(Kind::NotFound, format!("interface {name} vanished"));
    link.map(|link| link.index).ok_or_else(missing)
}

/// The messages that give an interface its addresses.
fn addresses(lease: &Lease, endpoint: &AttachedEndpoint, index: u32) -> Vec<Message> {
    let local = lease
        .endpoint
        .link_local
        .iter()
        .map(|address| (*address, if address.is_ipv4() { 16 } else { 64 }));
    let v4 = endpoint.ipv4.map(|address| (IpAddr::V4(address), endpoint.ipv4_prefix));
    let v6 = endpoint.ipv6.map(|address| (IpAddr::V6(address), endpoint.ipv6_prefix));
    let all = v4.into_iter().chain(v6).chain(local);
    all.map(|(address, prefix)| route::new_address(index, address, prefix)).collect()
}

/// Which endpoint has the default route: the highest priority; among equals the first by network
/// name (Docker). Internal networks lead nowhere.
fn default_route(leases: &[Lease]) -> Option<usize> {
    let open =
        leases.iter().enumerate().filter(|(_, lease)| vlan::leads_outside(&lease.network.spec));
    let best = open.min_by_key(|(_, lease)| {
        (std::cmp::Reverse(lease.endpoint.gateway_priority), &lease.network.spec.name)
    });
    best.map(|(number, _)| number)
}
