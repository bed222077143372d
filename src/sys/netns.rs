//! Network namespaces, for a process with one thread.
//!
//! A namespace is entered by a thread, not by a process: whoever calls these functions must have
//! one thread, or accept that only the calling thread changes.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use nix::sched::{CloneFlags, setns, unshare};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Request of `ioctl(2)` for the network namespace of a socket (`linux/sockios.h`).
const SIOCGSKNS: libc::Ioctl = 0x894C;

/// The calling thread's network namespace; it exists as long as the descriptor.
///
/// # Errors
/// `/proc` is not mounted.
pub fn current() -> io::Result<OwnedFd> {
    Ok(File::open("/proc/thread-self/ns/net")?.into())
}

/// Whether the calling thread is in the network namespace of its process, which is that of the
/// process's first thread. Asks a socket, so that nothing of the thread's own appears in `/proc`.
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN`; `/proc` is not mounted.
pub fn is_that_of_the_process() -> io::Result<bool> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: the request takes no argument and touches no memory of ours; `socket` is open.
    let fd = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSKNS) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    let thread = File::from(unsafe { OwnedFd::from_raw_fd(fd) }).metadata()?;
    let process = std::fs::metadata("/proc/self/ns/net")?;
    Ok((thread.dev(), thread.ino()) == (process.dev(), process.ino()))
}

/// The network namespace of the process with this id.
///
/// # Errors
/// There is no such process, or it is not ours.
pub fn of_process(pid: i32) -> io::Result<OwnedFd> {
    Ok(File::open(format!("/proc/{pid}/ns/net"))?.into())
}

/// Moves the calling thread into a new network namespace, and returns it.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`, `ENOSPC` at the limit of `user.max_net_namespaces`.
pub fn unshare_net() -> io::Result<OwnedFd> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    current()
}

/// Makes a new network namespace while the calling thread stays where it is.
///
/// # Errors
/// As [`unshare_net`].
pub fn create() -> io::Result<OwnedFd> {
    let home = current()?;
    let made = unshare_net()?;
    enter(home.as_fd())?;
    Ok(made)
}

/// Moves the calling thread into `namespace`.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` over it.
pub fn enter(namespace: BorrowedFd<'_>) -> io::Result<()> {
    Ok(setns(namespace, CloneFlags::CLONE_NEWNET)?)
}

/// Runs `work` with the calling thread inside `namespace`.
///
/// # Errors
/// The namespace cannot be entered.
///
/// # Panics
/// The way back is closed: going on in the wrong namespace could change the wrong network.
pub fn inside<T>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> T) -> io::Result<T> {
    let home = current()?;
    enter(namespace)?;
    let result = work();
    enter(home.as_fd()).expect("a thread can return to the network namespace it came from");
    Ok(result)
}
