//! Paths that others chose, resolved below a directory and never outside of it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};

/// How often a resolution that lost a race against a rename is tried again.
const ATTEMPTS: usize = 16;

/// Opens the directory `path` as seen from inside `root`: absolute paths and links begin at
/// `root`, `..` ends there, and links of procfs lead nowhere. Needs Linux 5.6.
///
/// # Errors
/// It does not exist or is not a directory; `EAGAIN` when somebody keeps renaming around it.
pub fn open_dir_in(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open_in(root, path, flags)
}

/// Opens `path` as seen from inside `root`, as [`open_dir_in`] does.
///
/// # Errors
/// Those of `openat2(2)`.
pub fn open_in(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let mut result = Err(rustix::io::Errno::AGAIN);
    for _ in 0..ATTEMPTS {
        result = rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
        if !matches!(result, Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)) {
            break;
        }
    }
    result.map_err(io::Error::from)
}

/// Has the kernel begin to write back what was written to `file`, and does not wait for it: a sync
/// that follows finds less to do.
///
/// # Errors
/// Those of `sync_file_range(2)`: `EIO`, `ENOSPC`, `ESPIPE` for what is no file.
pub fn begin_write_back(file: BorrowedFd<'_>) -> io::Result<()> {
    let fd = file.as_raw_fd();
    // SAFETY: the call takes numbers only, and `file` keeps the descriptor open meanwhile.
    match unsafe { libc::sync_file_range(fd, 0, 0, libc::SYNC_FILE_RANGE_WRITE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The process's umask, without changing it on the way as `umask(2)` would.
///
/// # Errors
/// procfs is not mounted.
pub fn umask() -> io::Result<u32> {
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    let field = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let octal = field.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok());
    octal.ok_or_else(|| io::Error::other("no umask in /proc/thread-self/status"))
}
