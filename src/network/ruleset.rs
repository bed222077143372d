//! What our nftables table says, as data. Pure.
//!
//! Rules are written once, with the table; networks and ports are elements of sets and maps, so a
//! network costs a few elements and a published port costs one. All rules in words:
//!
//! - what other machines send to 127.0.0.0/8 is dropped, so that ports published on 127.0.0.1 are
//!   closed to them even where `route_localnet` is on;
//! - what is sent to an address of this machine and a published port goes to the container,
//!   whoever sends it: another machine, another container, this machine;
//! - a container's packets leave under this machine's address, unless they stay in the network;
//! - from outside a container is reached through published ports only; networks reach each other
//!   in no other way either, and internal networks not at all.

use std::net::{IpAddr, SocketAddr};

use sha2::Digest as _;

use crate::base::{ContainerId, Digest, Protocol};
use crate::resource::Network;
use crate::resource::container::BoundPort;
use crate::sys::netlink::nft::{Base, Change, Element, Expression as E, Hook, Set, Type, Verdict};

use super::options;

/// Bridges of all networks.
pub const BRIDGES: &str = "bridges";
/// Pairs of a bridge and itself: containers of such networks reach each other.
pub const INSIDE: &str = "inside";
/// Bridges of internal networks.
pub const INTERNAL: &str = "internal";
/// Bridges whose packets leave under this machine's address.
pub const MASQUERADED: &str = "masqueraded";
/// Ports published on all IPv4 addresses.
pub const PORTS4: &str = "ports4";
/// Ports published on one IPv4 address.
pub const PORTS4_ON: &str = "ports4_on";
/// Ports published on all IPv6 addresses.
pub const PORTS6: &str = "ports6";
/// Ports published on one IPv6 address.
pub const PORTS6_ON: &str = "ports6_on";

/// Containers' own published ports: what a container sends to itself that way is not forwarded by
/// the kernel, because a bridge sends nothing back to where it came from. The shim's socket
/// serves it.
pub const OWN: &str = "own";

/// Sets whose elements belong to networks; comments name the network's id.
pub const NETWORK_SETS: [&str; 4] = [BRIDGES, INSIDE, INTERNAL, MASQUERADED];
/// Sets whose elements belong to containers; comments name the container's id.
pub const PORT_SETS: [&str; 5] = [PORTS4, PORTS4_ON, PORTS6, PORTS6_ON, OWN];

const IPV4: u8 = 2;
const IPV6: u8 = 10;
const RTN_LOCAL: u32 = 2;
const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
const DESTINATION_CHANGED: u32 = 32;

/// The whole table without elements. Its comment names this version of the rules, so that a
/// table made by another version of this program is noticed.
#[must_use]
pub fn base() -> Vec<Change> {
    let content = content();
    let text = content.iter().fold(String::new(), |text, change| format!("{text}{change}\n"));
    let version = &Digest::from_sha256(&sha2::Sha256::digest(text)).short().to_owned();
    let mut changes = vec![Change::AddTable(format!("rules {version}"))];
    changes.extend(content);
    changes
}

/// Sets, chains and rules.
fn content() -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(sets().into_iter().map(Change::AddSet));
    let hooked = |nat, hook, priority| Some(Base { nat, hook, priority });
    changes.extend([
        Change::AddChain("publish", None),
        Change::AddChain("guard", hooked(false, Hook::Prerouting, -300)),
        Change::AddChain("arriving", hooked(true, Hook::Prerouting, -100)),
        Change::AddChain("sent", hooked(true, Hook::Output, -100)),
        Change::AddChain("leaving", hooked(true, Hook::Postrouting, 100)),
        Change::AddChain("forward", hooked(false, Hook::Forward, 0)),
    ]);
    changes.extend(guard());
    changes.extend(publish());
    changes.extend(leaving());
    changes.extend(forward());
    changes
}

fn sets() -> [Set; 9] {
    use Type::{Interface, Ipv4, Ipv6, Port, Protocol};
    let set = |name, key| Set { name, key, value: &[] };
    [
        set(BRIDGES, &[Interface]),
        set(INSIDE, &[Interface, Interface]),
        set(INTERNAL, &[Interface]),
        set(MASQUERADED, &[Interface]),
        Set { name: PORTS4, key: &[Protocol, Port], value: &[Ipv4, Port] },
        Set { name: PORTS4_ON, key: &[Ipv4, Protocol, Port], value: &[Ipv4, Port] },
        Set { name: PORTS6, key: &[Protocol, Port], value: &[Ipv6, Port] },
        Set { name: PORTS6_ON, key: &[Ipv6, Protocol, Port], value: &[Ipv6, Port] },
        set(OWN, &[Ipv4, Protocol, Port]),
    ]
}

