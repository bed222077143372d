//! Networks that are always there: `bridge`, `host` and `none`.
//!
//! The last two are no networks to us, but ways to have none of one's own; the first one is made
//! when a container first needs it. In lists they stand as they do in Docker's.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::base::id::hex;
use crate::resource::{Network, NetworkSpec, Observed};

/// The default network of single containers.
pub const BRIDGE: &str = "bridge";
/// The name for the host's own network.
pub const HOST: &str = "host";
/// The name for no network.
pub const NONE: &str = "none";

/// Adds those that have no record.
#[must_use]
pub fn with_builtin(mut observed: Observed) -> Observed {
    for (name, driver) in [(BRIDGE, "bridge"), (HOST, "host"), (NONE, "null")] {
        observed.networks.entry(name.to_owned()).or_insert_with(|| network(name, driver));
    }
    observed
}

/// Whether a network of that name is always there.
#[must_use]
pub fn is_builtin(name: &str) -> bool {
    matches!(name, BRIDGE | HOST | NONE)
}

fn network(name: &str, driver: &str) -> Network {
    let spec = NetworkSpec {
        name: name.to_owned(),
        driver: driver.to_owned(),
        ipv4: true,
        ..NetworkSpec::default()
    };
    Network { id: id(name), spec, bridge: String::new(), created_at: Timestamp::UNIX_EPOCH }
}

/// The same on each machine and at any time: nothing keeps a random one.
#[must_use]
pub fn id(name: &str) -> String {
    hex(&Sha256::digest(format!("builtin network {name}")))
}
