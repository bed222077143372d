//! Programs that run in a container besides its own: how they start and how they end.
//!
//! What the container does to a new process, such as stopping it before it executes its program,
//! keeps the loop from nothing: a start is a source of the loop like any other, with a deadline.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::process::{Pid, WaitOptions, WaitStatus};

use crate::base::{Error, Result};
use crate::runtime::{Started, Starting};

use super::launch;
use super::poller::{Alarm, Interest, Poller, Source, now};
use super::probe::Probe;
use super::protocol::{Failure, Reply};
use super::run::{Command, Shim};
use super::supervisor::{Event, ProbeResult};

/// The exit code of what was killed.
const KILLED: i32 = 128 + libc::SIGKILL;

/// What a program is started for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A peer asked for it.
    Command {
        /// Who.
        peer: u32,
        /// The command line, for events.
        argv: Vec<String>,
    },
    /// It is the health check's probe.
    Probe,
}

/// The programs that are being started.
#[derive(Debug, Default)]
pub(super) struct Starts {
    pending: BTreeMap<u32, (Purpose, Starting)>,
    next: u32,
}

impl Starts {
    fn deadline(&self) -> Option<Instant> {
        self.pending.values().filter_map(|(_, starting)| starting.deadline()).min()
    }
}

impl Shim {
    /// Goes on with a start in the loop.
    pub(super) fn begin(&mut self, purpose: Purpose, starting: Starting) {
        let token = self.starts.next;
        self.starts.next = token.wrapping_add(1);
        self.starts.pending.insert(token, (purpose, starting));
        self.on_start(token);
    }

    /// A process that is being started said something, or took too long.
    pub(super) fn on_start(&mut self, token: u32) {
        let Some((_, starting)) = self.starts.pending.get_mut(&token) else { return };
        forget(&self.poller, starting);
        let mut result = starting.advance();
        if result.is_none()
            && let Some(fd) = starting.fd()
            && let Err(error) = self.poller.watch(fd, Source::Start(token), Interest::READ)
        {
            result = Some(Err(Error::other("cannot wait for a program").with_source(error)));
        }
        if let Some(result) = result
            && let Some((purpose, _)) = self.starts.pending.remove(&token)
        {
            self.begun(purpose, result);
        }
        self.arm_starts();
    }

    /// Gives up what has not been started in time.
    pub(super) fn on_late_starts(&mut self) {
        let late = |starting: &Starting| starting.deadline().is_none_or(|at| at <= Instant::now());
        let pending = self.starts.pending.iter().filter(|(_, (_, starting))| late(starting));
        let tokens: Vec<u32> = pending.map(|(token, _)| *token).collect();
        for token in tokens {
            self.on_start(token);
        }
        self.arm_starts();
    }

    fn arm_starts(&mut self) {
        let at = self.starts.deadline();
        let at = at.map(|at| now().boot + at.saturating_duration_since(Instant::now()));
        self.poller.set_alarm(Alarm::Start, at);
    }

    fn begun(&mut self, purpose: Purpose, result: Result<Started>) {
        match (purpose, result) {
            (Purpose::Command { peer, argv }, result) => {
                if let Err(error) =
                    result.and_then(|started| self.command_runs(peer, &argv, started))
                {
                    self.peers.answer(peer, &Reply::Failed(Failure::from(&error)), &self.poller);
                }
            }
            (Purpose::Probe, Ok(started)) => self.probe_runs(started),
            (Purpose::Probe, Err(error)) => {
                if let Some(probe) = self.probe.take() {
                    drop(probe.finish(-1, &self.poller));
                    let result = ProbeResult { code: -1, output: error.to_string() };
                    self.apply(Event::ProbeEnded(result));
                }
            }
        }
        // It may have ended before it was known.
        self.reap();
    }

    fn command_runs(&mut self, peer: u32, argv: &[String], started: Started) -> Result<()> {
        let pid = started.pid.as_raw_pid();
        let exec = self.announcer.executes(argv)?;
        // Without a copy it ends with whoever has the terminal, which is no reason not to run it.
        let terminal = started.terminal.as_ref().and_then(|it| it.try_clone().ok());
        self.commands.insert(pid, Command { peer, id: exec, terminal });
        if self.peers.role(peer).is_none() {
            self.drain_terminals(peer);
            return Ok(());
        }
        self.peers.reply(peer, &Reply::Started { pid }, started.terminal, &self.poller);
        Ok(())
    }

