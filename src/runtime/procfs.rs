//! `/proc` of a PID namespace that the calling process is not in.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use oci_spec::runtime::Mount;
use rustix::fs::{CWD, Mode, OFlags};

use crate::base::{Context, Error, Result};
use crate::sys::mount::{self, Attributes, FileSystem};

use super::options::Options;

/// `PROC_SUPER_MAGIC` of `linux/magic.h`.
const PROC_MAGIC: u64 = 0x9fa0;

/// For each of `mounts` that is a procfs one that shows the PID namespace `namespace`; `None` for
/// the others.
///
/// # Errors
/// The kernel has no way to make one from outside (before Linux 6.17), and no process of the
/// namespace has one that could be shown.
pub(super) fn take(mounts: &[Mount], namespace: BorrowedFd<'_>) -> Result<Vec<Option<OwnedFd>>> {
    let take = |mount: &Mount| {
        if mount.typ().as_deref() != Some("proc") {
            return Ok(None);
        }
        let options = Options::parse(mount.options().as_deref().unwrap_or_default());
        let attributes = options.attributes.set | options.recursive.set;
        let made = make(namespace, attributes).or_else(|_| borrow(namespace, attributes));
        made.map(Some).context(|| format!("cannot mount proc on {}", mount.destination().display()))
    };
    mounts.iter().map(take).collect()
}

/// A new one (proc(5), `pidns=`).
fn make(namespace: BorrowedFd<'_>, attributes: u64) -> Result<OwnedFd> {
    let made = FileSystem::new("proc").and_then(|system| {
        system.set("pidns", format!("/proc/self/fd/{}", namespace.as_raw_fd()))?;
        system.mount(attributes)
    });
    made.context(|| "cannot make a procfs for another PID namespace".to_owned())
}

/// The one of a process in that namespace, without what is mounted over parts of it.
fn borrow(namespace: BorrowedFd<'_>, attributes: u64) -> Result<OwnedFd> {
    let wanted = rustix::fs::fstat(namespace).map_err(io::Error::from);
    let wanted = wanted.context(|| "cannot look at the PID namespace".to_owned())?.st_ino;
    let processes = fs::read_dir("/proc").context(|| "cannot list processes".to_owned())?;
    for process in processes.flatten().map(|entry| entry.path()) {
        if !fs::metadata(process.join("ns/pid")).is_ok_and(|found| found.ino() == wanted) {
            continue;
        }
        // What is not one, or shows other processes, may have been put there by the container.
        let Ok(copied) = mount::copy(CWD, process.join("root/proc"), false) else { continue };
        if shows(&copied, wanted) {
            mount::change(copied.as_fd(), false, Attributes::set(attributes))
                .context(|| "cannot protect a procfs".to_owned())?;
            return Ok(copied);
        }
    }
    Err(Error::other("no process of the PID namespace that is joined has a /proc to be shown"))
}

/// Whether `mount` is the root of a procfs whose process 1 is in the namespace.
fn shows(mount: &OwnedFd, namespace: u64) -> bool {
    let is_proc = rustix::fs::fstatfs(mount).is_ok_and(|found| found.f_type as u64 == PROC_MAGIC);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let first = rustix::fs::openat(mount, Path::new("1/ns/pid"), flags, Mode::empty());
    let found = first.and_then(rustix::fs::fstat);
    is_proc && found.is_ok_and(|found| found.st_ino == namespace)
}
