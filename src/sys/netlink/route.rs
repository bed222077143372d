//! Messages about links, addresses and routes (`rtnetlink(7)`), as data.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::message::{Attributes, Message, Reply, flag, number, text};

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_GROUP: u16 = 27;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const IFLA_BRPORT_ISOLATED: u16 = 33;
const VETH_INFO_PEER: u16 = 1;
const IFLA_VLAN_ID: u16 = 1;
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_FLAGS: u16 = 2;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const IFF_UP: u32 = 1;
/// Length of `struct ifinfomsg`.
const LINK_BYTES: usize = 16;
/// Length of `struct rtmsg`.
const ROUTE_BYTES: usize = 12;

/// A hardware address.
pub type Mac = [u8; 6];

/// A link as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Number of the interface.
    pub index: u32,
    /// Name of the interface.
    pub name: String,
    /// Free text; empty when there is none.
    pub alias: String,
    /// It is switched on.
    pub up: bool,
}

/// A pair of connected interfaces, one here and one in a container's namespace.
#[derive(Clone, Debug)]
pub struct Veth<'a> {
    /// Name of the end here.
    pub name: &'a str,
    /// Number of the bridge that the end here belongs to.
    pub bridge: u32,
    /// The bridge forwards nothing between this port and other isolated ones.
    pub isolated: bool,
    /// The container's namespace.
    pub namespace: BorrowedFd<'a>,
    /// Name of the end there.
    pub peer: &'a str,
    /// Hardware address of the end there.
    pub mac: Mac,
    /// Largest packet in bytes; `None`: 1500.
    pub mtu: Option<u32>,
}

/// An interface in a container's namespace that lies on one here.
#[derive(Clone, Debug)]
pub struct Child<'a> {
    /// Its name.
    pub name: &'a str,
    /// Number of the interface here.
    pub parent: u32,
    /// How it lies on that.
    pub lower: Lower,
    /// The container's namespace.
    pub namespace: BorrowedFd<'a>,
    /// Hardware address; `None`: the kernel's choice.
    pub mac: Option<Mac>,
    /// Largest packet in bytes; `None`: as its parent's.
    pub mtu: Option<u32>,
}

/// How an interface lies on another one.
#[derive(Clone, Copy, Debug)]
pub enum Lower {
    /// With a hardware address of its own.
    Macvlan {
        /// `MACVLAN_MODE_*`.
        mode: u32,
    },
    /// With that of the other one.
    Ipvlan {
        /// `IPVLAN_MODE_*`.
        mode: u16,
        /// `IPVLAN_F_*`.
        flags: u16,
    },
}

/// Makes such an interface, switched off.
#[must_use]
pub fn new_child(child: &Child<'_>) -> Message {
    let mut message = link(libc::RTM_NEWLINK, flag::CREATE | flag::EXCL, 0, 0)
        .text(IFLA_IFNAME, child.name)
        .u32(IFLA_LINK, child.parent)
        .u32(IFLA_NET_NS_FD, child.namespace.as_raw_fd().cast_unsigned());
    if let Some(mac) = child.mac {
        message = message.attribute(IFLA_ADDRESS, &mac);
    }
    if let Some(mtu) = child.mtu {
        message = message.u32(IFLA_MTU, mtu);
    }
    message.nest(IFLA_LINKINFO, |info| match child.lower {
        Lower::Macvlan { mode } => info
            .text(IFLA_INFO_KIND, "macvlan")
            .nest(IFLA_INFO_DATA, |data| data.u32(IFLA_MACVLAN_MODE, mode)),
        Lower::Ipvlan { mode, flags } => {
            info.text(IFLA_INFO_KIND, "ipvlan").nest(IFLA_INFO_DATA, |data| {
                data.attribute(IFLA_IPVLAN_MODE, &mode.to_ne_bytes())
                    .attribute(IFLA_IPVLAN_FLAGS, &flags.to_ne_bytes())
            })
        }
    })
}

/// Makes an interface that leads nowhere, switched off.
#[must_use]
pub fn new_dummy(name: &str) -> Message {
    link(libc::RTM_NEWLINK, flag::CREATE | flag::EXCL, 0, 0)
        .text(IFLA_IFNAME, name)
        .nest(IFLA_LINKINFO, |info| info.text(IFLA_INFO_KIND, "dummy"))
}

/// Makes an interface for one VLAN of another one, switched off.
#[must_use]
pub fn new_vlan(name: &str, parent: u32, number: u16) -> Message {
    link(libc::RTM_NEWLINK, flag::CREATE | flag::EXCL, 0, 0)
        .text(IFLA_IFNAME, name)
        .u32(IFLA_LINK, parent)
        .nest(IFLA_LINKINFO, |info| {
            info.text(IFLA_INFO_KIND, "vlan")
                .nest(IFLA_INFO_DATA, |data| data.attribute(IFLA_VLAN_ID, &number.to_ne_bytes()))
        })
}

