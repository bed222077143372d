//! Networks, and how services attach to them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::Extensions;
use super::wire;

/// A network of the project (Spec: 06-networks.md).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Its real name: as given, or `<project>_<key>`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub name: String,
    /// `None`: `bridge`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub driver: Option<String>,
    /// The driver's options.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// Addressing.
    pub ipam: Ipam,
    /// It exists already, and is neither created nor removed.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub external: bool,
    /// No way out, and no published ports.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub internal: bool,
    /// For clusters only.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub attachable: bool,
    /// Labels.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub labels: BTreeMap<String, String>,
    /// `None`: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_ipv4: Option<bool>,
    /// `None`: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_ipv6: Option<bool>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// How a network's addresses are given out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipam {
    /// `None`: `default`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub driver: Option<String>,
    /// Address ranges; empty: chosen by the engine.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub config: Vec<IpamPool>,
    /// The driver's options.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub options: BTreeMap<String, String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// One range of addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamPool {
    /// In CIDR form; `None`: chosen by the engine.
    #[serde(skip_serializing_if = "wire::empty")]
    pub subnet: Option<String>,
    /// The gateway's address; `None`: the first of the subnet.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Part of the subnet that containers get addresses from, in CIDR form.
    #[serde(skip_serializing_if = "wire::empty")]
    pub ip_range: Option<String>,
    /// Reserved addresses by name.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub aux_addresses: BTreeMap<String, String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// How a service attaches to one network (Spec: 05-services.md#networks).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceNetwork {
    /// Order of attachment, highest first; the first is the container's primary network.
    pub priority: i64,
    /// The highest provides the default gateway.
    pub gw_priority: i64,
    /// More DNS names on this network.
    pub aliases: Vec<String>,
    /// Name inside the container; `None`: `ethN`.
    pub interface_name: Option<String>,
    /// Static address.
    pub ipv4_address: Option<Ipv4Addr>,
    /// Static address.
    pub ipv6_address: Option<Ipv6Addr>,
    /// More link-local addresses.
    pub link_local_ips: Vec<String>,
    /// `None`: made from the address.
    pub mac_address: Option<String>,
    /// Options of this attachment.
    pub driver_opts: BTreeMap<String, String>,
    /// Keys that start with `x-`.
    pub extensions: Extensions,
}

/// The same, as it is written. An attachment that says nothing is written as null.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(skip_serializing_if = "wire::is_default")]
    aliases: Vec<String>,
    #[serde(skip_serializing_if = "wire::empty")]
    interface_name: Option<String>,
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    ipv4_address: Option<Ipv4Addr>,
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    ipv6_address: Option<Ipv6Addr>,
    #[serde(skip_serializing_if = "wire::is_default")]
    link_local_ips: Vec<String>,
    #[serde(skip_serializing_if = "wire::empty")]
    mac_address: Option<String>,
    #[serde(skip_serializing_if = "wire::is_default")]
    driver_opts: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "wire::is_default")]
    gw_priority: i64,
    #[serde(skip_serializing_if = "wire::is_default")]
    priority: i64,
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    extensions: Extensions,
}

impl Serialize for ServiceNetwork {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if wire::is_default(self) {
            return out.serialize_none();
        }
        let it = self.clone();
        Written {
            aliases: it.aliases,
            interface_name: it.interface_name,
            ipv4_address: it.ipv4_address,
            ipv6_address: it.ipv6_address,
            link_local_ips: it.link_local_ips,
            mac_address: it.mac_address,
            driver_opts: it.driver_opts,
            gw_priority: it.gw_priority,
            priority: it.priority,
            extensions: it.extensions,
        }
        .serialize(out)
    }
}

impl<'de> Deserialize<'de> for ServiceNetwork {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<ServiceNetwork, D::Error> {
        let it = Option::<Written>::deserialize(from)?.unwrap_or_default();
        Ok(ServiceNetwork {
            priority: it.priority,
            gw_priority: it.gw_priority,
            aliases: it.aliases,
            interface_name: it.interface_name,
            ipv4_address: it.ipv4_address,
            ipv6_address: it.ipv6_address,
            link_local_ips: it.link_local_ips,
            mac_address: it.mac_address,
            driver_opts: it.driver_opts,
            extensions: it.extensions,
        })
    }
}
