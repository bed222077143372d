//! Terminals: made from the container's own devpts, the other end sent to the parent.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, openat2};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::sys::mount;

use super::root::{Make, Root};
use super::start::Size;

/// `DEVPTS_SUPER_MAGIC` of `linux/magic.h`.
const DEVPTS_MAGIC: u64 = 0x1cd1;

/// Both ends of a new terminal.
#[derive(Debug)]
pub struct Terminal {
    /// For whoever shows it.
    pub master: OwnedFd,
    /// For the program.
    pub slave: OwnedFd,
}

/// Makes a terminal of the devpts mounted at `/dev/pts` of `root`.
///
/// The program's end is taken from the other one, never by a path in the container, which could
/// be made to lead elsewhere (CVE-2025-52565).
///
/// # Errors
/// There is no devpts, or what lies there is something else.
pub fn make(root: &Root, size: Option<Size>) -> io::Result<Terminal> {
    let directory = root.open_plain(Path::new("/dev/pts"), OFlags::PATH | OFlags::DIRECTORY)?;
    if rustix::fs::fstatfs(&directory)?.f_type as u64 != DEVPTS_MAGIC {
        return Err(io::Error::other("/dev/pts is not a devpts"));
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let master = openat2(&directory, "ptmx", flags, Mode::empty(), how)?;
    let stat = rustix::fs::fstat(&master)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice {
        return Err(io::Error::other("/dev/pts/ptmx is not a terminal multiplexer"));
    }
    rustix::pty::unlockpt(&master)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    if let Some(Size { rows, columns }) = size {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&master, size)?;
    }
    Ok(Terminal { master, slave })
}

/// Puts the program's end on `/dev/console`.
///
/// # Errors
/// It cannot be mounted.
pub fn be_console(root: &Root, slave: BorrowedFd<'_>) -> io::Result<()> {
    let place = match root.open_plain(Path::new("/dev/console"), OFlags::PATH | OFlags::NOFOLLOW) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            root.make(Path::new("/dev/console"), Make::File)?
        }
        result => result?,
    };
    let console = mount::copy(slave, "", false)?;
    mount::attach(console.as_fd(), place.as_fd())
}
