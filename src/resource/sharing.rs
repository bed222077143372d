//! What a container shares with the host and with others: namespaces, volumes, names.

use serde::{Deserialize, Serialize};

/// Namespaces shared with the host or another container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespaces {
    /// Processes.
    pub pid: Sharing,
    /// System V IPC, POSIX message queues and `/dev/shm`.
    pub ipc: Sharing,
    /// Host and domain name.
    pub uts: Sharing,
    /// Control groups. Only `Private` and `Host`.
    pub cgroup: Sharing,
}

/// Whose namespace a container uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Its own.
    #[default]
    Private,
    /// Its own, which other containers may join (IPC only; the others can always be joined).
    Shareable,
    /// Its own, and no shared memory in `/dev/shm` (IPC only).
    None,
    /// The host's.
    Host,
    /// That of the container with this name or id.
    Container(String),
}

/// Another container whose volumes and bind mounts are used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumesFrom {
    /// Its name or id.
    pub container: String,
    /// Read-only here, whatever they are there.
    pub read_only: bool,
}

/// A name for another container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// A name the other container has in a network they share.
    pub target: String,
    /// What this container calls it.
    pub alias: String,
}
