//! Many descriptors behind one: an epoll set that its owner's poll loop watches as one descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;

/// A set of descriptors, each with a number. Readable itself when one of them is ready.
#[derive(Debug)]
pub struct Readiness {
    epoll: OwnedFd,
}

/// When a descriptor counts as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// As long as it can be read.
    Readable,
    /// Whenever it becomes readable or writable; its owner then goes on until it would block.
    Changes,
}

impl Readiness {
    /// An empty set.
    ///
    /// # Errors
    /// Too many descriptors are open.
    pub fn new() -> io::Result<Readiness> {
        Ok(Readiness { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Adds a descriptor. It leaves the set when it is closed.
    ///
    /// # Errors
    /// It cannot be watched, or is in the set.
    pub fn add(&self, fd: impl AsFd, number: u64, watch: Watch) -> io::Result<()> {
        let flags = match watch {
            Watch::Readable => EventFlags::IN,
            Watch::Changes => EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET,
        };
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(number), flags)?)
    }

    /// Takes a descriptor out of the set.
    ///
    /// # Errors
    /// It is not in the set.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// The numbers of some descriptors that are ready, without waiting.
    ///
    /// # Errors
    /// None that an open set has.
    pub fn ready(&self) -> io::Result<Vec<u64>> {
        const AT_ONCE: usize = 32;
        let mut events = Vec::with_capacity(AT_ONCE);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::io::retry_on_intr(|| {
            let buffer = rustix::buffer::spare_capacity(&mut events);
            epoll::wait(&self.epoll, buffer, Some(&now))
        })?;
        Ok(events.iter().map(|event| event.data.u64()).collect())
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
