//! `network create`: make a network.

use std::net::IpAddr;

use crate::cli::single::pairs;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::NetworkSpec;
use crate::resource::network::Subnet;

/// Create a network
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network create shared                          A bridge with a free subnet
  compose network create --internal --subnet 10.9.0.0/24 back")]
pub struct Create {
    /// Its name
    name: String,

    /// Network driver
    #[arg(short, long, value_name = "DRIVER", default_value = "bridge")]
    driver: String,

    /// Subnet in CIDR notation; may be given several times
    #[arg(long, value_name = "CIDR")]
    subnet: Vec<String>,

    /// The bridge's address in the subnet
    #[arg(long, value_name = "ADDRESS", requires = "subnet")]
    gateway: Option<IpAddr>,

    /// Part of the subnet to take addresses from
    #[arg(long, value_name = "CIDR", requires = "subnet")]
    ip_range: Option<String>,

    /// No way to the outside
    #[arg(long)]
    internal: bool,

    /// Give IPv6 addresses too
    #[arg(long)]
    ipv6: bool,

    /// Accepted for old scripts: single containers may attach to every network
    #[arg(long)]
    attachable: bool,

    /// A label, as in `team=web`
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,

    /// An option of the driver
    #[arg(short = 'o', long = "opt", value_name = "KEY=VALUE")]
    options: Vec<String>,
}

impl Create {
    /// Makes it, and prints its id.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let mut subnets: Vec<Subnet> =
            self.subnet.into_iter().map(|subnet| Subnet { subnet, ..Subnet::default() }).collect();
        if let Some(first) = subnets.first_mut() {
            (first.gateway, first.ip_range) = (self.gateway, self.ip_range);
        }
        let spec = NetworkSpec {
            name: self.name,
            driver: self.driver,
            driver_opts: pairs(&self.options),
            internal: self.internal,
            attachable: self.attachable,
            ipv4: true,
            ipv6: self.ipv6,
            subnets,
            labels: pairs(&self.label),
        };
        let network = cx.engine()?.create_network(&spec).await?;
        cx.output().print_line(&network.id)?;
        Ok(Exit::Success)
    }
}
