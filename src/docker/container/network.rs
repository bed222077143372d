//! A container's networks and ports as Docker's Engine API shows them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::base::{ContainerId, id::hex};
use crate::docker::builtin;
use crate::docker::builtin::BRIDGE;
use crate::resource::container::{AttachedEndpoint, Container, ContainerSpec, Link};
use crate::resource::inspection::Inspection;
use crate::resource::network::{Endpoint, NetworkMode};

/// Docker: the NetworkSettings object.
pub(super) fn settings(inspection: &Inspection) -> Json {
    let container = &inspection.container;
    let attached =
        |name: &str| container.status.endpoints.iter().find(|endpoint| endpoint.network == name);
    let mut networks = Map::new();
    match &container.spec.network {
        NetworkMode::Networks(endpoints) => {
            for endpoint in endpoints {
                let name = endpoint.network.as_str();
                let id = inspection.networks.get(name).map_or("", |network| network.id.as_str());
                let end =
                    attached(name).map(|_| endpoint_id(id, &container.id)).unwrap_or_default();
                let mut shape = network(endpoint, attached(name), (id, &end));
                if name != BRIDGE {
                    shape["Links"] = links(&container.spec);
                }
                networks.insert(name.to_owned(), shape);
            }
        }
        NetworkMode::None | NetworkMode::Host => {
            let name = mode(&container.spec.network);
            let id = builtin::id(&name);
            networks.insert(name, network(&Endpoint::default(), None, (&id, "")));
        }
        NetworkMode::Container(_) => {}
    }
    // Docker: at the top stands what the default network says.
    let first = attached("bridge");
    let top = address(first);
    json!({
        "Bridge": "",
        "SandboxID": sandbox_id(container),
        "SandboxKey": container.status.pid.map(|pid| format!("/proc/{pid}/ns/net")).unwrap_or_default(),
        "Ports": ports(inspection),
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": networks.get("bridge").map_or(json!(""), |it| it["EndpointID"].clone()),
        "Gateway": top["Gateway"],
        "GlobalIPv6Address": top["GlobalIPv6Address"],
        "GlobalIPv6PrefixLen": top["GlobalIPv6PrefixLen"],
        "IPAddress": top["IPAddress"],
        "IPPrefixLen": top["IPPrefixLen"],
        "IPv6Gateway": top["IPv6Gateway"],
        "MacAddress": first.map_or("", |it| it.mac.as_str()),
        "Networks": networks,
    })
}

/// The id of a container's own network namespace, from one start to the next; empty while it has
/// none.
fn sandbox_id(container: &Container) -> String {
    let shared = matches!(container.spec.network, NetworkMode::Container(_));
    let status = &container.status;
    match status.started_at.filter(|_| status.state.is_active() && !shared) {
        Some(started) => hex(&Sha256::digest(format!("{} {started}", container.id))),
        None => String::new(),
    }
}

/// Docker: others by their names, with what this container calls them.
fn links(spec: &ContainerSpec) -> Json {
    let links = spec.links.iter().map(|link| format!("{}:{}", link.target, link.alias));
    let links: Vec<String> = links.collect();
    if links.is_empty() { Json::Null } else { json!(links) }
}

/// Docker: those of the default network are shown elsewhere and otherwise, with this container's
/// own name before the alias.
pub(super) fn links_of_bridge(spec: &ContainerSpec) -> Json {
    let NetworkMode::Networks(endpoints) = &spec.network else { return Json::Null };
    if !endpoints.iter().any(|it| it.network == BRIDGE) || spec.links.is_empty() {
        return Json::Null;
    }
    let link = |link: &Link| format!("/{}:/{}/{}", link.target, spec.name, link.alias);
    json!(spec.links.iter().map(link).collect::<Vec<_>>())
}

/// The id of a container's end in a network: the same as long as both are.
#[must_use]
pub fn endpoint_id(network: &str, container: &ContainerId) -> String {
    hex(&Sha256::digest(format!("{network} {container}")))
}

/// `bridge`, a network's name, `host`, `none`, `container:NAME`.
pub(super) fn mode(mode: &NetworkMode) -> String {
    match mode {
        NetworkMode::Networks(endpoints) => match endpoints.first() {
            Some(endpoint) => endpoint.network.clone(),
            None => "none".to_owned(),
        },
        NetworkMode::None => "none".to_owned(),
        NetworkMode::Host => "host".to_owned(),
        NetworkMode::Container(name) => format!("container:{name}"),
    }
}

