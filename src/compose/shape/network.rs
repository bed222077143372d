//! The keys of networks, and of a service's attachment to one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::{Error, Kind};

use super::resource::external;
use super::short;
use super::{Fields, Items, Map, ONCE, Pairs, Shape, Unique, fields, key};

/// A network of the project.
pub static NETWORK: Fields = Fields {
    noun: "a network",
    keys: &[
        key("name", Shape::Text),
        key("driver", Shape::Text),
        key("driver_opts", Shape::Map(&DRIVER_OPTIONS)),
        key("ipam", Shape::Fields(&IPAM)),
        key("external", Shape::External),
        key("internal", Shape::Bool),
        key("enable_ipv4", Shape::Bool),
        key("enable_ipv6", Shape::Bool),
        key("attachable", Shape::Bool),
        key("labels", Shape::Pairs(Pairs::Labels)),
    ],
    open: true,
    then: Some(external),
};

/// Options of a driver: text and numbers by name.
pub static DRIVER_OPTIONS: Map = Map { value: Shape::TextOrNumber, names: None, listed: None };

static IPAM: Fields = fields(
    "`ipam`",
    &[
        key("driver", Shape::Text),
        key("config", Shape::Items(&POOLS)),
        key("options", Shape::Map(&TEXT_BY_NAME)),
    ],
);

static TEXT_BY_NAME: Map = Map { value: Shape::Text, names: None, listed: None };

static POOLS: Items =
    Items { long: &POOL, short: short::none, alone: false, unique: Unique::Merged(short::subnet) };

static POOL: Fields = fields(
    "a range of addresses",
    &[
        key("subnet", Shape::Parsed(subnet)),
        key("ip_range", Shape::Parsed(subnet)),
        key("gateway", Shape::Parsed(address::<IpAddr>)),
        key("aux_addresses", Shape::Map(&TEXT_BY_NAME)),
    ],
);

/// How a service attaches to a network.
pub static ATTACHMENT: Fields = fields(
    "a network of a service",
    &[
        key("aliases", Shape::List(&ONCE)),
        key("interface_name", Shape::Text),
        key("ipv4_address", Shape::Parsed(address::<Ipv4Addr>)),
        key("ipv6_address", Shape::Parsed(address::<Ipv6Addr>)),
        key("link_local_ips", Shape::List(&ONCE)),
        key("mac_address", Shape::Text),
        key("driver_opts", Shape::Map(&DRIVER_OPTIONS)),
        key("priority", Shape::Int(i64::MIN, i64::MAX)),
        key("gw_priority", Shape::Int(i64::MIN, i64::MAX)),
    ],
);

fn address<T: std::str::FromStr>(text: &str) -> Result<(), Error> {
    let kind = match std::any::type_name::<T>() {
        name if name.ends_with("Ipv4Addr") => "IPv4 address",
        name if name.ends_with("Ipv6Addr") => "IPv6 address",
        _ => "IP address",
    };
    match text.parse::<T>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::new(Kind::Invalid, format!("`{text}` is not an {kind}"))),
    }
}

fn subnet(text: &str) -> Result<(), Error> {
    let right = text.split_once('/').is_some_and(|(address, length)| {
        let most = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        length.parse::<u8>().is_ok_and(|length| length <= most)
    });
    if right {
        return Ok(());
    }
    let message = format!("`{text}` is not a range of addresses");
    Err(Error::new(Kind::Invalid, message).hint("write it as in 172.28.0.0/16 or fd00:1::/64"))
}
