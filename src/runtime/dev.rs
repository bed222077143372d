//! `/dev`: device nodes and links, all made by descriptor in a directory that is no link.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, makedev};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use crate::base::{Context, Error, Kind, Result};
use crate::sys::mount::{self, Attributes, FileSystem};

use super::idmap::Mappings;
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

/// Major and minor number of the null device.
const NULL: (u32, u32) = (1, 3);

const LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// A node that is attached where none can be made.
#[derive(Debug)]
pub struct Node {
    path: PathBuf,
    mount: OwnedFd,
}

/// Takes the host's nodes of `devices`, where it has them, each on a read-only mount: devices can
/// be used through it, but the host's mode, owner, times and attributes stay as they are.
#[must_use]
pub fn host_nodes(devices: &[LinuxDevice]) -> Vec<Node> {
    let take = |device: &LinuxDevice| {
        let mount = read_only(mount::copy(CWD, device.path(), false).ok()?).ok()?;
        is_device(&mount, device).then(|| Node { path: device.path().clone(), mount })
    };
    devices.iter().filter_map(take).collect()
}

/// Takes the host's nodes of those that every container has, as [`host_nodes`] does.
#[must_use]
pub fn usual_host_nodes() -> Vec<Node> {
    let take = |(name, major, minor): &(&str, u32, u32)| {
        let path = Path::new("/dev").join(name);
        let mount = read_only(mount::copy(CWD, &path, false).ok()?).ok()?;
        is_character(&mount, *major, *minor).then_some(Node { path, mount })
    };
    NODES.iter().filter_map(take).collect()
}

fn read_only(mount: OwnedFd) -> io::Result<OwnedFd> {
    mount::change(mount.as_fd(), false, Attributes::set(libc::MOUNT_ATTR_RDONLY))?;
    Ok(mount)
}

/// A detached file system with nodes for a container that may make none itself: in a user
/// namespace, or where its control group lets a device be used but not made. `None` where the
/// caller may not make them either; then the [host's](host_nodes) are shown.
///
/// # Errors
/// The kernel has no tmpfs.
pub fn store(
    usual: bool,
    devices: &[LinuxDevice],
    mappings: Mappings<'_>,
) -> io::Result<Option<OwnedFd>> {
    let tmpfs = FileSystem::new("tmpfs")?;
    tmpfs.set("mode", "755")?;
    let store = tmpfs.mount(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC)?;
    let usual = NODES.iter().filter(|_| usual).map(|(name, major, minor)| {
        let (user, group) = (mappings.user(0), mappings.group(0));
        (
            PathBuf::from(name),
            FileType::CharacterDevice,
            makedev(*major, *minor),
            0o666,
            user,
            group,
        )
    });
    let asked = devices.iter().enumerate().map(|(index, device)| {
        let number = makedev(device.major() as u32, device.minor() as u32);
        let mode = device.file_mode().unwrap_or(0o666) & 0o7777;
        let user = mappings.user(device.uid().unwrap_or(0));
        let group = mappings.group(device.gid().unwrap_or(0));
        (PathBuf::from(index.to_string()), file_type(device.typ()), number, mode, user, group)
    });
    for (name, kind, number, mode, user, group) in usual.chain(asked) {
        let mode = Mode::from_raw_mode(mode);
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        let made = rustix::fs::mknodat(&store, &name, kind, mode, number)
            .and_then(|()| rustix::fs::chmodat(&store, &name, mode, AtFlags::empty()))
            .and_then(|()| rustix::fs::chownat(&store, &name, user, group, AtFlags::empty()));
        match made {
            Err(Errno::PERM | Errno::ACCESS) => return Ok(None),
            made => made?,
        }
    }
    Ok(Some(store))
}

