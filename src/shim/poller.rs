//! Waiting: one epoll set for everything a shim listens to, and one timer for all its alarms.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use jiff::Timestamp;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::BorrowedFd;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
};

use super::supervisor::{Now, Timer};

/// Events taken from the kernel at once.
const BATCH: usize = 64;

/// What woke the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A signal came.
    Signals,
    /// An alarm is due.
    Alarm,
    /// Someone wants to connect.
    Listener,
    /// The container printed to its standard output or terminal.
    Stdout,
    /// The container printed to its standard error.
    Stderr,
    /// The container can take input.
    Stdin,
    /// The running probe printed.
    Probe,
    /// A connection of the control socket.
    Peer(u32),
    /// The terminal of a command that nobody is connected to any more, by process id.
    Terminal(u32),
    /// The container may have run out of memory.
    Memory,
    /// The published ports.
    Ports,
    /// The name responder.
    Names,
    /// Somebody deleted firewall rules.
    Walls,
    /// A program that is being started in the container.
    Start(u32),
}

impl Source {
    fn pack(self) -> u64 {
        let (kind, index) = match self {
            Source::Signals => (0, 0),
            Source::Alarm => (1, 0),
            Source::Listener => (2, 0),
            Source::Stdout => (3, 0),
            Source::Stderr => (4, 0),
            Source::Stdin => (5, 0),
            Source::Probe => (6, 0),
            Source::Peer(index) => (7, index),
            Source::Terminal(pid) => (10, pid),
            Source::Memory => (11, 0),
            Source::Ports => (8, 0),
            Source::Names => (9, 0),
            Source::Walls => (12, 0),
            Source::Start(index) => (15, index),
        };
        (kind << 32) | u64::from(index)
    }

    fn unpack(data: u64) -> Source {
        let index = data as u32;
        match data >> 32 {
            0 => Source::Signals,
            1 => Source::Alarm,
            2 => Source::Listener,
            3 => Source::Stdout,
            4 => Source::Stderr,
            5 => Source::Stdin,
            6 => Source::Probe,
            7 => Source::Peer(index),
            8 => Source::Ports,
            10 => Source::Terminal(index),
            11 => Source::Memory,
            12 => Source::Walls,
            15 => Source::Start(index),
            _ => Source::Names,
        }
    }
}

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interest {
    pub read: bool,
    pub write: bool,
}

impl Interest {
    pub(super) const READ: Interest = Interest { read: true, write: false };
    pub(super) const WRITE: Interest = Interest { read: false, write: true };
}

/// A source that is ready.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub source: Source,
    /// It can be read, or it ended.
    pub read: bool,
    /// It can be written, or it ended.
    pub write: bool,
}

/// What an alarm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The supervisor's.
    Supervisor(Timer),
    /// The output of a container that ended does not.
    Drain,
    /// The network's.
    Network,
    /// A log service may take more output now.
    Forward,
    /// A program was not started in time.
    Start,
}

