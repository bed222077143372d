//! Staying with a program: its signals, its terminal, its end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use crate::base::{Context, Result};
use crate::runtime::Started;
use crate::sys::pidfd;

/// Bytes moved at once between two terminals.
const PIECE: usize = 16 << 10;

/// Signals that are for the program and not for us; made before the program is, so that none is
/// missed.
#[derive(Debug)]
pub struct Relay {
    signals: SignalFd,
}

impl Relay {
    /// Takes all signals from now on.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn new() -> Result<Relay> {
        let failed = || "cannot take signals".to_owned();
        let all = SigSet::all();
        all.thread_block().map_err(io::Error::from).context(failed)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&all, flags).map_err(io::Error::from).context(failed)?;
        Ok(Relay { signals })
    }

    /// Stays with `started`, a child of ours, to its end: its exit code, or 128 and the signal that
    /// ended it. Keys and output of its terminal go to and from the standard streams.
    ///
    /// # Errors
    /// The program cannot be waited for.
    pub fn attend(self, started: &Started) -> Result<i32> {
        let terminal = started.terminal.as_ref().map(Terminal::attach).transpose();
        let mut terminal = terminal.context(|| "cannot use the terminal".to_owned())?;
        loop {
            let ended = self.step(started, &mut terminal);
            if let Some(code) = ended.context(|| "cannot wait for the program".to_owned())? {
                if let Some(terminal) = &mut terminal {
                    terminal.drain();
                }
                return Ok(code);
            }
        }
    }

    /// Waits for something to happen, and does what it asks for.
    fn step(
        &self,
        started: &Started,
        terminal: &mut Option<Terminal<'_>>,
    ) -> io::Result<Option<i32>> {
        let (signalled, ended, typed, printed) = {
            let stdin = io::stdin();
            let mut waiting = vec![
                PollFd::new(&self.signals, PollFlags::IN),
                PollFd::new(&started.pidfd, PollFlags::IN),
            ];
            if let Some(terminal) = terminal.as_ref() {
                let input = if terminal.takes_input { PollFlags::IN } else { PollFlags::empty() };
                let output = if terminal.gives_output { PollFlags::IN } else { PollFlags::empty() };
                waiting.push(PollFd::from_borrowed_fd(stdin.as_fd(), input));
                waiting.push(PollFd::new(terminal.master, output));
            }
            match poll(&mut waiting, None) {
                Err(rustix::io::Errno::INTR) => return Ok(None),
                result => result?,
            };
            let ready =
                |index: usize| waiting.get(index).is_some_and(|it| !it.revents().is_empty());
            (ready(0), ready(1), ready(2), ready(3))
        };
        if let Some(terminal) = terminal {
            if printed && terminal.gives_output {
                terminal.gives_output = terminal.print();
            }
            if typed && terminal.takes_input {
                terminal.takes_input = terminal.type_on();
            }
        }
        if signalled {
            self.pass_on(started, terminal.as_ref())?;
        }
        if ended { reap(started).map(Some) } else { Ok(None) }
    }

    fn pass_on(&self, started: &Started, terminal: Option<&Terminal<'_>>) -> io::Result<()> {
        while let Some(signal) = self.signals.read_signal().map_err(io::Error::from)? {
            match (signal.ssi_signo as i32, terminal) {
                (libc::SIGCHLD | libc::SIGPIPE | libc::SIGTTIN | libc::SIGTTOU, _) => {}
                (libc::SIGWINCH, Some(terminal)) => terminal.resize(),
                // It has just ended when it cannot be sent any.
                (number, _) => drop(pidfd::send_signal(started.pidfd.as_fd(), number)),
            }
        }
        Ok(())
    }
}

fn reap(started: &Started) -> io::Result<i32> {
    let status =
        rustix::process::waitid(WaitId::PidFd(started.pidfd.as_fd()), WaitIdOptions::EXITED)?;
    let code = |status: &WaitIdStatus| {
        status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal))
    };
    Ok(status.as_ref().and_then(code).unwrap_or(255))
}

/// The program's terminal, joined with the user's.
struct Terminal<'a> {
    master: &'a OwnedFd,
    takes_input: bool,
    gives_output: bool,
    /// How the user's terminal was before.
    before: Option<Termios>,
}

impl<'a> Terminal<'a> {
    fn attach(master: &'a OwnedFd) -> io::Result<Terminal<'a>> {
        let stdin = rustix::stdio::stdin();
        let before = tcgetattr(stdin).ok();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(stdin, OptionalActions::Now, &raw)?;
        }
        let terminal = Terminal { master, takes_input: true, gives_output: true, before };
        terminal.resize();
        Ok(terminal)
    }

    /// Gives it the size of the user's terminal, if there is one.
    fn resize(&self) {
        if let Ok(size) = tcgetwinsize(rustix::stdio::stdin()) {
            // It is closed when its program has ended.
            let _ = tcsetwinsize(self.master, size);
        }
    }

    /// Moves output on; `false`: there will be no more.
    fn print(&self) -> bool {
        let mut piece = [0; PIECE];
        match rustix::io::read(self.master, &mut piece) {
            Ok(length) if length > 0 => {
                write_all(rustix::stdio::stdout(), &piece[..length]).is_ok()
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => true,
            // EIO: nobody has the other end open any more.
            _ => false,
        }
    }

    /// Moves what was typed on; `false`: there will be no more.
    fn type_on(&self) -> bool {
        /// End of transmission, Ctrl-D.
        const END: u8 = 4;
        let mut piece = [0; PIECE];
        match rustix::io::read(rustix::stdio::stdin(), &mut piece) {
            Ok(length) if length > 0 => write_all(self.master, &piece[..length]).is_ok(),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => true,
            _ => {
                // A program that reads to the end finds it.
                let _ = write_all(self.master, &[END]);
                false
            }
        }
    }

    /// Moves on what the program printed last.
    fn drain(&mut self) {
        let ready = |master: &OwnedFd| {
            let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            poll(&mut [PollFd::new(master, PollFlags::IN)], Some(&now)).is_ok_and(|count| count > 0)
        };
        while self.gives_output && ready(self.master) {
            self.gives_output = self.print();
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // If the terminal is gone, there is nothing to put right.
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
    }
}

fn write_all(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Err(rustix::io::Errno::INTR) => {}
            result => bytes = &bytes[result?..],
        }
    }
    Ok(())
}
