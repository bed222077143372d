//! Output sent on to a log service of the host, besides the container's own log file, which `logs`
//! goes on reading (Docker: dual logging).
//!
//! Nothing here makes the container wait: what a service does not take at once is kept up to a
//! limit, and beyond that dropped and counted.

mod config;
mod journal;
mod syslog;

use jiff::Timestamp;
use memchr::memchr;

use crate::base::{ContainerId, Result};
use crate::resource::container::ContainerSpec;
use crate::resource::log::Stream;

pub(super) use config::Config;
use journal::Journal;
use syslog::Syslog;

/// Longest text of one message; a longer line becomes several (Docker).
const MAX_TEXT: usize = 16 * 1024;

/// One line of output, or a part of a long one.
#[derive(Clone, Copy, Debug)]
struct Message<'a> {
    stream: Stream,
    time: Timestamp,
    text: &'a [u8],
    /// More of the line follows.
    partial: bool,
}

/// Where output goes besides the log file.
#[derive(Debug)]
pub struct Forward {
    target: Target,
    /// Beginnings of lines whose ends were not printed yet: of stdout, of stderr.
    pending: [Vec<u8>; 2],
}

#[derive(Debug)]
enum Target {
    Syslog(Box<Syslog>),
    Journal(Box<Journal>),
}

impl Forward {
    /// Connects to the service that the container's log driver names; `None`: it names none.
    ///
    /// # Errors
    /// An option that is none, or a service that is not there.
    pub fn open(spec: &ContainerSpec, id: &ContainerId) -> Result<Option<Forward>> {
        let target = match Config::parse(&spec.log)? {
            None => return Ok(None),
            Some(Config::Syslog(config)) => Target::Syslog(Box::new(config.connect(spec, id)?)),
            Some(Config::Journal) => Target::Journal(Box::new(Journal::connect(spec, id)?)),
        };
        Ok(Some(Forward { target, pending: [Vec::new(), Vec::new()] }))
    }

    /// Takes what was read from `stream` at `time`.
    pub fn push(&mut self, stream: Stream, mut bytes: &[u8], time: Timestamp) {
        let Forward { target, pending } = self;
        let pending = &mut pending[usize::from(stream == Stream::Stderr)];
        while let Some(end) = memchr(b'\n', bytes) {
            keep(target, pending, stream, &bytes[..end], time);
            target.send(Message { stream, time, text: pending, partial: false });
            pending.clear();
            bytes = &bytes[end + 1..];
        }
        keep(target, pending, stream, bytes, time);
    }

    /// The stream ended: what is left is a line.
    pub fn end(&mut self, stream: Stream, time: Timestamp) {
        let pending = std::mem::take(&mut self.pending[usize::from(stream == Stream::Stderr)]);
        if !pending.is_empty() {
            self.target.send(Message { stream, time, text: &pending, partial: false });
        }
    }

    /// Sends what is kept; `true` if some of it has to wait still.
    pub fn flush(&mut self) -> bool {
        match &mut self.target {
            Target::Syslog(syslog) => syslog.flush(),
            Target::Journal(_) => false,
        }
    }
}

/// Keeps a part of a line; whole parts of a long one are sent.
fn keep(
    target: &mut Target,
    pending: &mut Vec<u8>,
    stream: Stream,
    mut bytes: &[u8],
    time: Timestamp,
) {
    while pending.len() + bytes.len() > MAX_TEXT {
        let (head, rest) = bytes.split_at(MAX_TEXT - pending.len());
        pending.extend_from_slice(head);
        target.send(Message { stream, time, text: pending, partial: true });
        pending.clear();
        bytes = rest;
    }
    pending.extend_from_slice(bytes);
}

impl Target {
    fn send(&mut self, message: Message<'_>) {
        match self {
            Target::Syslog(syslog) => syslog.send(message),
            Target::Journal(journal) => journal.send(message),
        }
    }
}