/// The rule's network protocol, before it may read addresses.
fn only(family: u8) -> [E; 2] {
    [E::NetworkProtocol(0), E::Equals(0, vec![family])]
}

fn rule(chain: &'static str, parts: impl IntoIterator<Item = E>) -> Change {
    Change::AddRule(chain, parts.into_iter().collect())
}

fn guard() -> Vec<Change> {
    let mut parts = only(IPV4).to_vec();
    parts.extend([E::InInterface(0), E::Differs(0, interface("lo"))]);
    parts.extend([E::Destination4(0), E::Mask(0, vec![255, 0, 0, 0])]);
    parts.extend([E::Equals(0, vec![127, 0, 0, 0]), E::Verdict(Verdict::Drop)]);
    vec![rule("guard", parts)]
}

fn publish() -> Vec<Change> {
    let to_us = |chain| {
        let local = E::Equals(0, RTN_LOCAL.to_ne_bytes().to_vec());
        rule(chain, [E::DestinationKind(0), local, E::Verdict(Verdict::Jump("publish"))])
    };
    let mut own = only(IPV4).to_vec();
    own.extend([E::Source4(0), E::TransportProtocol(1), E::DestinationPort(2)]);
    own.extend([E::InSet(0, OWN), E::Verdict(Verdict::Accept)]);
    let mut on4 = only(IPV4).to_vec();
    on4.extend([E::Destination4(0), E::TransportProtocol(1), E::DestinationPort(2)]);
    on4.extend([E::Map(0, PORTS4_ON), E::Dnat4(0)]);
    let mut all4 = only(IPV4).to_vec();
    all4.extend([E::TransportProtocol(0), E::DestinationPort(1)]);
    all4.extend([E::Map(0, PORTS4), E::Dnat4(0)]);
    // ::1 cannot leave the loopback device: the shim's socket serves it.
    let mut not_loopback = only(IPV6).to_vec();
    let loopback = std::net::Ipv6Addr::LOCALHOST.octets().to_vec();
    not_loopback.extend([E::Destination6(0), E::Differs(0, loopback)]);
    let mut on6 = not_loopback.clone();
    on6.extend([E::TransportProtocol(4), E::DestinationPort(5)]);
    on6.extend([E::Map(0, PORTS6_ON), E::Dnat6(0)]);
    let mut all6 = not_loopback;
    all6.extend([E::TransportProtocol(0), E::DestinationPort(1)]);
    all6.extend([E::Map(0, PORTS6), E::Dnat6(0)]);
    let rules = [own, on4, all4, on6, all6].map(|parts| rule("publish", parts));
    [to_us("arriving"), to_us("sent")].into_iter().chain(rules).collect()
}

fn leaving() -> Vec<Change> {
    let pair = [E::InInterface(0), E::OutInterface(4), E::InSet(0, INSIDE)];
    let unchanged = [
        E::ConnectionStatus(0),
        E::Mask(0, DESTINATION_CHANGED.to_ne_bytes().to_vec()),
        E::Equals(0, vec![0; 4]),
        E::Verdict(Verdict::Accept),
    ];
    // This machine's connections to 127.0.0.1 and a published port: the container could not
    // answer to that address.
    let mut from_loopback = only(IPV4).to_vec();
    from_loopback.extend([E::Source4(0), E::Mask(0, vec![255, 0, 0, 0])]);
    from_loopback.extend([E::Equals(0, vec![127, 0, 0, 0])]);
    from_loopback.extend([E::OutInterface(0), E::InSet(0, BRIDGES), E::Masquerade]);
    vec![
        rule("leaving", pair.into_iter().chain(unchanged)),
        // Also between containers of one network that met through a published port: the answer
        // must come back this way.
        rule("leaving", [E::InInterface(0), E::InSet(0, MASQUERADED), E::Masquerade]),
        rule("leaving", from_loopback),
    ]
}

fn forward() -> Vec<Change> {
    let bits = |load: E, bits: u32| {
        let mask = bits.to_ne_bytes().to_vec();
        [load, E::Mask(0, mask), E::Differs(0, vec![0; 4]), E::Verdict(Verdict::Accept)]
    };
    let pair = [E::InInterface(0), E::OutInterface(4), E::InSet(0, INSIDE)];
    let accept = E::Verdict(Verdict::Accept);
    let drop = |load: E, set| rule("forward", [load, E::InSet(0, set), E::Verdict(Verdict::Drop)]);
    vec![
        rule("forward", bits(E::ConnectionState(0), ESTABLISHED_OR_RELATED)),
        rule("forward", pair.into_iter().chain([accept])),
        drop(E::InInterface(0), INTERNAL),
        drop(E::OutInterface(0), INTERNAL),
        rule("forward", bits(E::ConnectionStatus(0), DESTINATION_CHANGED)),
        drop(E::OutInterface(0), BRIDGES),
    ]
}

