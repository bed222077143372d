//! `container port`: where a container's ports are published.

use crate::base::{Error, Kind, Protocol};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::container::BoundPort;

use super::{everything, find};

/// Show where a container's ports are published
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container port web           All of them
  compose container port web 80        Where port 80 is
  compose container port dns 53/udp")]
pub struct Port {
    /// Which container
    container: String,

    /// Only this port of the container, as in `80` or `53/udp`
    #[arg(value_name = "PORT")]
    port: Option<String>,
}

impl Port {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        let mut ports: Vec<&BoundPort> = container.status.ports.iter().collect();
        ports.sort_by_key(|port| (port.container, port.protocol, port.host_ip, port.host));
        let outside =
            |port: &BoundPort| std::net::SocketAddr::new(port.host_ip, port.host).to_string();
        let Some(text) = &self.port else {
            for port in ports {
                let inside = format!("{}/{}", port.container, port.protocol);
                cx.output().print_line(format!("{inside} -> {}", outside(port)))?;
            }
            return Ok(Exit::Success);
        };
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol: Protocol = protocol.parse()?;
        let number: u16 = number
            .parse()
            .map_err(|_| Error::new(Kind::Invalid, format!("`{number}` is not a port")))?;
        ports.retain(|port| (port.container, port.protocol) == (number, protocol));
        if ports.is_empty() {
            let name = &self.container;
            let message = format!("No public port '{text}' published for {name}");
            return Err(Error::new(Kind::NotFound, message).into());
        }
        for port in ports {
            cx.output().print_line(outside(port))?;
        }
        Ok(Exit::Success)
    }
}
