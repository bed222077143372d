//! Networks: addresses, bridges, published ports, name answers.
//!
//! A network is a record on disk, a bridge, and elements in one nftables table. A container's end
//! is a veth pair made in its own network namespace, an address that is a locked file, and a
//! record of its names. [`create`] writes the record, [`ensure`] brings the bridge and rules up,
//! [`allocate`] gives addresses, [`attach`] plugs a namespace in. What is decided (subnets, rules,
//! answers) is decided by pure functions that return data; all else is synchronous system calls.
//!
//! Nothing here starts a program, and nothing waits for a link to be deleted: links vanish with
//! their namespace, and bridges are deleted many at a time.

pub mod address;
mod attach;
mod bridge;
pub mod dns;
mod firewall;
mod foreign;
mod legacy;
pub mod names;
mod options;
pub mod ports;
mod readiness;
mod reconcile;
pub mod record;
mod ruleset;
mod subnet;
#[cfg(test)]
mod tests;
mod vlan;
mod walls;

pub use address::{Lease, allocate};
pub use attach::{attach, join, leave};
pub use bridge::ensure;
pub use dns::Responder;
pub use ports::Publisher;
pub use reconcile::{leftovers, reconcile};
pub use record::{
    create, get, list, remove, remove_damaged, remove_many, remove_transient, survey,
};
pub use subnet::Cidr;
pub use walls::Walls;
