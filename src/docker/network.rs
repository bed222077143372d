//! Networks in Docker's shape.

use serde_json::{Map, Value as Json, json};

use crate::docker::builtin::{self, is_builtin};
use crate::docker::container::endpoint_id;
use crate::resource::container::AttachedEndpoint;
use crate::resource::network::NetworkMode;
use crate::resource::{Container, Network, NetworkSpec, Observed};

/// The driver's name.
#[must_use]
pub fn driver(spec: &NetworkSpec) -> &str {
    if spec.driver.is_empty() { "bridge" } else { &spec.driver }
}

/// Docker: the Network object of the Engine API.
#[must_use]
pub fn shape(network: &Network, observed: &Observed) -> Json {
    let spec = &network.spec;
    let subnets: Vec<Json> = spec
        .subnets
        .iter()
        .map(|subnet| {
            let mut config = Map::new();
            config.insert("Subnet".to_owned(), json!(subnet.subnet));
            config.extend(subnet.ip_range.iter().map(|it| ("IPRange".to_owned(), json!(it))));
            config.extend(subnet.gateway.iter().map(|it| ("Gateway".to_owned(), json!(it))));
            if !subnet.aux_addresses.is_empty() {
                config.insert("AuxiliaryAddresses".to_owned(), json!(subnet.aux_addresses));
            }
            Json::Object(config)
        })
        .collect();
    // Docker: what has no addresses to give says so by null.
    let ipam = match is_builtin(&spec.name) && subnets.is_empty() {
        true => json!({"Driver": "default", "Options": null, "Config": null}),
        false => json!({"Driver": "default", "Options": {}, "Config": subnets}),
    };
    json!({
        "Name": spec.name,
        "Id": network.id,
        "Created": network.created_at.to_string(),
        "Scope": "local",
        "Driver": driver(spec),
        "EnableIPv4": spec.ipv4,
        "EnableIPv6": spec.ipv6,
        "IPAM": ipam,
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "Ingress": false,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": false,
        "Containers": attached(network, observed),
        "Options": spec.driver_opts,
        "Labels": spec.labels,
    })
}

/// Containers that are attached now, by id.
fn attached(network: &Network, observed: &Observed) -> Json {
    let mut containers = Map::new();
    let name = &network.spec.name;
    let running = observed.containers.iter().filter(|it| it.status.state.is_active());
    for container in running {
        let mut endpoints = container.status.endpoints.iter();
        let endpoint = endpoints.find(|endpoint| endpoint.network == *name);
        // Those in the host's network, or in none, have no address there.
        let without = matches!(container.spec.network, NetworkMode::Host | NetworkMode::None)
            && users(observed, name).any(|user| user.id == container.id);
        let endpoint = match endpoint {
            Some(endpoint) => endpoint.clone(),
            None if without => AttachedEndpoint::default(),
            None => continue,
        };
        let address = |text: Option<String>, prefix: u8| {
            text.map_or(String::new(), |text| format!("{text}/{prefix}"))
        };
        let shape = json!({
            "Name": container.spec.name,
            "EndpointID": endpoint_id(&network.id, &container.id),
            "MacAddress": endpoint.mac,
            "IPv4Address": address(endpoint.ipv4.map(|it| it.to_string()), endpoint.ipv4_prefix),
            "IPv6Address": address(endpoint.ipv6.map(|it| it.to_string()), endpoint.ipv6_prefix),
        });
        containers.insert(container.id.to_string(), shape);
    }
    Json::Object(containers)
}

/// Containers that want to be attached to the network `name`, running or not.
pub fn users<'a>(observed: &'a Observed, name: &str) -> impl Iterator<Item = &'a Container> {
    observed.containers.iter().filter(move |container| match &container.spec.network {
        NetworkMode::Networks(endpoints) => endpoints.iter().any(|it| it.network == name),
        NetworkMode::Host => name == builtin::HOST,
        NetworkMode::None => name == builtin::NONE,
        NetworkMode::Container(_) => false,
    })
}
