//! Netlink: the kernel's message interface to links, addresses, routes and nftables.
//!
//! [`message`] builds and reads messages, [`route`] and [`nft`] know the two families' formats,
//! and [`Socket`] carries them. The kernel answers while it receives, so an exchange needs no
//! waiting; only dumps come in pieces.

pub mod conntrack;
mod deletions;
pub mod message;
pub mod nft;
pub mod route;

use std::fmt;
use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

pub use deletions::Deletions;
pub use message::{Attributes, Message, Reply};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;
/// Large enough for every chunk of a dump (`NLMSG_GOODSIZE` is at most 32 KiB).
const BUFFER_BYTES: usize = 64 * 1024;

/// Which part of the kernel a socket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Links, addresses, routes.
    Route,
    /// nftables and connection tracking.
    Netfilter,
}

/// A message that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which message of the batch, from 0; `None` when the failure is the whole batch's.
    pub index: Option<usize>,
    /// The error number.
    pub errno: i32,
    /// What the kernel says about it beyond the number; empty when it says nothing.
    pub text: String,
}

impl Failure {
    /// Whether the error number is this one.
    #[must_use]
    pub fn is(&self, errno: i32) -> bool {
        self.errno == errno
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        Failure { index: None, errno, text: String::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = io::Error::from_raw_os_error(self.errno).to_string();
        let plain = text.split(" (os error ").next().unwrap_or(&text).to_lowercase();
        match self.text.as_str() {
            "" => f.write_str(&plain),
            detail => write!(f, "{plain} ({detail})"),
        }
    }
}

impl std::error::Error for Failure {}

/// A netlink socket, bound to the network namespace in which it was opened.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// Netlink of this family is not in the kernel, or too many descriptors are open.
    pub fn open(family: Family) -> io::Result<Socket> {
        let protocol = match family {
            Family::Route => None,
            Family::Netfilter => Some(rustix::net::netlink::NETFILTER),
        };
        let (domain, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
        let fd = rustix::net::socket_with(domain, SocketType::RAW, flags, protocol)?;
        // Errors with a sentence, and without a copy of what was sent.
        option(&fd, libc::NETLINK_EXT_ACK)?;
        option(&fd, libc::NETLINK_CAP_ACK)?;
        Ok(Socket { fd, sequence: 0, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends all messages in one go, and returns what the kernel answers besides acknowledgements.
    ///
    /// Links, addresses and routes: each message succeeds or fails alone. nftables: enclose the
    /// messages with [`nft::batch`], and all are done or none.
    ///
    /// # Errors
    /// The first message that failed.
    pub fn exchange(&mut self, messages: &[Message]) -> Result<Vec<Reply>, Failure> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.sequence.wrapping_add(1);
        self.send(messages)?;
        let mut replies = Vec::new();
        let mut failure = None;
        // The kernel handled everything during the send: what it has to say is in the queue.
        while let Some(length) = self.receive(RecvFlags::DONTWAIT)? {
            for reply in message::replies(&self.buffer[..length]) {
                let index = reply.sequence.wrapping_sub(first) as usize;
                match (reply.kind, failure_of(&reply, index)) {
                    (NLMSG_ERROR, None) | (NLMSG_DONE, _) => {}
                    (NLMSG_ERROR, Some(found)) => failure = failure.or(Some(found)),
                    _ => replies.push(reply),
                }
            }
        }
        failure.map_or(Ok(replies), Err)
    }

    /// Sends a request for a list, and returns all of it. Starts again when the list changed
    /// while it was being read.
    ///
    /// # Errors
    /// The request failed.
    pub fn dump(&mut self, request: &Message) -> Result<Vec<Reply>, Failure> {
        const ATTEMPTS: usize = 5;
        let mut last = Vec::new();
        for _ in 0..ATTEMPTS {
            let (replies, interrupted) = self.dump_once(request)?;
            last = replies;
            if !interrupted {
                break;
            }
        }
        Ok(last)
    }

    /// One attempt; the flag says that the list changed meanwhile.
    fn dump_once(&mut self, request: &Message) -> Result<(Vec<Reply>, bool), Failure> {
        self.send(std::slice::from_ref(request))?;
        let sequence = self.sequence;
        let (mut replies, mut interrupted) = (Vec::new(), false);
        loop {
            let Some(length) = self.receive(RecvFlags::empty())? else { continue };
            for reply in message::replies(&self.buffer[..length]) {
                // What is left of a dump that was cut short earlier.
                if reply.sequence != sequence {
                    continue;
                }
                interrupted |= reply.flags & NLM_F_DUMP_INTR != 0;
                match (reply.kind, failure_of(&reply, 0)) {
                    (NLMSG_DONE, None) => return Ok((replies, interrupted)),
                    (NLMSG_DONE | NLMSG_ERROR, Some(found)) if found.is(libc::EINTR) => {
                        return Ok((replies, true));
                    }
                    (NLMSG_DONE | NLMSG_ERROR, Some(found)) => return Err(found),
                    (NLMSG_ERROR, None) => {}
                    _ => replies.push(reply),
                }
            }
        }
    }

    /// Numbers the messages and sends them as one datagram.
    fn send(&mut self, messages: &[Message]) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        for message in messages {
            self.sequence = self.sequence.wrapping_add(1);
            message.write(self.sequence, &mut bytes);
        }
        let sent =
            rustix::io::retry_on_intr(|| rustix::net::send(&self.fd, &bytes, SendFlags::empty()));
        sent.map_err(io::Error::from)?;
        Ok(())
    }

    /// Receives one datagram; `None` when there is none, or the queue had overflowed.
    fn receive(&mut self, flags: RecvFlags) -> Result<Option<usize>, Failure> {
        let buffer = &mut self.buffer[..];
        let received = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.fd, &mut *buffer, flags | RecvFlags::TRUNC)
        });
        match received {
            Ok((_, length)) if length > BUFFER_BYTES => {
                Err(Failure::from(io::Error::from_raw_os_error(libc::EMSGSIZE)))
            }
            Ok((_, length)) => Ok(Some(length)),
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(Failure::from(io::Error::from(error))),
        }
    }
}

/// What an error message (or the end of a dump) says; `None` for an acknowledgement.
fn failure_of(reply: &Reply, index: usize) -> Option<Failure> {
    let number: [u8; 4] = reply.body.get(..4)?.try_into().ok()?;
    let errno = -i32::from_ne_bytes(number);
    if errno == 0 || !matches!(reply.kind, NLMSG_ERROR | NLMSG_DONE) {
        return None;
    }
    let mut text = String::new();
    if reply.flags & NLM_F_ACK_TLVS != 0 {
        // The number, then the refused message: its header, and its body unless capped.
        let header = &reply.body[4..];
        let length = header.get(..4).and_then(|bytes| bytes.try_into().ok());
        let skip = match (reply.kind, reply.flags & NLM_F_CAPPED != 0, length) {
            (NLMSG_DONE, _, _) => 0,
            (_, false, Some(length)) => message::aligned(u32::from_ne_bytes(length) as usize),
            _ => message::HEADER_BYTES,
        };
        let mut attributes = Attributes::new(header.get(skip..).unwrap_or_default());
        if let Some((_, said)) = attributes.find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG) {
            text = message::text(said);
        }
    }
    Some(Failure { index: Some(index), errno, text })
}

/// Switches a netlink socket option on.
fn option(fd: &OwnedFd, name: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let (value, size) = ((&raw const on).cast(), size_of_val(&on) as libc::socklen_t);
    // SAFETY: the kernel reads `size` bytes from `value`, which points to `on`; `on` is that long
    // and outlives the call.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_NETLINK, name, value, size) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