/// The elements of one network.
#[must_use]
pub fn network(network: &Network) -> Vec<Element> {
    let bridge = interface(&network.bridge);
    let element = |set, key: Vec<u8>| {
        let comment = network.id.clone();
        Element { set, key, value: Vec::new(), comment }
    };
    let mut elements = vec![element(BRIDGES, bridge.clone())];
    if options::containers_reach_each_other(&network.spec) {
        elements.push(element(INSIDE, [bridge.clone(), bridge.clone()].concat()));
    }
    if network.spec.internal {
        elements.push(element(INTERNAL, bridge));
    } else if options::masquerades(&network.spec) {
        elements.push(element(MASQUERADED, bridge));
    }
    elements
}

/// The elements of one published port; none where the kernel cannot forward: to `::1`, or to a
/// container address of the other family.
#[must_use]
pub fn port(owner: &ContainerId, bound: &BoundPort, target: SocketAddr) -> Vec<Element> {
    let protocol = vec![protocol_number(bound.protocol), 0, 0, 0];
    let number = |number: u16| [&number.to_be_bytes()[..], &[0, 0]].concat();
    let any = bound.host_ip.is_unspecified();
    let (set, address) = match (bound.host_ip, target.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) if any => (PORTS4, Vec::new()),
        (IpAddr::V4(on), IpAddr::V4(_)) => (PORTS4_ON, on.octets().to_vec()),
        (IpAddr::V6(_), IpAddr::V6(_)) if any => (PORTS6, Vec::new()),
        (IpAddr::V6(on), IpAddr::V6(_)) if !on.is_loopback() => (PORTS6_ON, on.octets().to_vec()),
        _ => return Vec::new(),
    };
    let to = match target.ip() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let key = [protocol, number(bound.host)].concat();
    let element = |set, address: Vec<u8>, value| Element {
        set,
        key: [address, key.clone()].concat(),
        value,
        comment: owner.as_str().to_owned(),
    };
    let mut elements = vec![element(set, address, [to.clone(), number(target.port())].concat())];
    if target.is_ipv4() {
        elements.push(element(OWN, to, Vec::new()));
    }
    elements
}

/// Transport protocol and host port of an element's key; `None` if it is no key of a port map.
#[must_use]
pub fn read_port(key: &[u8]) -> Option<(u8, u16)> {
    match *key.get(key.len().checked_sub(8)?..)? {
        [protocol, _, _, _, high, low, _, _] => Some((protocol, u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

/// The number of a transport protocol in IP headers.
#[must_use]
pub fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

/// An interface name as a key: 16 bytes, the rest zero.
#[must_use]
pub fn interface(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(on: &str, target: &str) -> Vec<String> {
        let owner = "c0".repeat(32).parse().unwrap();
        let protocol = Protocol::Tcp;
        let host_ip = on.parse().unwrap();
        let bound = BoundPort { host_ip, host: 8080, container: 80, protocol };
        let elements = port(&owner, &bound, target.parse().unwrap());
        elements.iter().map(|element| element.to_string().replace(owner.as_str(), "me")).collect()
    }

    #[test]
    fn a_published_port_is_two_elements() {
        assert_eq!(
            elements("0.0.0.0", "10.0.0.2:80"),
            [
                "ports4 { 060000001f900000 : 0a00000200500000 comment \"me\" }",
                "own { 0a000002060000001f900000 comment \"me\" }",
            ]
        );
        assert_eq!(
            elements("127.0.0.1", "10.0.0.2:80")[0],
            "ports4_on { 7f000001060000001f900000 : 0a00000200500000 comment \"me\" }"
        );
    }

    #[test]
    fn what_the_kernel_cannot_forward_has_no_element() {
        assert!(elements("::1", "[fd00::2]:80").is_empty());
        assert!(elements("::", "10.0.0.2:80").is_empty());
    }

    #[test]
    fn the_forward_chain_accepts_and_drops_in_this_order() {
        let rules: Vec<String> = forward().iter().map(ToString::to_string).collect();
        assert_eq!(
            rules,
            [
                "add rule forward ct state and 06000000 != 00000000 accept",
                "add rule forward iifname oifname @inside accept",
                "add rule forward iifname @internal drop",
                "add rule forward oifname @internal drop",
                "add rule forward ct status and 20000000 != 00000000 accept",
                "add rule forward oifname @bridges drop",
            ]
        );
    }
}
