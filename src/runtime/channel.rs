//! How a child tells its parent what happened before it became the program.
//!
//! A pair of sockets that `execve` closes: the end of the conversation after [`Message::Ready`]
//! means that the program runs.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use crate::base::{Error, Kind};
use crate::sys;

/// Longest message; longer text is cut.
const MAX_MESSAGE: usize = 4096;

/// One end of the conversation.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// What a child says.
#[derive(Debug)]
pub enum Message {
    /// Everything is set up; what follows is `execve`.
    Ready,
    /// Something could not be done as asked, but goes on.
    Warning(String),
    /// It is over.
    Failed(Error),
    /// The terminal's other end.
    Terminal(OwnedFd),
    /// Of a process between the two: the container's process was born. Its number depends on who
    /// looks, so that only its descriptor is sent.
    Born(OwnedFd),
    /// The child waits until something is done for it, and [`Message::Done`] says so.
    Waits(Stage),
    /// From the parent: go on.
    Done,
}

/// What the parent does for the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Gives its user namespace mappings.
    Users,
    /// Runs programs that look at the container before it is closed up.
    Hooks,
}

/// The kinds of errors that a child may meet, by their number in a message.
const KINDS: [Kind; 5] =
    [Kind::Other, Kind::Invalid, Kind::NotFound, Kind::NotExecutable, Kind::NoSuchProgram];

impl Channel {
    /// Both ends.
    ///
    /// # Errors
    /// Too many open files.
    pub fn pair() -> io::Result<(Channel, Channel)> {
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (one, other) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
        Ok((Channel(one), Channel(other)))
    }

    /// Waits for somebody to connect to `listener`.
    ///
    /// # Errors
    /// Those of `accept(2)`.
    pub fn accept(listener: BorrowedFd<'_>) -> io::Result<Channel> {
        loop {
            match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(Channel(result?)),
            }
        }
    }

    /// A conversation over a connected socket of packets.
    #[must_use]
    pub fn over(socket: OwnedFd) -> Channel {
        Channel(socket)
    }

    /// Closes every descriptor from `first` on but this end, which becomes `first` itself. It is
    /// still closed by `execve`.
    ///
    /// Whatever was open is still owned by values of the caller, which must not be dropped after:
    /// the caller may only end, or execute a program.
    ///
    /// # Errors
    /// Those of `dup2(2)` and `close_range(2)`.
    pub fn alone_from(&self, first: u32) -> io::Result<Channel> {
        let high = rustix::io::fcntl_dupfd_cloexec(&self.0, first as i32 + 1)?;
        let alone = sys::process::move_descriptor(&high, first)?;
        // While it is open: a debug build ends when one is closed that is closed already.
        drop(high);
        sys::process::close_from(first + 1)?;
        Ok(Channel(alone))
    }

    /// The same end once more.
    ///
    /// # Errors
    /// Too many open files.
    pub fn try_clone(&self) -> io::Result<Channel> {
        self.0.try_clone().map(Channel)
    }

    /// As [`Channel::receive`], but waits until `end` at most.
    ///
    /// # Errors
    /// As [`Channel::receive`]; `TimedOut` when nothing came.
    pub fn receive_until(&self, end: Option<Instant>) -> io::Result<Option<Message>> {
        while let Some(end) = end {
            let left = end.saturating_duration_since(Instant::now());
            let limit =
                Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let mut waiting = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut waiting, Some(&limit)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => break,
            }
        }
        self.receive()
    }

    /// Has the other side do something, and waits until it is done.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn ask(&self, stage: Stage) -> io::Result<()> {
        self.send(&Message::Waits(stage))?;
        match self.receive()? {
            Some(Message::Done) => Ok(()),
            _ => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Says something.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn send(&self, message: &Message) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let mut bytes = match message {
            Message::Ready => vec![b'R'],
            Message::Warning(text) => [b"W", text.as_bytes()].concat(),
            Message::Failed(error) => {
                let kind = KINDS.iter().position(|kind| *kind == error.kind()).unwrap_or(0);
                let hints = error.hints().iter().map(|hint| format!("\0{hint}"));
                let text = error.to_string() + &hints.collect::<String>();
                [b"F", &[kind as u8], text.as_bytes()].concat()
            }
            Message::Terminal(_) => vec![b'T'],
            Message::Born(_) => vec![b'B'],
            Message::Waits(Stage::Users) => vec![b'U'],
            Message::Waits(Stage::Hooks) => vec![b'H'],
            Message::Done => vec![b'D'],
        };
        bytes.truncate(MAX_MESSAGE);
        let fds = match message {
            Message::Terminal(fd) | Message::Born(fd) => [fd.as_fd()],
            _ => [self.0.as_fd()],
        };
        if matches!(message, Message::Terminal(_) | Message::Born(_)) {
            ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        }
        sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for the next message; `None`: there will be no more.
    ///
    /// # Errors
    /// A message that is none.
    pub fn receive(&self) -> io::Result<Option<Message>> {
        let mut bytes = [0; MAX_MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let length = loop {
            let mut slices = [IoSliceMut::new(&mut bytes)];
            match recvmsg(&self.0, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                result => break result?.bytes,
            }
        };
        let fd = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        let text = |from: usize| String::from_utf8_lossy(&bytes[from..length]).into_owned();
        match (bytes.first().filter(|_| length > 0), fd) {
            (None, _) => Ok(None),
            (Some(b'R'), _) => Ok(Some(Message::Ready)),
            (Some(b'W'), _) => Ok(Some(Message::Warning(text(1)))),
            (Some(b'F'), _) if length > 1 => {
                let kind = KINDS.get(usize::from(bytes[1])).copied().unwrap_or(Kind::Other);
                let text = text(2);
                let mut parts = text.split('\0');
                let error = Error::new(kind, parts.next().unwrap_or_default());
                Ok(Some(Message::Failed(parts.fold(error, Error::hint))))
            }
            (Some(b'T'), Some(fd)) => Ok(Some(Message::Terminal(fd))),
            (Some(b'B'), Some(fd)) => Ok(Some(Message::Born(fd))),
            (Some(b'U'), _) => Ok(Some(Message::Waits(Stage::Users))),
            (Some(b'H'), _) => Ok(Some(Message::Waits(Stage::Hooks))),
            (Some(b'D'), _) => Ok(Some(Message::Done)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were_sent_and_then_end() {
        let (child, parent) = Channel::pair().unwrap();
        let terminal = rustix::stdio::stderr().try_clone_to_owned().unwrap();
        child.send(&Message::Warning("careful".to_owned())).unwrap();
        child.send(&Message::Terminal(terminal)).unwrap();
        let error = Error::new(Kind::NoSuchProgram, "no `x`").hint("install it").hint("or not");
        child.send(&Message::Failed(error)).unwrap();
        drop(child);

        let mut seen = Vec::new();
        while let Some(message) = parent.receive().unwrap() {
            seen.push(match message {
                Message::Terminal(_) => "terminal".to_owned(),
                Message::Failed(error) => format!("{error:?} {:?}", error.hints()),
                other => format!("{other:?}"),
            });
        }
        let failed = r#"NoSuchProgram: no `x` ["install it", "or not"]"#;
        assert_eq!(seen, [r#"Warning("careful")"#, "terminal", failed]);
    }
}
