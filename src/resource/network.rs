//! Networks, and containers' attachments to them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The network of build steps: made by the first one that needs it, gone with the last build.
pub const OF_BUILDS: &str = "compose.build";

/// Where a container's network comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// Its own network namespace with these attachments, in order of priority: the first one
    /// becomes `eth0`.
    Networks(Vec<Endpoint>),
    /// Its own network namespace with a loopback device only.
    None,
    /// The host's network namespace.
    Host,
    /// The network namespace of the container with this name or id.
    Container(String),
}

impl Default for NetworkMode {
    fn default() -> NetworkMode {
        NetworkMode::Networks(Vec::new())
    }
}

/// A container's attachment to one network, as wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// Name of the network, as in `myproject_default`.
    pub network: String,
    /// Names under which the others in this network find the container, besides its own name
    /// and short id: the service's name and its aliases.
    pub aliases: Vec<String>,
    /// A fixed address; `None`: the next free one.
    pub ipv4: Option<Ipv4Addr>,
    /// A fixed address; `None`: derived from the IPv4 address, if the network has IPv6.
    pub ipv6: Option<Ipv6Addr>,
    /// Further addresses from 169.254.0.0/16 or fe80::/10.
    pub link_local: Vec<IpAddr>,
    /// Hardware address; `None`: derived from the IPv4 address.
    pub mac: Option<String>,
    /// Interface name; `None`: `eth` and a number.
    pub interface: Option<String>,
    /// The default route is the endpoint's with the highest value.
    pub gateway_priority: i32,
    /// Options of this attachment, with Docker's names.
    pub driver_opts: BTreeMap<String, String>,
    /// It was made after the container, by `network connect`: what made the container does not
    /// miss it.
    pub by_hand: bool,
}

/// Resolver settings of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dns {
    /// Name servers instead of the host's.
    pub servers: Vec<IpAddr>,
    /// Search domains instead of the host's.
    pub search: Vec<String>,
    /// Options of `resolv.conf`.
    pub options: Vec<String>,
}

/// A network as it shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSpec {
    /// Unique name, as in `myproject_default`.
    pub name: String,
    /// `bridge` (empty means it too), `macvlan`, …
    pub driver: String,
    /// The driver's options.
    pub driver_opts: BTreeMap<String, String>,
    /// No way to the outside, and none from there.
    pub internal: bool,
    /// Single containers may attach (no effect on one machine).
    pub attachable: bool,
    /// Give addresses of IPv4.
    pub ipv4: bool,
    /// Give addresses of IPv6.
    pub ipv6: bool,
    /// Wanted subnets, as in `172.28.0.0/16`; none: taken from the pools.
    pub subnets: Vec<Subnet>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A subnet and what is special in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subnet {
    /// In CIDR notation.
    pub subnet: String,
    /// Range to allocate from, in CIDR notation; `None`: the whole subnet.
    pub ip_range: Option<String>,
    /// The bridge's address; `None`: the first address.
    pub gateway: Option<IpAddr>,
    /// Addresses not to be given away, with their names.
    pub aux_addresses: BTreeMap<String, IpAddr>,
}

/// A network that exists: its record on disk. The bridge itself is made when first needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// What was asked for; `subnets` are those really given.
    pub spec: NetworkSpec,
    /// The bridge's interface name, at most 15 bytes.
    pub bridge: String,
    /// When the record was written.
    pub created_at: Timestamp,
}
