//! The mounts of a container: the runtime's own, generated files, and what the user asked for.

use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount as OciMount;

use crate::resource::container::{ContainerSpec, Sharing};
use crate::resource::mount::{Mount, MountSource, Submounts};
use crate::runtime::Content;

use super::{Host, VolumeContent};

/// Size of `/dev/shm` when nobody says (Docker's).
const SHM_SIZE: u64 = 64 << 20;

/// All mounts in the order they are attached; what the user puts on the same target wins.
pub(super) fn of(spec: &ContainerSpec, host: &Host<'_>) -> Vec<OciMount> {
    let mounts = spec.all_mounts();
    let taken = |target: &str| mounts.iter().any(|mount| mount.target == target);
    let files = host.files.iter().filter(|(target, _)| !taken(target));
    let own = own(spec)
        .into_iter()
        .filter(|mount| mount.destination().to_str().is_none_or(|target| !taken(target)));
    // Docker: where nothing can be written, that goes for these too.
    let options: &[&str] =
        if spec.read_only { &["bind", "rprivate", "ro"] } else { &["bind", "rprivate"] };
    let files = files.map(|(target, path)| one(target, "bind", &path.to_string_lossy(), options));
    let asked = mounts.iter().filter_map(|mount| asked(spec, mount, host));
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
    // Whoever has the IPC namespace sees the same queues by it, the host's too.
    mounts.push(one("/dev/mqueue", "mqueue", "mqueue", &plain));
    match spec.namespaces.ipc {
        Sharing::Private | Sharing::Shareable => {
            let size = format!("size={size}");
            let options = [&plain[..], &["mode=1777", size.as_str()]].concat();
            mounts.push(one("/dev/shm", "tmpfs", "shm", &options));
        }
        Sharing::Host => mounts.push(one("/dev/shm", "bind", "/dev/shm", &["rbind", "rprivate"])),
        // Another container's is given by whoever starts this one.
        Sharing::Container(_) | Sharing::None => {}
    }
    mounts
}

/// A mount the user asked for; `None` for files with content, which the runtime writes itself.
fn asked(spec: &ContainerSpec, mount: &Mount, host: &Host<'_>) -> Option<OciMount> {
    Some(match &mount.source {
        MountSource::Bind { path, propagation, submounts, .. } => {
            let mut options = bind_options(propagation.as_deref(), *submounts, mount.read_only);
            // Devices come in by `devices:`, where the device cgroup knows about them.
            if !spec.security.privileged && !path.starts_with("/dev") {
                options.push(if *submounts == Submounts::Disabled { "nodev" } else { "rnodev" });
            }
            one(&mount.target, "bind", &path.to_string_lossy(), &options)
        }
        MountSource::Volume { name, subpath, .. } => {
            volume(mount, (host.volume)(name), subpath.as_deref())
        }
        MountSource::Image { id, subpath, .. } => {
            let layers = id.as_ref().map(host.image).unwrap_or_default();
            image(&mount.target, &layers, subpath.as_deref())
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
        // Whoever starts the container has read the file by now.
        MountSource::Content { .. } | MountSource::Copy { .. } => return None,
    })
}

/// Read-only means with all that is mounted below, unless that shall stay writable (Docker:
/// `bind-recursive`).
fn bind_options(propagation: Option<&str>, submounts: Submounts, read_only: bool) -> Vec<&str> {
    let bind = if submounts == Submounts::Disabled { "bind" } else { "rbind" };
    let mut options = vec![bind, propagation.unwrap_or("rprivate")];
    if read_only {
        options.push("ro");
        if matches!(submounts, Submounts::Enabled | Submounts::Readonly) {
            options.push("rro");
        }
    }
    options
}

/// A volume's directory, or its own file system.
fn volume(mount: &Mount, content: VolumeContent, subpath: Option<&str>) -> OciMount {
    let subpath = subpath.map(subdirectory);
    match content {
        VolumeContent::Directory(path) => {
            let mut options = bind_options(None, Submounts::Enabled, mount.read_only);
            options.push("nodev");
            options.extend(subpath.as_deref());
            one(&mount.target, "bind", &path.to_string_lossy(), &options)
        }
        VolumeContent::FileSystem { kind, device, options } => {
            let mut all: Vec<&str> = options.iter().map(String::as_str).collect();
            all.extend(subpath.as_deref());
            if mount.read_only {
                all.push("ro");
            }
            one(&mount.target, &kind, &device, &all)
        }
    }
}

/// The layers of an image, read-only. Overlay wants at least two.
fn image(target: &str, layers: &[PathBuf], subpath: Option<&str>) -> OciMount {
    let subpath = subpath.map(subdirectory);
    let mut options = vec!["ro".to_owned(), "nodev".to_owned()];
    options.extend(subpath);
    let (kind, source) = match layers {
        [only] => ("bind", only.to_string_lossy()),
        layers => {
            options.extend(layers.iter().map(|layer| format!("lowerdir+={}", layer.display())));
            ("overlay", "overlay".into())
        }
    };
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    one(target, kind, &source, &options)
}

/// The option that mounts a directory of the source only, by mount(8)'s name for it.
fn subdirectory(path: &str) -> String {
    format!("X-mount.subdir={}", path.trim_start_matches('/'))
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

/// Targets of volumes that the image may fill: not what is empty at each start anyway.
pub(super) fn copy_up(spec: &ContainerSpec, host: &Host<'_>) -> Vec<PathBuf> {
    let fills = |mount: &&&Mount| match &mount.source {
        MountSource::Volume { name, no_copy: false, subpath: None, .. } => {
            !matches!((host.volume)(name), VolumeContent::FileSystem { kind, .. } if kind == "tmpfs")
        }
        _ => false,
    };
    let mounts = spec.all_mounts();
    mounts.iter().filter(fills).map(|mount| Path::new(&mount.target).to_owned()).collect()
}
