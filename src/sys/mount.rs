//! Mounts as descriptors: made detached, configured, then attached where a descriptor says.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

/// Attributes of mounts to be changed (`MOUNT_ATTR_*`, `MS_SHARED` and its like).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// To be set.
    pub set: u64,
    /// To be cleared; those of access times are cleared together.
    pub clear: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED` or `MS_UNBINDABLE`; 0: stays.
    pub propagation: u64,
}

impl Attributes {
    /// These attributes set, nothing else.
    #[must_use]
    pub fn set(set: u64) -> Attributes {
        Attributes { set, ..Attributes::default() }
    }

    /// Nothing is to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Attributes::default()
    }
}

/// A file system being configured.
#[derive(Debug)]
pub struct FileSystem(OwnedFd);

impl FileSystem {
    /// Begins a file system of this type, such as `tmpfs`.
    ///
    /// # Errors
    /// `ENODEV`: the kernel does not have it.
    pub fn new(kind: &str) -> io::Result<FileSystem> {
        Ok(FileSystem(fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?))
    }

    /// Sets an option with a value, at most 255 bytes.
    ///
    /// # Errors
    /// The file system's own words where it has some.
    pub fn set(&self, key: &str, value: impl rustix::path::Arg) -> io::Result<()> {
        fsconfig_set_string(&self.0, key, value).map_err(|error| self.explain(error))
    }

    /// Sets an option without a value.
    ///
    /// # Errors
    /// As [`FileSystem::set`].
    pub fn flag(&self, key: &str) -> io::Result<()> {
        fsconfig_set_flag(&self.0, key).map_err(|error| self.explain(error))
    }

    /// Makes the file system, and a detached mount of it.
    ///
    /// # Errors
    /// As [`FileSystem::set`].
    pub fn mount(&self, attributes: u64) -> io::Result<OwnedFd> {
        fsconfig_create(&self.0).map_err(|error| self.explain(error))?;
        let attributes = MountAttrFlags::from_bits_retain(attributes as u32);
        fsmount(&self.0, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(|error| self.explain(error))
    }

    /// Puts the kernel's log of this file system in place of a bare number, if it wrote one.
    fn explain(&self, error: rustix::io::Errno) -> io::Error {
        let mut buffer = [0; 1024];
        match rustix::io::read(&self.0, &mut buffer) {
            Ok(length) if length > 2 && buffer.starts_with(b"e ") => {
                let text = String::from_utf8_lossy(&buffer[2..length]).trim_end().to_owned();
                io::Error::new(io::Error::from(error).kind(), text)
            }
            _ => error.into(),
        }
    }
}

/// A detached copy of the mount at `path` below `directory` (an empty path: of what the
/// descriptor itself says), with the mounts below it if `recursive`. Symbolic links are followed.
///
/// # Errors
/// `ENOENT`; `EINVAL` when it lies in another mount namespace or is unbindable.
pub fn copy(
    directory: BorrowedFd<'_>,
    path: impl rustix::path::Arg,
    recursive: bool,
) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(open_tree(directory, path, flags)?)
}

/// Gives this thread a mount namespace of its own, a copy of the one it was in, with its own root
/// and working directory. The process's other threads stay where they are.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`.
pub fn leave_namespace() -> io::Result<()> {
    use nix::sched::{CloneFlags, unshare};
    Ok(unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)?)
}

/// Moves this thread into a mount namespace; its root and working directory are that one's then.
/// The process's other threads stay where they are.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` when it is no mount namespace.
pub fn enter_namespace(namespace: BorrowedFd<'_>) -> io::Result<()> {
    use nix::sched::{CloneFlags, setns, unshare};
    unshare(CloneFlags::CLONE_FS)?;
    Ok(setns(namespace, CloneFlags::CLONE_NEWNS)?)
}

/// Attaches the detached `mount` on what the descriptor `target` says.
///
/// # Errors
/// `ENOTDIR` when one is a directory and the other is not, `ENOENT` when the target was removed,
/// `ELOOP` when it would contain itself.
pub fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(mount, "", target, "", flags)?)
}

