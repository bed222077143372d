//! `port`: where a container's port can be reached.

use crate::base::{Error, Kind, Protocol};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Container;

/// Print the address at which a port of a service can be reached
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose port web 80                    Prints 0.0.0.0:8080
  compose port --protocol udp --index 2 dns 53")]
pub struct Port {
    /// The service
    service: String,

    /// Port in the container
    private_port: u16,

    /// Number of the replica [default: the first]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// tcp or udp
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    protocol: String,
}

impl Port {
    /// Prints it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let protocol: Protocol = self.protocol.parse()?;
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let container = subject.replica(&observed, &self.service, self.index)?;
        let ports = &container.status.ports;
        let wanted = |port: &&crate::resource::container::BoundPort| {
            (port.container, port.protocol) == (self.private_port, protocol)
        };
        // IPv6 only where there is nothing else (Docker Compose never shows it).
        let port = ports.iter().filter(wanted).min_by_key(|port| port.host_ip.is_ipv6());
        let Some(port) = port else {
            return Err(not_published(container, self.private_port, protocol).into());
        };
        cx.output().print_line(std::net::SocketAddr::new(port.host_ip, port.host).to_string())?;
        Ok(Exit::Success)
    }
}

fn not_published(container: &Container, port: u16, protocol: Protocol) -> Error {
    let name = &container.spec.name;
    let ports = crate::docker::ports::text(container);
    let message = match ports.as_str() {
        "" => format!("no port {port}/{protocol} for container {name}"),
        _ => format!("no port {port}/{protocol} for container {name}: {ports}"),
    };
    Error::new(Kind::NotFound, message)
}
