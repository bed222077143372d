//! A container's files, seen from outside: while it runs, and while it does not.
//!
//! Work on files is done on a thread of its own, since a mount namespace belongs to a thread. No
//! program of the container is run, and no path of its is resolved but below its root.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use oci_spec::runtime::Mount;
use rustix::fs::{CWD, Mode, OFlags};

use crate::base::{Context, Error, Result};
use crate::sys::mount::{self, Attributes};

use super::bundle::Rootfs;
use super::root::Root;
use super::{mounts, rootfs};

/// Does `work` on the files of a container that does not run: its root file system, with those of
/// `binds` mounted in it whose source exists. Nothing is left mounted after it.
///
/// # Errors
/// The file systems cannot be mounted; those of `work`.
pub fn assembled<T: Send>(
    rootfs: &Rootfs,
    binds: &[Mount],
    read_only: bool,
    work: impl FnOnce(&Root) -> Result<T> + Send,
) -> Result<T> {
    on_own_thread(|| {
        let failed = || "cannot mount the container's files".to_owned();
        mount::leave_namespace().context(failed)?;
        // Nothing goes back to the namespace that this one was copied from.
        mount::change_all_propagation(libc::MS_PRIVATE).context(failed)?;
        let exists = |bind: &&Mount| bind.source().as_ref().is_some_and(|path| path.exists());
        let binds: Vec<Mount> = binds.iter().filter(exists).cloned().collect();
        let binds = mounts::prepare(&binds, &mut [])?;
        let made = rootfs::make(rootfs)?;
        // Over our own root, which goes on to be what paths begin at: only the descriptor leads in.
        let slash = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let slash = slash.map_err(io::Error::from).context(failed)?;
        mount::attach(made.as_fd(), slash.as_fd()).context(failed)?;
        let root = Root::new(made);
        mounts::attach_binds(&root, &binds)?;
        if read_only {
            let locked = Attributes::set(libc::MOUNT_ATTR_RDONLY);
            mount::change(root.as_fd(), false, locked).context(failed)?;
        }
        work(&root)
    })
}

/// The root file system of the container that is in the mount namespace `namespace`, as a mount of
/// its own: without what is mounted in it.
///
/// # Errors
/// The kernel refuses, as it does where we are not its owner.
pub fn bare_root(namespace: BorrowedFd<'_>) -> Result<OwnedFd> {
    on_own_thread(|| {
        let copied = mount::enter_namespace(namespace)
            .and_then(|()| mount::copy(CWD, Path::new("/"), false));
        copied.context(|| "cannot enter the container's mount namespace".to_owned())
    })
}

fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("files".to_owned()).spawn_scoped(scope, work);
        let thread = thread.context(|| "cannot start a thread".to_owned())?;
        thread.join().map_err(|_| Error::other("work on a container's files ended early"))?
    })
}
