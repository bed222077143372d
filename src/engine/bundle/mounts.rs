//! The mounts of a container: the runtime's own, generated files, and what the user asked for.

use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount as OciMount;

use crate::resource::container::{ContainerSpec, Sharing};
use crate::resource::mount::{Mount, MountSource};
use crate::runtime::Content;

use super::Host;

/// Size of `/dev/shm` when nobody says (Docker's).
const SHM_SIZE: u64 = 64 << 20;

/// All mounts in the order they are attached; what the user puts on the same target wins.
pub(super) fn of(spec: &ContainerSpec, host: &Host<'_>) -> Vec<OciMount> {
    let taken = |target: &str| spec.mounts.iter().any(|mount| mount.target == target);
    let files = host.files.iter().filter(|(target, _)| !taken(target));
    let own = own(spec)
        .into_iter()
        .filter(|mount| mount.destination().to_str().is_none_or(|target| !taken(target)));
    let files = files
        .map(|(target, path)| one(target, "bind", &path.to_string_lossy(), &["bind", "rprivate"]));
    let asked = spec.mounts.iter().filter_map(|mount| asked(spec, mount, host));
    own.chain(files).chain(asked).collect()
}

fn one(target: &str, kind: &str, source: &str, options: &[&str]) -> OciMount {
    let mut mount = OciMount::default();
    mount
        .set_destination(PathBuf::from(target))
        .set_typ(Some(kind.to_owned()))
        .set_source(Some(PathBuf::from(source)))
        .set_options(Some(options.iter().map(|option| (*option).to_owned()).collect()));
    mount
}

/// What every container has (Docker: `oci/defaults.go`).
fn own(spec: &ContainerSpec) -> Vec<OciMount> {
    let lock = if spec.security.privileged { "rw" } else { "ro" };
    let plain = ["nosuid", "noexec", "nodev"];
    let size = spec.limits.shm_size.map_or(SHM_SIZE, |size| size.0);
    let pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    let mut mounts = vec![
        one("/proc", "proc", "proc", &plain),
        one("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        one("/dev/pts", "devpts", "devpts", &pts),
        one("/sys", "sysfs", "sysfs", &[&plain[..], &[lock]].concat()),
        one("/sys/fs/cgroup", "cgroup", "cgroup", &[&plain[..], &[lock]].concat()),
    ];
    if spec.namespaces.ipc == Sharing::Host {
        mounts.push(one("/dev/mqueue", "bind", "/dev/mqueue", &["rbind", "rprivate"]));
        mounts.push(one("/dev/shm", "bind", "/dev/shm", &["rbind", "rprivate"]));
    } else {
        let size = format!("size={size}");
        mounts.push(one("/dev/mqueue", "mqueue", "mqueue", &plain));
        let options = [&plain[..], &["mode=1777", size.as_str()]].concat();
        mounts.push(one("/dev/shm", "tmpfs", "shm", &options));
    }
    mounts
}

/// A mount the user asked for; `None` for files with content, which the runtime writes itself.
fn asked(spec: &ContainerSpec, mount: &Mount, host: &Host<'_>) -> Option<OciMount> {
    Some(match &mount.source {
        MountSource::Bind { path, propagation, .. } => {
            let mut options = vec!["rbind", propagation.as_deref().unwrap_or("rprivate")];
            // Devices come in by `devices:`, where the device cgroup knows about them.
            if !spec.security.privileged && !path.starts_with("/dev") {
                options.push("rnodev");
            }
            lock(mount, &mut options);
            one(&mount.target, "bind", &path.to_string_lossy(), &options)
        }
        MountSource::Volume { name, subpath, .. } => {
            let mut path = (host.volume)(name);
            if let Some(subpath) = subpath {
                path.push(subpath.trim_start_matches('/'));
            }
            let mut options = vec!["rbind", "rprivate", "nodev"];
            lock(mount, &mut options);
            one(&mount.target, "bind", &path.to_string_lossy(), &options)
        }
        MountSource::Tmpfs { size, mode, options } => {
            let size = size.map(|size| format!("size={}", size.0));
            let mode = format!("mode={:o}", mode.unwrap_or(0o1777));
            let mut all = vec!["noexec", "nosuid", "nodev", mode.as_str()];
            all.extend(size.as_deref());
            all.extend(options.iter().map(String::as_str));
            if mount.read_only {
                all.push("ro");
            }
            one(&mount.target, "tmpfs", "tmpfs", &all)
        }
        MountSource::Content { .. } => return None,
    })
}

/// Read-only with all that is mounted below.
fn lock(mount: &Mount, options: &mut Vec<&str>) {
    if mount.read_only {
        options.extend(["ro", "rro"]);
    }
}

/// Files with given content.
pub(super) fn contents(spec: &ContainerSpec) -> Vec<Content> {
    let content = |mount: &Mount| match &mount.source {
        MountSource::Content { data, uid, gid, mode } => Some(Content {
            target: PathBuf::from(&mount.target),
            data: data.clone(),
            uid: *uid,
            gid: *gid,
            mode: *mode,
        }),
        _ => None,
    };
    spec.mounts.iter().filter_map(content).collect()
}

/// Targets of volumes that the image may fill.
pub(super) fn copy_up(spec: &ContainerSpec) -> Vec<PathBuf> {
    let fills = |mount: &&Mount| {
        matches!(mount.source, MountSource::Volume { no_copy: false, subpath: None, .. })
    };
    spec.mounts.iter().filter(fills).map(|mount| Path::new(&mount.target).to_owned()).collect()
}
