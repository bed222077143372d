//! What a container uses, by name.

use crate::resource::ContainerSpec;
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;

/// Names of the networks a container is attached to.
pub(super) fn networks(spec: &ContainerSpec) -> impl Iterator<Item = &str> {
    let endpoints = match &spec.network {
        NetworkMode::Networks(endpoints) => endpoints.as_slice(),
        _ => &[],
    };
    endpoints.iter().map(|endpoint| endpoint.network.as_str())
}

/// Names of the volumes a container uses, anonymous and inherited ones included.
pub(super) fn volumes(spec: &ContainerSpec) -> impl Iterator<Item = &str> {
    spec.all_mounts().into_iter().filter_map(|mount| match &mount.source {
        MountSource::Volume { name, .. } => Some(name.as_str()),
        _ => None,
    })
}
