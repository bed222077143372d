//! What a container shares with the host and with others: namespaces, volumes, names.

use serde::{Deserialize, Serialize};

use super::ContainerSpec;
use super::mount::{Mount, MountSource};
use super::network::NetworkMode;

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

impl ContainerSpec {
    /// The containers whose namespaces it uses, by name or id, each with the file of the namespace
    /// in `/proc/<pid>/ns`.
    pub fn namespace_owners(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let network = match &self.network {
            NetworkMode::Container(name) => Some((name.as_str(), "net")),
            NetworkMode::Networks(_) | NetworkMode::None | NetworkMode::Host => None,
        };
        let Namespaces { pid, ipc, uts, cgroup: _ } = &self.namespaces;
        let others = [(pid, "pid"), (ipc, "ipc"), (uts, "uts")];
        network.into_iter().chain(others.into_iter().filter_map(|(sharing, file)| match sharing {
            Sharing::Container(name) => Some((name.as_str(), file)),
            _ => None,
        }))
    }

    /// What `volumes_from` comes to, given what the containers it names mount. What the container
    /// mounts itself wins, and of two others the later one (Docker: the same).
    pub fn inherit<'a>(
        &self,
        sources: impl IntoIterator<Item = (&'a VolumesFrom, &'a ContainerSpec)>,
    ) -> Vec<Mount> {
        let mut inherited: Vec<Mount> = Vec::new();
        for (source, spec) in sources {
            for mount in spec.all_mounts().into_iter().filter(|mount| is_shared(mount)) {
                inherited.retain(|other| other.target != mount.target);
                inherited.push(as_inherited(mount, source));
            }
        }
        let own = |target: &str| {
            self.mounts.iter().any(|mount| mount.target == target && !mount.is_anonymous())
        };
        inherited.retain(|mount| !own(&mount.target));
        inherited
    }
}

fn is_shared(mount: &Mount) -> bool {
    matches!(mount.source, MountSource::Volume { .. } | MountSource::Bind { .. })
}

/// A volume that was filled there is not filled again here.
fn as_inherited(mount: &Mount, source: &VolumesFrom) -> Mount {
    let mut mount = mount.clone();
    mount.read_only |= source.read_only;
    if let MountSource::Volume { no_copy, .. } = &mut mount.source {
        *no_copy = true;
    }
    mount
}
