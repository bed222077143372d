//! Driver options of bridge networks, with Docker's names and defaults. Pure.

use std::net::IpAddr;

use crate::base::{Error, Kind, Result};
use crate::resource::{Endpoint, NetworkSpec};

const PREFIX: &str = "com.docker.network.bridge.";

/// Containers of the network reach each other (`enable_icc`).
#[must_use]
pub fn containers_reach_each_other(spec: &NetworkSpec) -> bool {
    switch(spec, "enable_icc")
}

/// Packets to the outside leave under this machine's address (`enable_ip_masquerade`).
#[must_use]
pub fn masquerades(spec: &NetworkSpec) -> bool {
    switch(spec, "enable_ip_masquerade")
}

/// The wanted name of the bridge (`name`).
///
/// # Errors
/// It is no interface name: longer than 15 bytes, or with a space, `/` or `:`.
pub fn bridge_name(spec: &NetworkSpec) -> Result<Option<&str>> {
    let name = option(spec, "name");
    let allowed = |name: &str| {
        let bad = |byte: u8| byte.is_ascii_whitespace() || byte == b'/' || byte == b':';
        matches!(name.len(), 1..=15) && !name.bytes().any(bad) && name != "." && name != ".."
    };
    match name {
        Some(name) if !allowed(name) => {
            let message = format!("`{name}` cannot be the name of a bridge");
            Err(Error::new(Kind::Invalid, message).hint("interface names have at most 15 bytes"))
        }
        name => Ok(name),
    }
}

/// Where ports are published that name no address (`host_binding_ipv4`).
#[must_use]
pub fn host_binding(spec: &NetworkSpec) -> Option<IpAddr> {
    option(spec, "host_binding_ipv4")?.parse().ok()
}

/// Largest packet in bytes (`com.docker.network.driver.mtu`).
#[must_use]
pub fn mtu(spec: &NetworkSpec) -> Option<u32> {
    spec.driver_opts.get("com.docker.network.driver.mtu")?.parse().ok()
}

/// Kernel settings of an endpoint's interface, separated by commas.
#[must_use]
pub fn sysctls(endpoint: &Endpoint) -> Option<&str> {
    let settings = endpoint.driver_opts.get("com.docker.network.endpoint.sysctls");
    settings.map(String::as_str).filter(|settings| !settings.is_empty())
}

/// One such setting as a path below `/proc/sys/net`, and its value.
///
/// # Errors
/// [`Kind::Invalid`] unless it is about the interface (Docker: the same).
pub fn interface_setting<'a>(setting: &'a str, interface: &str) -> Result<(String, &'a str)> {
    let parsed = setting.trim().split_once('=').and_then(|(name, value)| {
        let parts: Vec<&str> = name.strip_prefix("net.")?.split('.').collect();
        match parts[..] {
            [family @ ("ipv4" | "ipv6" | "mpls"), kind @ ("conf" | "neigh"), "IFNAME", key]
                if !key.is_empty() && !key.contains('/') =>
            {
                Some((format!("{family}/{kind}/{interface}/{key}"), value))
            }
            _ => None,
        }
    });
    parsed.ok_or_else(|| {
        Error::new(Kind::Invalid, format!("`{setting}` is no setting of an interface"))
            .hint("write it as net.ipv4.conf.IFNAME.log_martians=1")
    })
}

fn option<'a>(spec: &'a NetworkSpec, name: &str) -> Option<&'a str> {
    spec.driver_opts.get(&format!("{PREFIX}{name}")).map(String::as_str)
}

/// On unless switched off (Go: strconv.ParseBool).
fn switch(spec: &NetworkSpec, name: &str) -> bool {
    !matches!(option(spec, name), Some("0" | "f" | "F" | "false" | "FALSE" | "False"))
}
