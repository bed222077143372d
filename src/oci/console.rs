//! Terminals of containers nobody stays with: the other end is sent to a socket.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, connect, sendmsg, socket_with,
};

use crate::base::{Context, Error, Kind, Result};

/// Whether terminal and socket fit together (runc: the same rules and words).
///
/// # Errors
/// [`Kind::Invalid`] when they do not.
pub(super) fn check(terminal: bool, socket: bool, detach: bool) -> Result<()> {
    let message = match (terminal, socket, detach) {
        (true, false, true) => {
            "cannot allocate tty if the runtime will detach without setting console socket"
        }
        (false, true, _) | (true, true, false) => {
            "cannot use console socket if the runtime will not detach or allocate tty"
        }
        _ => return Ok(()),
    };
    Err(Error::new(Kind::Invalid, message))
}

/// Sends `terminal` to who listens on the socket `path`.
///
/// # Errors
/// Nobody does.
pub(super) fn send(path: &Path, terminal: &OwnedFd) -> Result<()> {
    let sent = (|| -> io::Result<()> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        let fds = [terminal.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        sendmsg(&socket, &[IoSlice::new(b"/dev/ptmx")], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    })();
    sent.context(|| format!("cannot send the terminal to {}", path.display()))
}
