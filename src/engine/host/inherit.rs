//! Mounts that a container has from others (`volumes_from`).

use crate::base::{ContainerId, Error, Kind, Result};
use crate::resource::mount::{Mount, MountSource};
use crate::resource::{ContainerSpec, container::VolumesFrom};
use crate::state::{self, names};

use super::Host;
use super::observe::Record;

/// Fills `inherited` with the volumes and bind mounts of the containers in `volumes_from`. What
/// the container mounts itself wins, and of two others the later one (Docker: the same).
///
/// # Errors
/// [`Kind::NotFound`] for a container that there is not.
pub(super) fn mounts(host: &Host, spec: &mut ContainerSpec) -> Result<()> {
    let mut inherited: Vec<Mount> = Vec::new();
    for source in &spec.volumes_from {
        for mount in of(host, source)? {
            inherited.retain(|other| other.target != mount.target);
            inherited.push(mount);
        }
    }
    let own = |target: &str| {
        spec.mounts.iter().any(|mount| mount.target == target && !mount.is_anonymous())
    };
    inherited.retain(|mount| !own(&mount.target));
    spec.inherited = inherited;
    Ok(())
}

fn of(host: &Host, source: &VolumesFrom) -> Result<Vec<Mount>> {
    let missing = || {
        let message = format!("No such container: {}", source.container);
        Error::new(Kind::NotFound, message).hint("its volumes are asked for by `volumes_from`")
    };
    let id = id(host, &source.container)?.ok_or_else(missing)?;
    let record: Option<Record> = state::read(&host.roots().container(&id).spec())?;
    let spec = record.ok_or_else(missing)?.spec;
    let shared = |mount: &&Mount| {
        matches!(mount.source, MountSource::Volume { .. } | MountSource::Bind { .. })
    };
    Ok(spec
        .all_mounts()
        .into_iter()
        .filter(shared)
        .map(|mount| as_inherited(mount, source))
        .collect())
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

/// The container with this name, id or short id.
fn id(host: &Host, name: &str) -> Result<Option<ContainerId>> {
    if let Some(id) = names::owner(host.roots(), name)? {
        return Ok(Some(id));
    }
    let ids = super::observe::specs(host.roots())?.into_iter().map(|(id, _)| id);
    Ok(ids.into_iter().find(|id| name.len() >= 12 && id.as_str().starts_with(name)))
}
