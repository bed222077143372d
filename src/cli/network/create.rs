//! `network create`: make a network.

use std::net::IpAddr;

use crate::base::{Error, Kind};
use crate::cli::app::bulk::pairs;
use crate::cli::app::options::Switch;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::NetworkSpec;
use crate::resource::network::Subnet;

use crate::docker::builtin::is_builtin;

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

    /// Keep an address of the first subnet for something else, as in `router=10.9.0.2`
    #[arg(long, value_name = "NAME=ADDRESS", requires = "subnet")]
    aux_address: Vec<String>,

    /// Give IPv4 addresses
    #[arg(long, value_name = "BOOL", default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, hide_default_value = true)]
    ipv4: Switch,

    /// Give IPv6 addresses too
    #[arg(long)]
    ipv6: bool,

    /// Accepted for old scripts: addresses are given by one driver here
    #[arg(long, value_name = "DRIVER", default_value = "default", hide = true,
        value_parser = ["default"])]
    ipam_driver: String,

    /// Accepted for old scripts: that driver has no options
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    ipam_opt: Vec<String>,

    /// Accepted for old scripts: networks are those of this machine
    #[arg(long, value_name = "SCOPE", default_value = "local", hide = true,
        value_parser = ["local"])]
    scope: String,

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
            for (name, address) in pairs(&self.aux_address) {
                let address = address.parse().map_err(|_| {
                    Error::new(Kind::Invalid, format!("`{address}` is not an address"))
                        .hint("write --aux-address NAME=ADDRESS")
                })?;
                first.aux_addresses.insert(name, address);
            }
        }
        if let Some(option) = self.ipam_opt.first() {
            let message = format!("--ipam-opt {option}: the driver `default` has no options");
            return Err(Error::new(Kind::Invalid, message).into());
        }
        if is_builtin(&self.name) {
            // Docker: the same words.
            let message = format!("operation is not permitted on predefined {} network", self.name);
            return Err(Error::new(Kind::Conflict, message).into());
        }
        let spec = NetworkSpec {
            name: self.name,
            driver: self.driver,
            driver_opts: pairs(&self.options),
            internal: self.internal,
            attachable: self.attachable,
            ipv4: self.ipv4.0,
            ipv6: self.ipv6,
            subnets,
            labels: pairs(&self.label),
        };
        let network = cx.engine()?.create_network(&spec).await?;
        cx.output().print_line(&network.id)?;
        Ok(Exit::Success)
    }
}
