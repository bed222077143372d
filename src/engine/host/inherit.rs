//! Mounts that a container has from others (`volumes_from`).

use crate::base::{ContainerId, Error, Kind, Result};
use crate::resource::{ContainerSpec, container::VolumesFrom};
use crate::state::{self, names};

use super::Host;
use super::observe::Record;

/// Fills `inherited` with the volumes and bind mounts of the containers in `volumes_from`.
///
/// # Errors
/// [`Kind::NotFound`] for a container that there is not.
pub(super) fn mounts(host: &Host, spec: &mut ContainerSpec) -> Result<()> {
    let find = |source: &VolumesFrom| of(host, source);
    let sources = spec.volumes_from.iter().map(find).collect::<Result<Vec<_>>>()?;
    spec.inherited = spec.inherit(spec.volumes_from.iter().zip(&sources));
    Ok(())
}

/// The container whose mounts are asked for.
fn of(host: &Host, source: &VolumesFrom) -> Result<ContainerSpec> {
    let missing = || {
        let message = format!("No such container: {}", source.container);
        Error::new(Kind::NotFound, message).hint("its volumes are asked for by `volumes_from`")
    };
    let id = id(host, &source.container)?.ok_or_else(missing)?;
    let record: Option<Record> = state::read(&host.roots().container(&id).spec())?;
    Ok(record.ok_or_else(missing)?.spec)
}

/// The container with this name, id or short id.
fn id(host: &Host, name: &str) -> Result<Option<ContainerId>> {
    if let Some(id) = names::owner(host.roots(), name)? {
        return Ok(Some(id));
    }
    let ids = super::observe::ids(host.roots())?;
    Ok(ids.into_iter().find(|id| name.len() >= 12 && id.as_str().starts_with(name)))
}