/// The set and its alarms.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
    alarms: Vec<(Alarm, Duration)>,
    /// What the timer is set to. It is never read: it stays readable until it is set again.
    armed: Option<Duration>,
}

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn new() -> io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        // Boot time goes on while the machine sleeps, and no one can set it.
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Boottime, flags)?;
        let poller = Poller { epoll, timer, alarms: Vec::new(), armed: None };
        poller.watch(poller.timer.as_fd(), Source::Alarm, Interest::READ)?;
        Ok(poller)
    }

    /// Waits for `fd` from now on, or changes what it is waited for.
    ///
    /// # Errors
    /// `EPERM` for a file, which is always ready.
    pub(super) fn watch(
        &self,
        fd: BorrowedFd<'_>,
        source: Source,
        interest: Interest,
    ) -> io::Result<()> {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, interest.read);
        flags.set(EventFlags::OUT, interest.write);
        let data = EventData::new_u64(source.pack());
        match epoll::modify(&self.epoll, fd, data, flags) {
            Err(rustix::io::Errno::NOENT) => Ok(epoll::add(&self.epoll, fd, data, flags)?),
            result => Ok(result?),
        }
    }

    /// Waits for `fd` no more. Needed before closing it only where someone else holds it, too.
    pub(super) fn forget(&self, fd: BorrowedFd<'_>) {
        // It is not in the set: just what is wanted.
        let _ = epoll::delete(&self.epoll, fd);
    }

    /// Sets an alarm, in place of an earlier one for the same thing; `None`: no alarm.
    pub(super) fn set_alarm(&mut self, alarm: Alarm, at: Option<Duration>) {
        self.alarms.retain(|(other, _)| *other != alarm);
        self.alarms.extend(at.map(|at| (alarm, at)));
        self.arm();
    }

    /// Takes the alarms that are due.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Alarm> {
        let due = self.alarms.extract_if(.., |(_, at)| *at <= now);
        let due = due.map(|(alarm, _)| alarm).collect();
        self.arm();
        due
    }

    /// Waits until something is ready, or for at most `limit`.
    ///
    /// # Errors
    /// The set is broken.
    pub(super) fn wait(&self, limit: Option<Duration>) -> io::Result<Vec<Ready>> {
        let limit = limit.map(timespec);
        let mut events = Vec::with_capacity(BATCH);
        let buffer = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.epoll, buffer, limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => (),
            Err(error) => return Err(error.into()),
        }
        let ready = |event: &epoll::Event| {
            let flags = event.flags;
            let ended = flags.intersects(EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP);
            Ready {
                source: Source::unpack(event.data.u64()),
                read: ended || flags.contains(EventFlags::IN),
                write: ended || flags.contains(EventFlags::OUT),
            }
        };
        Ok(events.iter().map(ready).collect())
    }

    /// Sets the timer to the earliest alarm. A time in the past rings at once.
    fn arm(&mut self) {
        let next = self.alarms.iter().map(|(_, at)| (*at).max(Duration::from_nanos(1))).min();
        // Alarms are set after each waking; most of the time to what they are.
        if next == self.armed {
            return;
        }
        self.armed = next;
        let value = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            it_value: timespec(next.unwrap_or(Duration::ZERO)),
        };
        // Fails only for invalid times; ours are not negative.
        let _ = rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &value);
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// The time on both clocks.
pub(super) fn now() -> Now {
    let boot = rustix::time::clock_gettime(ClockId::Boottime);
    let boot = Duration::new(boot.tv_sec.unsigned_abs(), boot.tv_nsec.unsigned_abs() as u32);
    Now { boot, wall: Timestamp::now() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_survives_the_kernel() {
        for source in
            [Source::Signals, Source::Stdin, Source::Peer(7), Source::Peer(u32::MAX), Source::Names]
        {
            assert_eq!(Source::unpack(source.pack()), source);
        }
    }

    #[test]
    fn alarms_ring_in_their_order_and_once() {
        let mut poller = Poller::new().unwrap();
        let start = now().boot;
        poller.set_alarm(Alarm::Drain, Some(start + Duration::from_millis(2)));
        poller.set_alarm(Alarm::Network, Some(start + Duration::from_secs(3600)));
        let ready = poller.wait(None).unwrap();
        assert_eq!(ready[0].source, Source::Alarm);
        assert_eq!(poller.due(now().boot), [Alarm::Drain]);
        assert!(poller.wait(Some(Duration::ZERO)).unwrap().is_empty());
    }

    #[test]
    fn a_closed_pipe_is_ready_to_be_read() {
        let poller = Poller::new().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        poller.watch(reader.as_fd(), Source::Stdout, Interest::READ).unwrap();
        drop(writer);
        let ready = poller.wait(None).unwrap();
        assert!(ready[0].read && ready[0].source == Source::Stdout);
    }
}
