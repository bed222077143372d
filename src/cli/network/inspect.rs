//! `network inspect`: all that is known of networks, as JSON.

use serde_json::{Map, Value as Json, json};

use crate::base;
use crate::cli::container::{BRIDGE, default_network};
use crate::cli::ui::container::endpoint_id;
use crate::cli::ui::inspect::Findings;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::container::AttachedEndpoint;
use crate::resource::network::NetworkMode;
use crate::resource::observed::Scope;
use crate::resource::{Network, NetworkSpec, Observed};

use super::builtin::{is_builtin, with_builtin};
use super::{find, users};

/// Show all that is known of networks
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network inspect demo_default
  compose network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' demo_default")]
pub struct Inspect {
    /// Which networks
    #[arg(required = true)]
    names: Vec<String>,

    /// A Go template instead of JSON
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,

    /// Accepted for old scripts
    #[arg(short, long, hide = true)]
    verbose: bool,
}

impl Inspect {
    /// Prints them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let mut findings = Findings::default();
        for name in &self.names {
            findings.add(inspect(cx, name).await?);
        }
        findings.print(self.format.as_deref(), cx)
    }
}

/// All that is known of one network. `bridge` is made if it is asked for: only then it has a subnet
/// to show.
///
/// # Errors
/// The engine's state cannot be read. Inside: there is no such network.
pub async fn inspect(cx: &Context<impl Engine>, name: &str) -> Result<base::Result<Json>> {
    let engine = cx.engine()?;
    let mut observed = with_builtin(engine.observe(&Scope::default()).await?);
    let name = match find(&observed, name) {
        Ok(network) => network.spec.name.clone(),
        Err(error) => return Ok(Err(error)),
    };
    if name == BRIDGE && observed.networks[BRIDGE].bridge.is_empty() {
        default_network(engine).await?;
        observed = with_builtin(engine.observe(&Scope::default()).await?);
    }
    Ok(find(&observed, &name).map(|network| shape(network, &observed)))
}

/// The driver's name.
pub(super) fn driver(spec: &NetworkSpec) -> &str {
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
