//! `network connect` and `network disconnect`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::{Error, Kind};
use crate::cli::app::bulk::pairs;
use crate::cli::container::{BRIDGE, check_bridge, default_network, find as find_container};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Endpoint;
use crate::resource::container::Link;
use crate::resource::network::NetworkMode;
use crate::resource::observed::Scope;

use super::find;
use crate::docker::builtin;

/// Connect a container to a network
///
/// At once if it runs, and for its later starts.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network connect shared web
  compose network connect --alias api --ip 172.30.0.9 shared web")]
pub struct Connect {
    /// Which network
    network: String,

    /// Which container
    container: String,

    /// Another name for it in that network
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,

    /// An option of this connection, as in
    /// `com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.forwarding=1`
    #[arg(long, value_name = "NAME=VALUE")]
    driver_opt: Vec<String>,

    /// The default route is that of the network with the highest priority
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    gw_priority: i32,

    /// Its IPv4 address in that network
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,

    /// Its IPv6 address in that network
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,

    /// Find another container of that network by an alias, as in `db:database`
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<String>,

    /// Its link-local addresses
    #[arg(long, value_name = "ADDRESS")]
    link_local_ip: Vec<IpAddr>,
}

impl Connect {
    /// Connects it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let engine = cx.engine()?;
        let mut observed = engine.observe(&Scope::default()).await?;
        let container = find_container(&observed, &self.container)?.id.clone();
        if matches!(self.network.as_str(), builtin::HOST | builtin::NONE) {
            return Err(unmovable(&self.network).into());
        }
        check_bridge(
            &self.network,
            !self.alias.is_empty(),
            self.ip.is_some() || self.ip6.is_some(),
        )?;
        if self.network == BRIDGE && find(&observed, BRIDGE).is_err() {
            default_network(engine).await?;
            observed = engine.observe(&Scope::default()).await?;
        }
        let endpoint = Endpoint {
            network: find(&observed, &self.network)?.spec.name.clone(),
            aliases: self.alias,
            ipv4: self.ip,
            ipv6: self.ip6,
            link_local: self.link_local_ip,
            gateway_priority: self.gw_priority,
            driver_opts: pairs(&self.driver_opt),
            by_hand: true,
            ..Endpoint::default()
        };
        let links = self.link.iter().map(|text| {
            let (name, alias) = text.split_once(':').unwrap_or((text, text));
            let target = find_container(&observed, name)?.spec.name.clone();
            Ok(Link { target, alias: alias.to_owned() })
        });
        let links = links.collect::<Result<Vec<_>>>()?;
        engine.connect(&container, &endpoint, &links).await?;
        Ok(Exit::Success)
    }
}

/// Disconnect a container from a network
///
/// At once if it runs, and for its later starts.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network disconnect shared web")]
pub struct Disconnect {
    /// Which network
    network: String,

    /// Which container
    container: String,

    /// Even if the container is gone already
    #[arg(short, long)]
    force: bool,
}

impl Disconnect {
    /// Disconnects it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let engine = cx.engine()?;
        let observed = engine.observe(&Scope::default()).await?;
        let container = match find_container(&observed, &self.container) {
            Err(error) if self.force && error.kind() == Kind::NotFound => return Ok(Exit::Success),
            found => found?,
        };
        let name = match find(&observed, &self.network) {
            Ok(network) => network.spec.name.clone(),
            Err(_)
                if matches!(container.spec.network, NetworkMode::None)
                    && self.network == builtin::NONE =>
            {
                builtin::NONE.to_owned()
            }
            Err(_) if self.network == builtin::HOST => return Err(unmovable(builtin::HOST).into()),
            Err(error) => return Err(error.into()),
        };
        engine.disconnect(&container.id, &name).await?;
        Ok(Exit::Success)
    }
}

/// Docker: the same words.
fn unmovable(network: &str) -> Error {
    let message = match network {
        builtin::HOST => {
            "container cannot be disconnected from host network or connected to host network"
        }
        _ => {
            "container cannot be connected to multiple networks with one of the networks in \
             private (none) mode"
        }
    };
    Error::new(Kind::Conflict, message)
}
