//! Commands on compose files themselves: they never start a container.

pub mod config;
pub mod fmt;
pub mod init;
pub mod lint;
pub mod lock;
pub mod pinned;
pub mod remote;
