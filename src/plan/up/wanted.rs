//! The container that shall stand in one replica's place, down to its anonymous volumes.

use sha2::{Digest, Sha256};

use crate::base::id::hex;
use crate::plan::desired::DesiredService;
use crate::resource::container::Sharing;
use crate::resource::mount::{Mount, MountSource};
use crate::resource::network::NetworkMode;
use crate::resource::{Container, ContainerSpec};

use super::Planner;
use super::fate::Replica;

/// The replica with this number; one that takes the place of `existing` inherits its anonymous
/// volumes, unless new ones were asked for (Docker Compose: the same).
pub(super) fn wanted(
    planner: &Planner<'_>,
    service: &DesiredService,
    number: u32,
    existing: Option<&Container>,
    decided: &[Replica<'_>],
) -> ContainerSpec {
    let mut spec = service.replica(number);
    let inherited = existing.filter(|_| !planner.options.renew_anonymous);
    for mount in &mut spec.mounts {
        let MountSource::Volume { name, anonymous: true, .. } = &mut mount.source else { continue };
        let old = inherited.and_then(|container| anonymous(&container.spec.mounts, &mount.target));
        *name = match old {
            Some(old) => old.to_owned(),
            None => draw(&planner.options.seed, &spec.name, &mount.target),
        };
    }
    for parent in service.parents.union(&service.volume_parents) {
        let first = planner.desired.services.get(parent).map(|parent| &parent.spec.name);
        let now = decided.iter().find(|replica| replica.service == parent && replica.stays());
        if let (Some(first), Some(now)) = (first, now) {
            rename_parent(&mut spec, first, &now.spec.name);
        }
    }
    spec
}

/// Name of the anonymous volume mounted at `target`.
fn anonymous<'a>(mounts: &'a [Mount], target: &str) -> Option<&'a str> {
    mounts.iter().filter(|mount| mount.target == target).find_map(|mount| match &mount.source {
        MountSource::Volume { name, anonymous: true, .. } => Some(name.as_str()),
        _ => None,
    })
}

/// A new name for an anonymous volume: as good as random if the seed is.
pub(in crate::plan) fn draw(seed: &[u8; 32], container: &str, target: &str) -> String {
    let hash = Sha256::new().chain_update(seed).chain_update(container).chain_update([0]);
    hex(&hash.chain_update(target).finalize())
}

/// Points what refers to a service's first replica to the one that really is its first.
fn rename_parent(spec: &mut ContainerSpec, from: &str, to: &str) {
    if from == to {
        return;
    }
    if let NetworkMode::Container(name) = &mut spec.network
        && name == from
    {
        to.clone_into(name);
    }
    let namespaces = &mut spec.namespaces;
    for sharing in [&mut namespaces.pid, &mut namespaces.ipc, &mut namespaces.uts] {
        if let Sharing::Container(name) = sharing
            && name == from
        {
            to.clone_into(name);
        }
    }
    for source in spec.volumes_from.iter_mut().filter(|source| source.container == from) {
        to.clone_into(&mut source.container);
    }
}
