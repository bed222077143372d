//! Starting a container: everything it needs is brought up or looked up, then its shim takes over.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::Path;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::engine::bundle::{self, HostDevice, bundle};
use crate::resource::ContainerSpec;
use crate::resource::container::Status;
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;
use crate::runtime::Bundle;
use crate::state::{self, Durability};
use crate::{network, shim};

use super::Host;
use super::containers::missing;
use super::observe::{self, Record};

/// Files that the shim writes for each start.
const GENERATED: [&str; 3] = ["hosts", "hostname", "resolv.conf"];

/// Starts a container, and returns when its program runs. `attachment` is the shim's end of a
/// connection that shall miss no output.
pub(super) fn start(host: &Host, id: &ContainerId, attachment: Option<OwnedFd>) -> Result<Status> {
    let dir = host.roots().container(id);
    let record: Option<Record> = state::read(&dir.spec())?;
    let spec = record.ok_or_else(|| missing(id))?.spec;
    let status = observe::settled(&dir)?;
    if status.state.is_active() {
        return Ok(status);
    }
    make_bind_sources(&spec)?;
    bring_networks_up(host, &spec)?;
    state::write(&dir.bundle(), &resolve(host, id, &spec)?, Durability::Process)?;
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
fn make_bind_sources(spec: &ContainerSpec) -> Result<()> {
    for mount in &spec.mounts {
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

/// Every path, number and flag for the kernel.
pub(super) fn resolve(host: &Host, id: &ContainerId, spec: &ContainerSpec) -> Result<Bundle> {
    let dir = host.roots().container(id);
    let image = spec.image_id.as_ref().ok_or_else(|| {
        Error::new(Kind::Invalid, format!("container {} has no image", spec.name))
    })?;
    let image = host.store().get(&image.to_string())?;
    let files = GENERATED.map(|file| (format!("/etc/{file}"), dir.etc(file)));
    bundle(
        spec,
        &bundle::Host {
            id,
            lowers: host.store().lower_dirs(&image),
            upper: dir.upper(),
            work: dir.work(),
            volatile: spec.auto_remove,
            files: files.to_vec(),
            cgroup: Path::new("compose").join(id.as_str()),
            volume: &|name| host.roots().volume_data(name),
            device: &device,
        },
    )
}

/// The device node at `path`; `None` if there is none.
pub(super) fn device(path: &str) -> Option<HostDevice> {
    let metadata = fs::metadata(path).ok()?;
    let kind = metadata.file_type();
    (kind.is_block_device() || kind.is_char_device()).then(|| HostDevice {
        block: kind.is_block_device(),
        major: rustix::fs::major(metadata.rdev()),
        minor: rustix::fs::minor(metadata.rdev()),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
    })
}
