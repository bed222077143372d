//! `/dev`: device nodes and links, all made by descriptor in a directory that is no link.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, makedev};
use rustix::io::Errno;

use crate::base::{Context, Error, Kind, Result};
use crate::sys::mount;

use super::root::{Make, Root};

/// Nodes that every container has: name, major and minor number (OCI: config-linux.md).
const NODES: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

const LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// A device of the host, taken before the root changes: for when a node cannot be made.
#[derive(Debug)]
pub struct HostNode {
    path: PathBuf,
    node: OwnedFd,
}

/// Takes the host's nodes of `devices`, where it has them.
#[must_use]
pub fn host_nodes(devices: &[LinuxDevice]) -> Vec<HostNode> {
    let take = |device: &LinuxDevice| {
        let node = mount::copy(CWD, device.path(), false).ok()?;
        is_device(&node, device).then(|| HostNode { path: device.path().clone(), node })
    };
    devices.iter().filter_map(take).collect()
}

/// Takes the host's nodes of those that every container has: in a user namespace no node can be
/// made.
#[must_use]
pub fn usual_host_nodes() -> Vec<HostNode> {
    let take = |(name, major, minor): &(&str, u32, u32)| {
        let path = Path::new("/dev").join(name);
        let node = mount::copy(CWD, &path, false).ok()?;
        is_character(&node, *major, *minor).then_some(HostNode { path, node })
    };
    NODES.iter().filter_map(take).collect()
}

fn is_character(node: &OwnedFd, major: u32, minor: u32) -> bool {
    rustix::fs::fstat(node).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && stat.st_rdev == makedev(major, minor)
    })
}

fn is_device(node: &OwnedFd, device: &LinuxDevice) -> bool {
    let number = makedev(device.major() as u32, device.minor() as u32);
    rustix::fs::fstat(node).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == file_type(device.typ()) && stat.st_rdev == number
    })
}

fn file_type(kind: LinuxDeviceType) -> FileType {
    match kind {
        LinuxDeviceType::B => FileType::BlockDevice,
        LinuxDeviceType::P => FileType::Fifo,
        _ => FileType::CharacterDevice,
    }
}

/// Fills the directory `dev` with the usual nodes and links; `host` has nodes for when none can be
/// made.
///
/// # Errors
/// A node cannot be made.
pub fn fill(dev: BorrowedFd<'_>, host: &[HostNode]) -> Result<()> {
    for (name, major, minor) in NODES {
        let mode = Mode::from_raw_mode(0o666);
        let number = makedev(*major, *minor);
        let made = rustix::fs::mknodat(dev, *name, FileType::CharacterDevice, mode, number)
            .and_then(|()| rustix::fs::chmodat(dev, *name, mode, AtFlags::empty()));
        let made = match made {
            Err(Errno::EXIST | Errno::PERM) => lend(dev, name, (*major, *minor), host),
            made => made.map_err(io::Error::from),
        };
        made.context(|| format!("cannot make /dev/{name}"))?;
    }
    for (target, name) in LINKS {
        match rustix::fs::symlinkat(*target, dev, *name) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => {
                return Err(io::Error::from(error)).context(|| format!("cannot make /dev/{name}"));
            }
        }
    }
    Ok(())
}

/// Puts the host's node where none can be made, unless what is there is right.
fn lend(dev: BorrowedFd<'_>, name: &str, number: (u32, u32), host: &[HostNode]) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let there = rustix::fs::openat(dev, name, flags, Mode::empty());
    if there.is_ok_and(|node| is_character(&node, number.0, number.1)) {
        return Ok(());
    }
    let path = Path::new("/dev").join(name);
    let node = host.iter().find(|node| node.path == path);
    let node = node.ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))?;
    let make = OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = rustix::fs::openat(dev, name, make, Mode::from_raw_mode(0o666))?;
    mount::attach(node.node.as_fd(), place.as_fd())
}

/// Makes the nodes that a bundle asks for, in place of what is there.
///
/// # Errors
/// [`Kind::Invalid`] for a device that has no path or no possible number.
pub fn add(root: &Root, devices: &[LinuxDevice], host: &[HostNode]) -> Result<()> {
    for device in devices {
        let path = Path::new("/").join(device.path());
        if path == Path::new("/dev/ptmx") && (device.major(), device.minor()) == (5, 2) {
            // What is there leads to the container's own terminals; this one would to nobody's.
            continue;
        }
        add_one(root, device, &path, host)
            .context(|| format!("cannot make device {}", path.display()))?;
    }
    Ok(())
}

fn add_one(root: &Root, device: &LinuxDevice, path: &Path, host: &[HostNode]) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::new(Kind::Invalid, "a device needs a path"));
    };
    let failed = || "mknod".to_owned();
    let directory = root.make(parent, Make::Directory).context(failed)?;
    let mode = Mode::from_raw_mode(device.file_mode().unwrap_or(0o666) & 0o7777);
    let number = makedev(device.major() as u32, device.minor() as u32);
    // Only tmpfs below: an image's file of this name must not be removed from a volume.
    let made = match rustix::fs::mknodat(&directory, name, file_type(device.typ()), mode, number) {
        Err(Errno::EXIST) if same(&directory, name, device) => Ok(()),
        other => other,
    };
    match made {
        Ok(()) => {
            let owner = (device.uid().unwrap_or(0), device.gid().unwrap_or(0));
            let (uid, gid) = (Some(Uid::from_raw(owner.0)), Some(Gid::from_raw(owner.1)));
            rustix::fs::chmodat(&directory, name, mode, AtFlags::empty())
                .and_then(|()| rustix::fs::chownat(&directory, name, uid, gid, AtFlags::empty()))
                .map_err(io::Error::from)
                .context(failed)
        }
        // Denied by the device cgroup, which only lets it be used: then the host's node it is.
        Err(Errno::PERM | Errno::EXIST) => {
            let node = host.iter().find(|node| &node.path == device.path());
            let node = node.ok_or_else(|| Error::other("mknod is not permitted"))?;
            let place = root.make(path, Make::File).context(failed)?;
            mount::attach(node.node.as_fd(), place.as_fd()).context(failed)
        }
        Err(error) => Err(io::Error::from(error)).context(failed),
    }
}

fn same(directory: &OwnedFd, name: &std::ffi::OsStr, device: &LinuxDevice) -> bool {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
        .is_ok_and(|node| is_device(&node, device))
}

/// The host's `/dev/null` as a detached mount, to put over files.
///
/// # Errors
/// It is not the null device (CVE-2025-31133).
pub fn host_null() -> Result<OwnedFd> {
    let failed = || "cannot use the host's /dev/null".to_owned();
    let null = mount::copy(CWD, "/dev/null", false).context(failed)?;
    let stat = rustix::fs::fstat(&null).map_err(io::Error::from).context(failed)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice if stat.st_rdev == makedev(1, 3) => Ok(null),
        _ => Err(Error::other("the host's /dev/null is not the null device")),
    }
}
