//! A TCP connection passed on to a container, byte by byte, without copying it to this process.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType};
use rustix::pipe::{PipeFlags, SpliceFlags};

/// Moved in one step: what a pipe holds by default.
const STEP_BYTES: usize = 64 * 1024;
/// Steps before others get a turn.
const STEPS: usize = 16;

/// Two connected sockets and what is on its way between them.
///
/// Watch both sockets for changes; call [`on_ready`](Relay::on_ready) on each.
#[derive(Debug)]
pub struct Relay {
    client: OwnedFd,
    target: OwnedFd,
    there: Way,
    back: Way,
}

/// What a relay wants after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait until a socket changes.
    Wait,
    /// Another turn, when others had theirs.
    Again,
    /// It is over: drop the relay.
    Done,
}

/// One direction.
#[derive(Debug)]
struct Way {
    inlet: OwnedFd,
    outlet: OwnedFd,
    held: usize,
    ended: bool,
    closed: bool,
}

impl Relay {
    /// Starts to connect an accepted client to `target`.
    ///
    /// # Errors
    /// Too many descriptors are open, or the target refuses at once.
    pub fn new(client: OwnedFd, target: SocketAddr) -> io::Result<Relay> {
        let family = match target {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        rustix::io::ioctl_fionbio(&client, true)?;
        // What one end sends in small pieces is not to wait here for more.
        rustix::net::sockopt::set_tcp_nodelay(&client, true)?;
        rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
        Ok(Relay { client, target: socket, there: Way::new()?, back: Way::new()? })
    }

    /// The two sockets.
    #[must_use]
    pub fn sockets(&self) -> [&OwnedFd; 2] {
        [&self.client, &self.target]
    }

    /// Moves what can be moved.
    pub fn on_ready(&mut self) -> Next {
        for _ in 0..STEPS {
            let there = self.there.step(&self.client, &self.target);
            let back = self.back.step(&self.target, &self.client);
            match (there, back) {
                (Err(_), _) | (_, Err(_)) => return Next::Done,
                _ if self.there.closed && self.back.closed => return Next::Done,
                (Ok(false), Ok(false)) => return Next::Wait,
                _ => {}
            }
        }
        Next::Again
    }
}

impl Way {
    fn new() -> io::Result<Way> {
        let (outlet, inlet) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Way { inlet, outlet, held: 0, ended: false, closed: false })
    }

    /// One step into the pipe and one out of it; whether anything moved.
    fn step(&mut self, from: &OwnedFd, to: &OwnedFd) -> io::Result<bool> {
        let mut moved = false;
        if !self.ended {
            match splice(from, &self.inlet)? {
                Some(0) => (self.ended, moved) = (true, true),
                Some(bytes) => {
                    self.held += bytes;
                    moved = true;
                }
                None => {}
            }
        }
        if self.held > 0
            && let Some(bytes) = splice(&self.outlet, to)?
        {
            self.held -= bytes;
            moved = true;
        }
        if self.ended && self.held == 0 && !self.closed {
            // The other direction may go on: half-closed connections are used.
            match rustix::net::shutdown(to, Shutdown::Write) {
                Ok(()) | Err(Errno::NOTCONN) => {}
                Err(error) => return Err(error.into()),
            }
            (self.closed, moved) = (true, true);
        }
        Ok(moved)
    }
}

/// Moves bytes; `None` when it would block (or is not connected yet).
fn splice(from: &OwnedFd, to: &OwnedFd) -> io::Result<Option<usize>> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    let result = rustix::io::retry_on_intr(|| {
        rustix::pipe::splice(from.as_fd(), None, to.as_fd(), None, STEP_BYTES, flags)
    });
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        // A connection in the making: reading says ENOTCONN, writing says so too or EAGAIN.
        Err(Errno::AGAIN | Errno::NOTCONN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
