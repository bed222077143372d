//! One small process per container: it owns the container's network namespace, first process,
//! output, restart policy, health check, name answers and published ports.
//!
//! A single thread and one poll loop around a pure [`supervisor`]: events in, effects out. Others
//! start it with [`spawn`], talk to it with [`client`] over its control socket, in the messages of
//! [`protocol`], and read what its container prints with [`log::Reader`].

pub mod alive;
mod announce;
pub mod client;
pub mod etc;
mod launch;
pub mod log;
mod neighbour;
mod output;
mod peers;
mod poller;
mod probe;
pub mod protocol;
mod records;
mod recover;
mod remove;
mod rewire;
mod run;
mod serve;
mod socket;
mod spawn;
mod start;
pub mod supervisor;
mod volumes;
mod wiring;

pub use crate::runtime::reaper::{ARGUMENT as INIT, main as init};
pub use recover::{cgroup, end_processes, recover};
pub use spawn::{ARGUMENT, spawn, spawn_from};
pub use start::main;
