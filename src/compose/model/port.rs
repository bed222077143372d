//! `ports`: container ports reachable from outside.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::{PortRange, Protocol};

use super::Extensions;
use super::wire;

/// One published container port (Spec: 05-services.md#ports). Ranges of container ports were
/// expanded to one entry each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    /// Documentation only.
    #[serde(skip_serializing_if = "wire::empty")]
    pub name: Option<String>,
    /// `ingress` or `host`; no difference on one host.
    #[serde(skip_serializing_if = "wire::empty")]
    pub mode: Option<String>,
    /// Address to listen on; `None`: all IPv4 and IPv6 addresses.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<IpAddr>,
    /// Port in the container.
    pub target: u16,
    /// Host port, or a range to take the first free one from; `None` or 0: any free one.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub published: Option<PortRange>,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Protocol spoken, as in `http`; a hint only.
    #[serde(skip_serializing_if = "wire::empty")]
    pub app_protocol: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}