fn network(
    wanted: &Endpoint,
    attached: Option<&AttachedEndpoint>,
    (id, end): (&str, &str),
) -> Json {
    let or_null = |words: &[String]| if words.is_empty() { Json::Null } else { json!(words) };
    let fixed = match (wanted.ipv4, wanted.ipv6) {
        (None, None) => Json::Null,
        (v4, v6) => {
            let mut config = Map::new();
            config.extend(v4.map(|it| ("IPv4Address".to_owned(), json!(it))));
            config.extend(v6.map(|it| ("IPv6Address".to_owned(), json!(it))));
            Json::Object(config)
        }
    };
    let options = match wanted.driver_opts.is_empty() {
        true => Json::Null,
        false => json!(wanted.driver_opts),
    };
    let mut shape = json!({
        "IPAMConfig": fixed,
        "Links": null,
        "Aliases": or_null(&wanted.aliases),
        "MacAddress": attached.map_or("", |it| it.mac.as_str()),
        "DriverOpts": options,
        "GwPriority": wanted.gateway_priority,
        "NetworkID": id,
        "EndpointID": end,
    });
    if let (Json::Object(fields), Json::Object(addresses)) = (&mut shape, address(attached)) {
        fields.extend(addresses);
        let names = attached.map_or(Json::Null, |it| or_null(&it.names));
        fields.insert("DNSNames".to_owned(), names);
    }
    shape
}

fn address(attached: Option<&AttachedEndpoint>) -> Json {
    let none = AttachedEndpoint::default();
    let it = attached.unwrap_or(&none);
    let text = |address: Option<String>| address.unwrap_or_default();
    json!({
        "Gateway": text(it.gateway_v4.map(|it| it.to_string())),
        "IPAddress": text(it.ipv4.map(|it| it.to_string())),
        "IPPrefixLen": it.ipv4.map_or(0, |_| it.ipv4_prefix),
        "IPv6Gateway": text(it.gateway_v6.map(|it| it.to_string())),
        "GlobalIPv6Address": text(it.ipv6.map(|it| it.to_string())),
        "GlobalIPv6PrefixLen": it.ipv6.map_or(0, |_| it.ipv6_prefix),
    })
}

/// Ports of a container that runs: where they are published, or null.
fn ports(inspection: &Inspection) -> Json {
    let container = &inspection.container;
    if !container.status.state.is_active() {
        return json!({});
    }
    let mut ports: BTreeMap<String, Json> =
        exposed(&container.spec).into_iter().map(|(port, _)| (port, Json::Null)).collect();
    for bound in &container.status.ports {
        let entry = ports.entry(format!("{}/{}", bound.container, bound.protocol)).or_default();
        let binding =
            json!({"HostIp": bound.host_ip.to_string(), "HostPort": bound.host.to_string()});
        match entry {
            Json::Array(bindings) => bindings.push(binding),
            other => *other = json!([binding]),
        }
    }
    json!(ports)
}

/// Docker: the key of each exposed port, with an empty object.
pub(super) fn exposed(spec: &ContainerSpec) -> Map<String, Json> {
    let named = spec.expose.iter().flat_map(|it| it.ports.ports().map(|port| (port, it.protocol)));
    let published =
        spec.ports.iter().flat_map(|it| it.container.ports().map(|port| (port, it.protocol)));
    let all: BTreeMap<String, Json> =
        named.chain(published).map(|(port, kind)| (format!("{port}/{kind}"), json!({}))).collect();
    all.into_iter().collect()
}

/// Docker: the PortBindings object: what was asked for.
pub(super) fn bindings(spec: &ContainerSpec) -> Json {
    let mut bindings: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for port in &spec.ports {
        for (index, number) in (0_u16..=u16::MAX).zip(port.container.ports()) {
            let host_ip = port.host_ip.map(|ip| ip.to_string()).unwrap_or_default();
            // A single container port takes any host port of the range.
            let single = port.container.first == port.container.last;
            let host_port = match port.host {
                None => String::new(),
                Some(range) if single && range.first != range.last => {
                    format!("{}-{}", range.first, range.last)
                }
                Some(range) => (range.first + index).to_string(),
            };
            let binding = json!({"HostIp": host_ip, "HostPort": host_port});
            bindings.entry(format!("{number}/{}", port.protocol)).or_default().push(binding);
        }
    }
    json!(bindings)
}