/// The nodes of a [`store`] made for `devices`, and for those that every container has.
///
/// It is attached over `root` for a moment: before Linux 6.15 a mount can only be copied while it
/// is attached.
///
/// # Errors
/// Those of the mount.
pub fn nodes_of(store: &OwnedFd, root: &Root, devices: &[LinuxDevice]) -> io::Result<Vec<Node>> {
    mount::attach(store.as_fd(), root.as_fd())?;
    let usual = NODES.iter().map(|(name, ..)| (PathBuf::from(name), Path::new("/dev").join(name)));
    let asked = devices.iter().enumerate();
    let asked =
        asked.map(|(index, device)| (PathBuf::from(index.to_string()), device.path().clone()));
    let mut nodes = Vec::new();
    for (name, path) in usual.chain(asked) {
        match mount::copy(store.as_fd(), &name, false) {
            Ok(mount) => nodes.push(Node { path, mount }),
            // Not of those that were wanted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    mount::detach(store.as_fd())?;
    Ok(nodes)
}

fn is_character(node: impl AsFd, major: u32, minor: u32) -> bool {
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

/// Fills the directory `dev` with the usual nodes and links; `nodes` are for when none can be made.
///
/// # Errors
/// A node cannot be made.
pub fn fill(dev: BorrowedFd<'_>, nodes: &[Node]) -> Result<()> {
    for (name, major, minor) in NODES {
        let mode = Mode::from_raw_mode(0o666);
        let number = makedev(*major, *minor);
        let made = rustix::fs::mknodat(dev, *name, FileType::CharacterDevice, mode, number)
            .and_then(|()| rustix::fs::chmodat(dev, *name, mode, AtFlags::empty()));
        let made = match made {
            Err(Errno::EXIST | Errno::PERM) => lend(dev, name, (*major, *minor), nodes),
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

/// Puts one of `nodes` where none can be made, unless what is there is right.
fn lend(dev: BorrowedFd<'_>, name: &str, number: (u32, u32), nodes: &[Node]) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let there = rustix::fs::openat(dev, name, flags, Mode::empty());
    if there.is_ok_and(|node| is_character(&node, number.0, number.1)) {
        return Ok(());
    }
    let path = Path::new("/dev").join(name);
    let node = nodes.iter().find(|node| node.path == path);
    let node = node.ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))?;
    let make = OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = rustix::fs::openat(dev, name, make, Mode::from_raw_mode(0o666))?;
    mount::attach(node.mount.as_fd(), place.as_fd())
}

/// Makes the nodes that a bundle asks for, in place of what is there.
///
/// # Errors
/// [`Kind::Invalid`] for a device that has no path or no possible number.
pub fn add(root: &Root, devices: &[LinuxDevice], nodes: &[Node]) -> Result<()> {
    for device in devices {
        let path = Path::new("/").join(device.path());
        if path == Path::new("/dev/ptmx") && (device.major(), device.minor()) == (5, 2) {
            // What is there leads to the container's own terminals; this one would to nobody's.
            continue;
        }
        add_one(root, device, &path, nodes)
            .context(|| format!("cannot make device {}", path.display()))?;
    }
    Ok(())
}

fn add_one(root: &Root, device: &LinuxDevice, path: &Path, nodes: &[Node]) -> Result<()> {
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
        // Denied by the device cgroup, which only lets it be used, or by a user namespace.
        Err(Errno::PERM | Errno::EXIST) => {
            let node = nodes.iter().find(|node| &node.path == device.path());
            let node = node.ok_or_else(|| Error::other("mknod is not permitted"))?;
            let place = root.make(path, Make::File).context(failed)?;
            mount::attach(node.mount.as_fd(), place.as_fd()).context(failed)
        }
        Err(error) => Err(io::Error::from(error)).context(failed),
    }
}

fn same(directory: &OwnedFd, name: &std::ffi::OsStr, device: &LinuxDevice) -> bool {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
        .is_ok_and(|node| is_device(&node, device))
}

/// The container's own null device as a detached read-only mount, to put over files; `host`
/// is for a container that has none.
///
/// # Errors
/// Those of the mount.
pub fn null_cover(root: &Root, host: OwnedFd) -> io::Result<OwnedFd> {
    match own_null(root, OFlags::PATH)? {
        Some(own) => read_only(mount::copy(own.as_fd(), "", false)?),
        None => Ok(host),
    }
}

/// The host's `/dev/null` as a detached read-only mount.
///
/// # Errors
/// It is not the null device (CVE-2025-31133).
pub fn host_null() -> Result<OwnedFd> {
    let failed = || "cannot use the host's /dev/null".to_owned();
    let null = mount::copy(CWD, "/dev/null", false).and_then(read_only).context(failed)?;
    if is_character(&null, NULL.0, NULL.1) {
        return Ok(null);
    }
    Err(Error::other("the host's /dev/null is not the null device"))
}

/// A descriptor above the standard ones for a stream of the container: a copy of `fd`, or, if that
/// is the null device, one of the container's own. The host's inode, of which the container could
/// change mode and owner, does not get in.
///
/// # Errors
/// No null device can be had, or no descriptors are left.
pub fn stream(root: &Root, fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    if !is_character(fd, NULL.0, NULL.1) {
        return Ok(rustix::io::fcntl_dupfd_cloexec(fd, 3)?);
    }
    let access = rustix::fs::fcntl_getfl(fd)? & OFlags::RWMODE;
    let own = match own_null(root, access | OFlags::NONBLOCK | OFlags::NOCTTY)? {
        Some(own) => own,
        // Its own null device is gone or something else.
        None if access == OFlags::RDONLY => rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?.0,
        None => made_null(access)?,
    };
    rustix::fs::fcntl_setfl(&own, OFlags::empty())?;
    Ok(rustix::io::fcntl_dupfd_cloexec(&own, 3)?)
}

/// `/dev/null` of the container, opened; `None` where that is not the null device.
fn own_null(root: &Root, flags: OFlags) -> io::Result<Option<OwnedFd>> {
    let path = Path::new("/dev/null");
    let open = |flags| match root.open_plain(path, flags | OFlags::NOFOLLOW) {
        Ok(own) => Ok(Some(own).filter(|own| is_character(own, NULL.0, NULL.1))),
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENOENT | libc::ENOTDIR)) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    };
    // Opening anything else could have effects, or wait.
    match open(OFlags::PATH)? {
        Some(own) if flags.contains(OFlags::PATH) => Ok(Some(own)),
        Some(_) => open(flags),
        None => Ok(None),
    }
}

/// A null device on a file system of its own.
fn made_null(access: OFlags) -> io::Result<OwnedFd> {
    let store = FileSystem::new("tmpfs")?.mount(libc::MOUNT_ATTR_NOSUID)?;
    let mode = Mode::from_raw_mode(0o666);
    let number = makedev(NULL.0, NULL.1);
    rustix::fs::mknodat(&store, c"null", FileType::CharacterDevice, mode, number)?;
    Ok(rustix::fs::openat(&store, c"null", access | OFlags::CLOEXEC, Mode::empty())?)
}