/// Makes a bridge, switched off.
#[must_use]
pub fn new_bridge(name: &str, mac: Mac, mtu: Option<u32>) -> Message {
    let message = link(libc::RTM_NEWLINK, flag::CREATE | flag::EXCL, 0, 0)
        .text(IFLA_IFNAME, name)
        // An address of its own: otherwise it changes whenever a port comes or goes.
        .attribute(IFLA_ADDRESS, &mac);
    let message = match mtu {
        Some(mtu) => message.u32(IFLA_MTU, mtu),
        None => message,
    };
    message.nest(IFLA_LINKINFO, |info| info.text(IFLA_INFO_KIND, "bridge"))
}

/// Makes a pair of interfaces: one end here, switched on and in its bridge, the other one in the
/// container's namespace, switched off.
#[must_use]
pub fn new_veth(veth: &Veth<'_>) -> Message {
    let mtu = |message: Message| match veth.mtu {
        Some(mtu) => message.u32(IFLA_MTU, mtu),
        None => message,
    };
    let peer = |data: Message| {
        let peer = data
            .fixed(&link_header(0, 0))
            .text(IFLA_IFNAME, veth.peer)
            .attribute(IFLA_ADDRESS, &veth.mac)
            .u32(IFLA_NET_NS_FD, veth.namespace.as_raw_fd().cast_unsigned());
        mtu(peer)
    };
    let message = link(libc::RTM_NEWLINK, flag::CREATE | flag::EXCL, 0, IFF_UP)
        .text(IFLA_IFNAME, veth.name)
        .u32(IFLA_MASTER, veth.bridge);
    mtu(message).nest(IFLA_LINKINFO, |info| {
        info.text(IFLA_INFO_KIND, "veth")
            .nest(IFLA_INFO_DATA, |data| data.nest(VETH_INFO_PEER, peer))
    })
}

/// Keeps the bridge from forwarding between this port and other isolated ones.
#[must_use]
pub fn isolate_port(name: &str) -> Message {
    link(libc::RTM_NEWLINK, 0, 0, 0).text(IFLA_IFNAME, name).nest(IFLA_LINKINFO, |info| {
        info.text(IFLA_INFO_SLAVE_KIND, "bridge")
            .nest(IFLA_INFO_SLAVE_DATA, |data| data.attribute(IFLA_BRPORT_ISOLATED, &[1]))
    })
}

/// Switches a link on.
#[must_use]
pub fn up(index: u32) -> Message {
    link(libc::RTM_NEWLINK, 0, index, IFF_UP)
}

/// Switches a link on and writes a free text to it.
#[must_use]
pub fn up_with_alias(index: u32, alias: &str) -> Message {
    up(index).attribute(IFLA_IFALIAS, alias.as_bytes())
}

/// Puts a link into a group.
#[must_use]
pub fn set_group(index: u32, group: u32) -> Message {
    link(libc::RTM_NEWLINK, 0, index, 0).u32(IFLA_GROUP, group)
}

/// Deletes a link, and its other end if it has one; the kernel waits (about 16 ms).
#[must_use]
pub fn delete(index: u32) -> Message {
    link(libc::RTM_DELLINK, 0, index, 0)
}

/// Deletes all links of a group: one wait of the kernel (about 40 ms) for all of them.
#[must_use]
pub fn delete_group(group: u32) -> Message {
    link(libc::RTM_DELLINK, 0, 0, 0).u32(IFLA_GROUP, group)
}

/// Gives a link an address, usable at once.
#[must_use]
pub fn new_address(index: u32, address: IpAddr, prefix: u8) -> Message {
    // No duplicate address detection: addresses are ours to give, and it takes a second.
    const IFA_F_NODAD: u8 = 2;
    let (family, bytes) = bytes_of(address);
    let flags = if address.is_ipv6() { IFA_F_NODAD } else { 0 };
    let mut fixed = vec![family, prefix, flags, 0];
    fixed.extend_from_slice(&index.to_ne_bytes());
    let flags = flag::CREATE | flag::REPLACE | flag::ACK;
    let message = Message::new(libc::RTM_NEWADDR, flags)
        .fixed(&fixed)
        .attribute(IFA_LOCAL, &bytes)
        .attribute(IFA_ADDRESS, &bytes);
    match address {
        IpAddr::V4(address) if prefix < 31 => {
            let broadcast = address.to_bits() | (u32::MAX >> prefix);
            message.attribute(IFA_BROADCAST, &broadcast.to_be_bytes())
        }
        IpAddr::V4(_) => message,
        IpAddr::V6(_) => message.u32(IFA_FLAGS, u32::from(IFA_F_NODAD)),
    }
}