/// Changes the attributes of `mount` (the one that the descriptor lies on), and of every mount
/// below it if `recursive`: of all, or on an error of none. Needs Linux 5.12.
///
/// # Errors
/// `EBUSY` while a file of a mount that shall be read-only is open for writing, `EPERM` for
/// attributes locked by a user namespace.
pub fn change(mount: BorrowedFd<'_>, recursive: bool, change: Attributes) -> io::Result<()> {
    const ACCESS_TIME: u64 = libc::MOUNT_ATTR__ATIME;
    let clears_time = if (change.set | change.clear) & TIME_BITS != 0 { ACCESS_TIME } else { 0 };
    let attribute = libc::mount_attr {
        attr_set: change.set,
        attr_clr: change.clear | clears_time,
        propagation: change.propagation,
        userns_fd: 0,
    };
    set_attributes(mount, c"", recursive, &attribute)
}

/// Shows files of `mount`, and of those below it if `recursive`, with the owners that the user
/// namespace says. Needs Linux 5.12.
///
/// # Errors
/// `EINVAL` for a file system that cannot do it, or a mount that was attached or mapped already.
pub fn map_ids(mount: BorrowedFd<'_>, recursive: bool, users: BorrowedFd<'_>) -> io::Result<()> {
    let attribute = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: users.as_raw_fd() as u64,
    };
    set_attributes(mount, c"", recursive, &attribute)
}

/// The attribute bits that say how access times are kept; `relatime` is zero.
const TIME_BITS: u64 = libc::MOUNT_ATTR_NOATIME | libc::MOUNT_ATTR_STRICTATIME;

fn set_attributes(
    mount: BorrowedFd<'_>,
    path: &CStr,
    recursive: bool,
    attribute: &libc::mount_attr,
) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: `path` ends in NUL; the kernel reads as many bytes of `attribute` as it has, and
    // keeps no pointer to either.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            path.as_ptr(),
            flags,
            attribute,
            size_of::<libc::mount_attr>(),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Changes the propagation of every mount of this namespace.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`.
pub fn change_all_propagation(propagation: u64) -> io::Result<()> {
    let attribute = libc::mount_attr { attr_set: 0, attr_clr: 0, propagation, userns_fd: 0 };
    set_attributes(rustix::fs::CWD, c"/", true, &attribute)
}

/// Mounts over `target` the old way, for file systems whose options do not fit the new one.
///
/// # Errors
/// Those of `mount(2)`.
pub fn classic(
    source: &str,
    target: &CStr,
    kind: &str,
    flags: u32,
    data: &CString,
) -> io::Result<()> {
    let flags = rustix::mount::MountFlags::from_bits_retain(flags);
    Ok(rustix::mount::mount(source, target, kind, flags, Some(data.as_c_str()))?)
}

/// Detaches `mount`, with everything below it; who uses it goes on to. The working directory is
/// the root directory after it.
///
/// # Errors
/// `EINVAL` when it is not attached.
pub fn detach(mount: BorrowedFd<'_>) -> io::Result<()> {
    rustix::process::fchdir(mount)?;
    let detached = rustix::mount::unmount(".", rustix::mount::UnmountFlags::DETACH);
    rustix::process::chdir("/")?;
    Ok(detached?)
}

/// Makes the mount `root` (which is attached somewhere in this namespace) the root directory, and
/// detaches the old one with everything below it.
///
/// # Errors
/// `EINVAL` when the old root or its parent propagates.
pub fn become_root(root: impl AsFd) -> io::Result<()> {
    rustix::process::fchdir(root)?;
    // The old root goes on top of the new one, so that no directory is needed for it
    // (pivot_root(2), "pivot_root(".", ".")").
    rustix::process::pivot_root(".", ".")?;
    rustix::mount::unmount(".", rustix::mount::UnmountFlags::DETACH)?;
    Ok(rustix::process::chdir("/")?)
}