    /// Begins to run the health check; returns how that ended if it did at once.
    pub(super) fn start_probe(&mut self) -> Option<Event> {
        let check = self.spec.health.as_ref()?;
        if self.ending.is_some() {
            // There is nothing left to probe; the end is told in a moment.
            return None;
        }
        match Probe::start(check, &self.payload, &self.poller) {
            Ok((probe, starting)) => {
                self.probe = Some(probe);
                self.begin(Purpose::Probe, starting);
                None
            }
            Err(error) => {
                Some(Event::ProbeEnded(ProbeResult { code: -1, output: error.to_string() }))
            }
        }
    }

    fn probe_runs(&mut self, started: Started) {
        let argv = self.spec.health.as_ref().map(|check| check.argv.clone()).unwrap_or_default();
        // Without a name it is told of all the same.
        let id = self.announcer.executes(&argv).unwrap_or_default();
        if let Some(probe) = &mut self.probe {
            probe.runs(started, id);
        }
    }

    /// Kills the probe, started or not; `None`: there is none.
    pub(super) fn end_probe(&mut self) -> Option<ProbeResult> {
        let is_probe = |_: &u32, entry: &mut (Purpose, Starting)| matches!(entry.0, Purpose::Probe);
        for (_, (_, starting)) in self.starts.pending.extract_if(.., is_probe) {
            forget(&self.poller, &starting);
        }
        self.arm_starts();
        let mut probe = self.probe.take()?;
        probe.kill();
        if probe.pid().is_some() {
            self.announcer.executed(probe.take_id(), KILLED);
        }
        Some(probe.finish(-1, &self.poller))
    }

    /// The container has ended: what was not started will not be.
    pub(super) fn give_up_starts(&mut self) {
        for (purpose, starting) in std::mem::take(&mut self.starts.pending).into_values() {
            forget(&self.poller, &starting);
            drop(starting);
            if let Purpose::Command { peer, .. } = purpose {
                let failure = Failure::from(&launch::not_running());
                self.peers.answer(peer, &Reply::Failed(failure), &self.poller);
            }
        }
        self.arm_starts();
    }

    /// Takes the exit codes of our children, and of those that lost their parents. While programs
    /// are being started, of those that are known only: a process that ends before it was told of
    /// has to be found by its number then.
    pub(super) fn reap(&mut self) {
        if self.starts.pending.is_empty() {
            while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
                self.on_end(pid.as_raw_pid(), exit_code(status));
            }
            return;
        }
        let probe = self.probe.as_ref().and_then(Probe::pid);
        let others = self.commands.keys().copied().chain(probe).filter_map(Pid::from_raw);
        let known: Vec<Pid> = self.payload.init().into_iter().chain(others).collect();
        for pid in known {
            let waited = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            if let Ok(Some((pid, status))) = waited {
                self.on_end(pid.as_raw_pid(), exit_code(status));
            }
        }
    }

    fn on_end(&mut self, pid: i32, code: i32) {
        if self.payload.is_init(pid) {
            self.on_init_end(code);
        } else if let Some(command) = self.commands.remove(&pid) {
            if let Some(terminal) = &command.terminal {
                self.poller.forget(terminal.as_fd());
            }
            self.peers.answer(command.peer, &Reply::Exited { code }, &self.poller);
            self.announcer.executed(command.id, code);
        } else if let Some(mut probe) = self.probe.take_if(|probe| probe.is(pid)) {
            self.announcer.executed(probe.take_id(), code);
            let result = probe.finish(code, &self.poller);
            self.apply(Event::ProbeEnded(result));
        }
    }
}

/// Before a start is over, which closes its descriptor: processes that were forked meanwhile have
/// copies of it.
fn forget(poller: &Poller, starting: &Starting) {
    if let Some(fd) = starting.fd() {
        poller.forget(fd);
    }
}

fn exit_code(status: WaitStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 255,
    }
}
