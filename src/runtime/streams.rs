//! The standard streams of a program.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Uid};

use crate::base::{Context, Result};

use super::dev;
use super::program::Birth;
use super::root::Root;
use super::user::User;

/// The three standard streams, and whether they are one terminal.
#[derive(Debug)]
pub struct Streams<'a> {
    /// Descriptors that become 0, 1 and 2.
    pub fds: [BorrowedFd<'a>; 3],
    /// They are a terminal, which becomes the controlling one.
    pub terminal: bool,
}

/// Makes the streams 0, 1 and 2, and the user's: a program may open `/dev/stdout` again.
pub(super) fn take_streams(
    root: &Root,
    streams: &Streams<'_>,
    user: &User,
    birth: Birth,
) -> Result<()> {
    let failed = || "cannot set up standard streams".to_owned();
    // Out of the way first: one of them may be 0, 1 or 2 itself.
    let fds = streams.fds.iter().map(|fd| dev::stream(root, *fd));
    let fds = fds.collect::<io::Result<Vec<OwnedFd>>>().context(failed)?;
    let placed = rustix::stdio::dup2_stdin(&fds[0])
        .and_then(|()| rustix::stdio::dup2_stdout(&fds[1]))
        .and_then(|()| rustix::stdio::dup2_stderr(&fds[2]));
    placed.map_err(io::Error::from).context(failed)?;
    for fd in &fds {
        let stat = rustix::fs::fstat(fd).map_err(io::Error::from).context(failed)?;
        let shared = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && stat.st_rdev == rustix::fs::makedev(1, 3);
        if shared || stat.st_uid == user.uid {
            continue;
        }
        match rustix::fs::fchown(fd, Some(Uid::from_raw(user.uid)), None) {
            // Files on read-only or foreign file systems stay as they are.
            Ok(()) | Err(rustix::io::Errno::ROFS | rustix::io::Errno::PERM) => {}
            Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(io::Error::from(error)).context(failed),
        }
    }
    // A session's leader takes its terminal, and the one that is born last leads its own.
    if streams.terminal && birth == Birth::First {
        rustix::process::ioctl_tiocsctty(fds[0].as_fd())
            .map_err(io::Error::from)
            .context(failed)?;
    }
    Ok(())
}
