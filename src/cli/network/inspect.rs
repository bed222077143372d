//! `network inspect`: all that is known of networks, as JSON.

use serde_json::{Map, Value as Json, json};

use crate::cli::ui::inspect::Findings;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::observed::Scope;
use crate::resource::{Network, NetworkSpec, Observed};

use super::find;

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
        let observed = cx.engine()?.observe(&Scope::default()).await?;
        let mut findings = Findings::default();
        for name in &self.names {
            findings.add(find(&observed, name).map(|network| shape(network, &observed)));
        }
        findings.print(self.format.as_deref(), cx.output())
    }
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
            Json::Object(config)
        })
        .collect();
    json!({
        "Name": spec.name,
        "Id": network.id,
        "Created": network.created_at.to_string(),
        "Scope": "local",
        "Driver": driver(spec),
        "EnableIPv4": spec.ipv4,
        "EnableIPv6": spec.ipv6,
        "IPAM": {"Driver": "default", "Options": {}, "Config": subnets},
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
    for container in &observed.containers {
        let endpoints = container.status.endpoints.iter();
        for endpoint in endpoints.filter(|endpoint| endpoint.network == network.spec.name) {
            let address = |text: Option<String>, prefix: u8| {
                text.map_or(String::new(), |text| format!("{text}/{prefix}"))
            };
            let shape = json!({
                "Name": container.spec.name,
                "EndpointID": "",
                "MacAddress": endpoint.mac,
                "IPv4Address": address(endpoint.ipv4.map(|it| it.to_string()), endpoint.ipv4_prefix),
                "IPv6Address": address(endpoint.ipv6.map(|it| it.to_string()), endpoint.ipv6_prefix),
            });
            containers.insert(container.id.to_string(), shape);
        }
    }
    Json::Object(containers)
}
