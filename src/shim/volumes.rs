//! Volumes in memory (`driver_opts: {type: tmpfs}`): one for all containers that use them at a time.
//!
//! Docker mounts such a volume on the host as long as somebody uses it. Here the first container
//! has the mount, others get copies of it, and what is in it is gone with the last of them; nothing
//! shows on the host.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::base::{ContainerId, Context, Result};
use crate::resource::ContainerSpec;
use crate::resource::mount::{Mount, MountSource};
use crate::runtime::Bundle;
use crate::state::{self, Lock, Roots};
use crate::sys::mount::{self, Attributes};

use super::neighbour::{self, Neighbour};

/// `TMPFS_MAGIC` of `linux/magic.h`.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// The volumes in memory of one container.
#[derive(Debug, Default)]
pub(super) struct MemoryVolumes {
    used: Vec<Used>,
    /// Held while this container starts: of two that start at once, the other finds this one.
    lock: Option<Lock>,
}

#[derive(Debug, PartialEq, Eq)]
struct Used {
    volume: String,
    target: PathBuf,
    read_only: bool,
}

impl MemoryVolumes {
    /// Those of a container.
    pub(super) fn of(spec: &ContainerSpec, bundle: &Bundle) -> MemoryVolumes {
        let mounts = bundle.spec.mounts().as_deref().unwrap_or_default();
        let in_memory = |target: &str| {
            let found = mounts.iter().rev().find(|it| it.destination() == Path::new(target));
            found.is_some_and(|mount| mount.typ().as_deref() == Some("tmpfs"))
        };
        let all = spec.all_mounts();
        // What is mounted inside one would be hidden by a copy, which comes last.
        let is_parent = |target: &str| {
            all.iter().any(|it| it.target != target && Path::new(&it.target).starts_with(target))
        };
        let used = |mount: &&Mount| {
            let volume = volume_of(mount)?.to_owned();
            let shared = in_memory(&mount.target) && !is_parent(&mount.target);
            let (target, read_only) = (PathBuf::from(&mount.target), mount.read_only);
            shared.then_some(Used { volume, target, read_only })
        };
        MemoryVolumes { used: all.iter().filter_map(used).collect(), lock: None }
    }

    /// Copies of what running containers have mounted, with the places they belong to. Until
    /// [`MemoryVolumes::started`] other containers wait for what comes of this one.
    ///
    /// # Errors
    /// Containers cannot be listed, or a mount cannot be copied.
    pub(super) fn find(&mut self, roots: &Roots) -> Result<Vec<(PathBuf, OwnedFd)>> {
        if self.used.is_empty() {
            return Ok(Vec::new());
        }
        self.lock = Some(Lock::wait(&roots.lock("memory"))?);
        let mut found = Vec::new();
        for used in &self.used {
            if let Some(copy) = used.copy(roots)? {
                found.push((used.target.clone(), copy));
            }
        }
        Ok(found)
    }

    /// The container runs and can be found, or it failed to start.
    pub(super) fn started(&mut self) {
        // Without the lock file there was no lock to be let go.
        let _ = self.lock.take().map(Lock::release);
    }
}

/// The volume whose root a mount shows.
fn volume_of(mount: &Mount) -> Option<&str> {
    match &mount.source {
        MountSource::Volume { name, subpath: None, .. } => Some(name),
        _ => None,
    }
}

impl Used {
    /// A copy of the mount that some running container has of the volume.
    fn copy(&self, roots: &Roots) -> Result<Option<OwnedFd>> {
        let containers = roots.containers();
        let failed = || format!("cannot list {}", containers.display());
        for entry in fs::read_dir(&containers).context(failed)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(id) = name.parse::<ContainerId>() else { continue };
            // What a damaged record mounts is not known.
            let spec: Option<ContainerSpec> =
                state::read(&roots.container(&id).spec()).unwrap_or_default();
            let Some(target) = spec.and_then(|spec| self.target_in(&spec)) else { continue };
            // One that does not run, or no longer, has nothing to share.
            let Ok(other) = Neighbour::find(roots, &name) else { continue };
            let Ok(namespace) = other.namespace("mnt") else { continue };
            let Ok(copy) = neighbour::copy_mount(&namespace, &target) else { continue };
            let tmpfs =
                rustix::fs::fstatfs(&copy).is_ok_and(|stat| stat.f_type as u64 == TMPFS_MAGIC);
            if tmpfs {
                return self.settle(copy).map(Some);
            }
        }
        Ok(None)
    }

    fn target_in(&self, spec: &ContainerSpec) -> Option<PathBuf> {
        let mounts = spec.all_mounts();
        let mount = mounts.iter().find(|mount| volume_of(mount) == Some(self.volume.as_str()))?;
        Some(PathBuf::from(&mount.target))
    }

    /// Read-only as this container wants it, whatever the other one has.
    fn settle(&self, copy: OwnedFd) -> Result<OwnedFd> {
        let (set, clear) = match self.read_only {
            true => (libc::MOUNT_ATTR_RDONLY, 0),
            false => (0, libc::MOUNT_ATTR_RDONLY),
        };
        let attributes = Attributes { set, clear, ..Attributes::default() };
        mount::change(copy.as_fd(), false, attributes)
            .context(|| format!("cannot mount volume {}", self.volume))?;
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(name: &str, target: &str, subpath: Option<&str>) -> Mount {
        Mount {
            target: target.to_owned(),
            read_only: false,
            source: MountSource::Volume {
                name: name.to_owned(),
                anonymous: false,
                no_copy: false,
                subpath: subpath.map(str::to_owned),
                labels: Default::default(),
            },
        }
    }

    #[test]
    fn only_whole_volumes_in_memory_with_nothing_inside_are_shared() {
        let mounts = vec![
            mount("memory", "/memory", None),
            mount("disk", "/disk", None),
            mount("part", "/part", Some("a")),
            mount("outer", "/outer", None),
            mount("disk", "/outer/inner", None),
        ];
        let spec = ContainerSpec { mounts, ..ContainerSpec::default() };
        let kinds = [
            ("/memory", "tmpfs"),
            ("/disk", "bind"),
            ("/part", "tmpfs"),
            ("/outer", "tmpfs"),
            ("/outer/inner", "bind"),
        ];
        let mounts = kinds.map(|(target, kind)| {
            serde_json::json!({"destination": target, "type": kind, "source": "x"})
        });
        let json = serde_json::json!({"spec": {"ociVersion": "1.2.1", "mounts": mounts}});
        let bundle: Bundle = serde_json::from_value(json).unwrap();
        let (volume, target) = ("memory".to_owned(), PathBuf::from("/memory"));
        let expected = [Used { volume, target, read_only: false }];
        assert_eq!(MemoryVolumes::of(&spec, &bundle).used, expected);
    }
}
