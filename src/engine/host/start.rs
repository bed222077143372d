//! Starting a container: everything it needs is brought up or looked up, then its shim takes over.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;

use crate::base::path::missing_socket;
use crate::base::{ContainerId, Context, Result};
use crate::resource::ContainerSpec;
use crate::resource::container::Status;
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;
use crate::state::{self, Durability};
use crate::{network, shim};

use super::Host;
use super::containers::{make_volumes, missing};
use super::observe::{self, Record};
use super::resolve::resolve;

/// Starts a container, and returns when its program runs. One that was asked to stop is waited for
/// first: what it was is over, even if whoever asked for that is gone. `attachment` is the shim's end of a
/// connection that shall miss no output.
pub(super) fn start(host: &Host, id: &ContainerId, attachment: Option<OwnedFd>) -> Result<Status> {
    let dir = host.roots().container(id);
    let record: Option<Record> = state::read(&dir.spec())?;
    let spec = record.ok_or_else(|| missing(id))?.spec;
    let status = observe::steady(&dir, id)?;
    if status.state.is_active() {
        return Ok(status);
    }
    // Those of a container whose maker was killed.
    make_volumes(host, &spec)?;
    make_bind_sources(&spec)?;
    bring_networks_up(host, &spec)?;
    state::write(&dir.bundle(), &resolve(host, id, &spec)?, Durability::Machine)?;
    shim::spawn(&dir, attachment)
}

/// Brings up the bridges of the container's networks.
fn bring_networks_up(host: &Host, spec: &ContainerSpec) -> Result<()> {
    let NetworkMode::Networks(endpoints) = &spec.network else { return Ok(()) };
    for endpoint in endpoints {
        network::ensure(host.roots(), &network::get(host.roots(), &endpoint.network)?)?;
    }
    Ok(())
}

/// Makes directories of the host that are to be mounted and do not exist, where that is wanted.
pub(super) fn make_bind_sources(spec: &ContainerSpec) -> Result<()> {
    check_sockets(spec)?;
    for mount in spec.all_mounts() {
        if let MountSource::Bind { path, create: true, .. } = &mount.source
            && !path.exists()
        {
            // Docker: owned by root, readable by all.
            let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(path);
            made.context(|| format!("cannot make {} to mount it", path.display()))?;
        }
    }
    Ok(())
}

/// Refuses to mount sockets that are not there: a directory in the place of one would keep the
/// program that it belongs to from starting.
pub(super) fn check_sockets(spec: &ContainerSpec) -> Result<()> {
    let missing = spec.all_mounts().into_iter().find_map(|mount| match &mount.source {
        MountSource::Bind { path, .. } => missing_socket(path, path.exists(), path.is_dir()),
        _ => None,
    });
    missing.map_or(Ok(()), Err)
}