/// Sends everything without a better route to `gateway`.
#[must_use]
pub fn default_route(index: u32, gateway: IpAddr) -> Message {
    let (family, bytes) = bytes_of(gateway);
    let (table, protocol) = (libc::RT_TABLE_MAIN, libc::RTPROT_BOOT);
    let scope = libc::RT_SCOPE_UNIVERSE;
    let mut fixed = vec![family, 0, 0, 0, table, protocol, scope, libc::RTN_UNICAST];
    fixed.extend_from_slice(&[0; 4]);
    Message::new(libc::RTM_NEWROUTE, flag::CREATE | flag::REPLACE | flag::ACK)
        .fixed(&fixed)
        .attribute(RTA_GATEWAY, &bytes)
        .u32(RTA_OIF, index)
}

/// Sends everything without a better route out of a link, whoever is behind it.
#[must_use]
pub fn device_route(index: u32, ipv4: bool) -> Message {
    let family = if ipv4 { libc::AF_INET } else { libc::AF_INET6 } as u8;
    let (table, protocol) = (libc::RT_TABLE_MAIN, libc::RTPROT_BOOT);
    let mut fixed = vec![family, 0, 0, 0, table, protocol, libc::RT_SCOPE_LINK, libc::RTN_UNICAST];
    fixed.extend_from_slice(&[0; 4]);
    Message::new(libc::RTM_NEWROUTE, flag::CREATE | flag::REPLACE | flag::ACK)
        .fixed(&fixed)
        .u32(RTA_OIF, index)
}

/// Asks for one link by its name. `ENODEV` when there is none.
#[must_use]
pub fn get_link(name: &str) -> Message {
    link(libc::RTM_GETLINK, 0, 0, 0).text(IFLA_IFNAME, name)
}

/// Asks for all bridges.
#[must_use]
pub fn list_bridges() -> Message {
    link(libc::RTM_GETLINK, flag::DUMP, 0, 0)
        .nest(IFLA_LINKINFO, |info| info.text(IFLA_INFO_KIND, "bridge"))
}

/// Asks for all routes of both families.
#[must_use]
pub fn list_routes() -> Message {
    Message::new(libc::RTM_GETROUTE, flag::DUMP).fixed(&[0; ROUTE_BYTES])
}

/// Reads a link from an answer; `None` if it is about something else.
#[must_use]
pub fn read_link(reply: &Reply) -> Option<Link> {
    if reply.kind != libc::RTM_NEWLINK {
        return None;
    }
    let attributes = reply.attributes(LINK_BYTES);
    Some(Link {
        index: number(&reply.body, 4)?,
        name: text(attributes.get(IFLA_IFNAME)?),
        alias: attributes.get(IFLA_IFALIAS).map(text).unwrap_or_default(),
        up: number(&reply.body, 8)? & IFF_UP != 0,
    })
}

/// Reads where a route leads, as address and prefix length; `None` for default routes, broadcast,
/// multicast and local addresses, which take no room.
#[must_use]
pub fn read_destination(reply: &Reply) -> Option<(IpAddr, u8)> {
    let (&prefix, &kind) = (reply.body.get(1)?, reply.body.get(7)?);
    if reply.kind != libc::RTM_NEWROUTE || kind != libc::RTN_UNICAST || prefix == 0 {
        return None;
    }
    let destination = Attributes::new(&reply.body[ROUTE_BYTES..]).get(RTA_DST)?;
    let address = match *reply.body.first()? {
        family if i32::from(family) == libc::AF_INET => {
            IpAddr::from(<[u8; 4]>::try_from(destination).ok()?)
        }
        _ => IpAddr::from(<[u8; 16]>::try_from(destination).ok()?),
    };
    Some((address, prefix))
}

/// A message about a link, to be acknowledged unless it asks for a list.
fn link(kind: u16, flags: u16, index: u32, set: u32) -> Message {
    let acknowledge = if flags == flag::DUMP { 0 } else { flag::ACK };
    Message::new(kind, flags | acknowledge).fixed(&link_header(index, set))
}

/// `struct ifinfomsg`: flags in `set` are switched on, no other flag changes.
fn link_header(index: u32, set: u32) -> [u8; LINK_BYTES] {
    let mut header = [0; LINK_BYTES];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&set.to_ne_bytes());
    header[12..16].copy_from_slice(&set.to_ne_bytes());
    header
}

/// The address family and the address in network byte order.
fn bytes_of(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (libc::AF_INET as u8, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6 as u8, address.octets().to_vec()),
    }
}
