//! One snapshot of what exists; plans are made from it without further look-ups.

use std::collections::BTreeMap;

use crate::base::ContainerId;

use super::{Container, Image, Network, Volume};

/// What exists, as one command saw it at its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Containers by creation time.
    pub containers: Vec<Container>,
    /// Networks by name.
    pub networks: BTreeMap<String, Network>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, Volume>,
    /// Those images that were asked about and are in the store, by the name they were asked for.
    pub images: BTreeMap<String, Image>,
    /// Running containers in namespaces that another container has left, with its name: that one
    /// was made anew or started again since (`network_mode: service:db`).
    pub left_behind: BTreeMap<ContainerId, String>,
}

/// Which things a snapshot shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Containers of this project only; `None`: all.
    pub project: Option<String>,
    /// Images to look up, as users write them.
    pub images: Vec<String>,
    /// Shims of containers that run are asked how those are, as who wants them to run must: what
    /// a shim wrote last does not say that somebody has just told it to stop.
    pub exact: bool,
}
