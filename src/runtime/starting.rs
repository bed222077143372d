//! A start that its caller does not wait for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use crate::base::{Error, Result};

use super::channel::Channel;
use super::listen::{Born, Conversation, Limits, Turn};
use super::start::Started;

/// A program that is being started in a container while its caller does other things. Dropping it
/// ends what there is of it.
#[derive(Debug)]
pub struct Starting(Progress);

/// Where a start is.
#[derive(Debug)]
enum Progress {
    /// Its processes are still heard of.
    Talks(Box<Conversation>),
    /// It is over.
    Started(Box<Started>),
    /// Its result was given away.
    Taken,
}

impl Starting {
    pub(super) fn new(
        channel: Channel,
        limits: Limits,
        cloned: Born,
        warnings: Vec<String>,
    ) -> Starting {
        let talk = Conversation::new(channel, Some(limits), cloned, true, warnings);
        Starting(Progress::Talks(Box::new(talk)))
    }

    /// Of a program that runs already.
    #[must_use]
    pub fn over(started: Started) -> Starting {
        Starting(Progress::Started(Box::new(started)))
    }

    /// Readable when there is something to [hear](Starting::advance); `None`: there is at once.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            Progress::Talks(talk) => Some(talk.channel.as_fd()),
            _ => None,
        }
    }

    /// When it is to be [advanced](Starting::advance) in any case, because it has failed then.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.0 {
            Progress::Talks(talk) => talk.end,
            _ => None,
        }
    }

    /// Hears what there is to hear, without waiting for more; `None`: the program is not executed
    /// yet.
    ///
    /// # Errors
    /// As [`super::exec`]; [`Kind::TimedOut`] after the deadline.
    pub fn advance(&mut self) -> Option<Result<Started>> {
        self.hear(false)
    }

    /// Waits until the program is executed.
    ///
    /// # Errors
    /// As [`Starting::advance`].
    pub fn finish(mut self) -> Result<Started> {
        let unborn = || Err(Error::other("the container's process was not born"));
        self.hear(true).unwrap_or_else(unborn)
    }

    fn hear(&mut self, waits: bool) -> Option<Result<Started>> {
        if let Progress::Talks(talk) = &mut self.0 {
            loop {
                let limit = if waits { talk.end } else { Some(Instant::now()) };
                let message = talk.channel.receive_until(limit);
                let nothing =
                    message.as_ref().is_err_and(|it| it.kind() == io::ErrorKind::TimedOut);
                if nothing && talk.end.is_none_or(|end| Instant::now() < end) {
                    return None;
                }
                if let Turn::Over = talk.hear(message) {
                    break;
                }
            }
        }
        match std::mem::replace(&mut self.0, Progress::Taken) {
            Progress::Talks(talk) => Some(talk.conclude()),
            Progress::Started(started) => Some(Ok(*started)),
            Progress::Taken => None,
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Progress::Talks(mut talk) = std::mem::replace(&mut self.0, Progress::Taken) {
            talk.failure.get_or_insert(Error::other("the start was given up"));
            // It failed: see above.
            let _ = talk.conclude();
        }
    }
}
