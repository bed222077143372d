//! The OCI runtime's operations: containers made from a bundle directory, by callers such as
//! containerd and podman that keep everything else themselves.
//!
//! [`create`](create()) makes a container and leaves its process waiting behind a gate;
//! [`Container::start`], in another process, opens it. What is known about a container lies in a
//! directory below a root that the caller names. Whether it lives is never read from there: a
//! process id counts with the time it began, and a lock that its process holds until it executes
//! its program says that it was not started yet.
//!
//! One thread, no runtime for asynchronous work: an operation takes a few milliseconds. Nothing
//! is printed here; warnings are handed back.

mod attend;
mod config;
mod console;
mod container;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod kill;
mod spec;
mod start;
mod update;

pub use attend::Relay;
pub use container::{Container, Status};
pub use create::{Create, Made, create, run};
pub use exec::Exec;
pub use features::features;
pub use spec::template;
pub use update::{Change, resources};
