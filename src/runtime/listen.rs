//! The parent's side of the conversation: hears from the child, and does for it what it may not.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use oci_spec::runtime::{ContainerState, Process, State};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Rlimit, Signal, WaitId, WaitIdOptions};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::process;

use super::bundle::Bundle;
use super::channel::{Channel, Message, Stage};
use super::child;
use super::hooks;
use super::idmap::Mappings;
use super::rlimits;
use super::start::Started;

/// How long the end of a process is waited for that has been killed or has nothing left to do.
/// One that takes longer is left to whoever reaps this process's children.
const REAPING: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// What the parent knows of the child.
pub(super) struct Child<'a> {
    /// What it becomes.
    pub(super) bundle: &'a Bundle,
    /// It is in a user namespace of its own, with fewer privileges than the parent.
    pub(super) own_users: bool,
    /// What hooks are told.
    pub(super) state: Option<&'a State>,
    /// Being ready is all that is waited for.
    pub(super) gated: bool,
    /// How long it may take; `None`: as long as it likes.
    pub(super) limits: Option<Limits>,
}

/// How long a start may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From the first step to the program's execution.
    pub(super) all: Duration,
    /// After everything is set up: what is left is to execute the program.
    pub(super) last: Duration,
}

/// A process, and its descriptor.
pub(super) type Born = (Pid, OwnedFd);

/// Hears from the child until it executes its program, or is ready to, or fails. `between` says
/// that `cloned` is not the container's process, but brings it about.
pub(super) fn listen(
    channel: Channel,
    child: &Child<'_>,
    cloned: Born,
    between: bool,
    warnings: Vec<String>,
) -> Result<Started> {
    let mut talk = Conversation::new(channel, child.limits, cloned, between, warnings);
    talk.gated = child.gated;
    loop {
        let message = talk.channel.receive_until(talk.end);
        let served = match talk.hear(message) {
            Turn::Over => break,
            Turn::Next => talk.next_stage().map_or(Ok(None), |stage| {
                let pid = talk.process.as_ref().map_or(Pid::INIT, |(pid, _)| *pid);
                serve(&talk.channel, child, stage, pid)
            }),
        };
        match served {
            Ok(warning) => talk.warnings.extend(warning),
            Err(error) => {
                talk.failure.get_or_insert(error);
                break;
            }
        }
    }
    talk.conclude()
}

/// What follows a message.
pub(super) enum Turn {
    /// The next one.
    Next,
    /// The result.
    Over,
}

/// What was heard so far of a process that is being set up.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) channel: Channel,
    limits: Option<Limits>,
    /// When it is given up.
    pub(super) end: Option<Instant>,
    gated: bool,
    between: bool,
    /// The process that brings the program's about.
    middle: Option<Born>,
    process: Option<Born>,
    terminal: Option<OwnedFd>,
    ready: bool,
    waits: Option<Stage>,
    pub(super) failure: Option<Error>,
    warnings: Vec<String>,
}

impl Conversation {
    pub(super) fn new(
        channel: Channel,
        limits: Option<Limits>,
        cloned: Born,
        between: bool,
        warnings: Vec<String>,
    ) -> Conversation {
        let (process, middle) = if between { (None, Some(cloned)) } else { (Some(cloned), None) };
        Conversation {
            channel,
            limits,
            end: limits.map(|limits| Instant::now() + limits.all),
            gated: false,
            between,
            middle,
            process,
            terminal: None,
            ready: false,
            waits: None,
            failure: None,
            warnings,
        }
    }

    /// Takes in what came over the channel.
    pub(super) fn hear(&mut self, message: io::Result<Option<Message>>) -> Turn {
        match message {
            Ok(Some(message)) => {
                if let Err(error) = self.take(message) {
                    self.failure.get_or_insert(error);
                    return Turn::Over;
                }
            }
            Ok(None) => return Turn::Over,
            Err(error) => {
                let failure = match error.kind() {
                    io::ErrorKind::TimedOut => too_slow(),
                    _ => Error::other("cannot hear from the child").with_source(error),
                };
                self.failure.get_or_insert(failure);
                return Turn::Over;
            }
        }
        match self.ready && self.gated && self.process.is_some() && self.waits.is_none() {
            true => Turn::Over,
            false => Turn::Next,
        }
    }

    /// What is born last speaks over this channel too, and what others of the container could make
    /// it say must not count: all that came before is settled by then.
    fn take(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Ready => {
                self.ready = true;
                self.end = self.end.min(self.limits.map(|limits| Instant::now() + limits.last));
            }
            Message::Warning(text) => self.warnings.push(text),
            Message::Terminal(fd) if !self.ready => self.terminal = Some(fd),
            Message::Born(fd) if self.process.is_none() => self.process = Some(own_child(fd)?),
            Message::Waits(stage) => self.waits = Some(stage),
            // Who is between may be slower to tell of the birth than the child is to fail.
            Message::Failed(error) if self.ready && self.between && self.process.is_none() => {
                self.failure.get_or_insert(error);
            }
            Message::Failed(error) => return Err(error),
            Message::Done | Message::Terminal(_) | Message::Born(_) => {}
        }
        Ok(())
    }

    /// What the child waits for, once its process is known: whoever brings it about may be slower
    /// to say so than it is to speak for itself.
    fn next_stage(&mut self) -> Option<Stage> {
        self.waits.take_if(|_| self.process.is_some())
    }

    /// The program's process, or why there is none; then none is left.
    pub(super) fn conclude(mut self) -> Result<Started> {
        let failed = self.failure.is_some();
        if let Some((_, pidfd)) = self.middle.take() {
            reap(&pidfd, failed);
        }
        // It may have been about to tell of a birth.
        while failed && self.process.is_none() {
            match self.channel.receive_until(Some(Instant::now())) {
                Ok(Some(Message::Born(fd))) => self.process = own_child(fd).ok(),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        let killed = || Error::other("the container's process was killed while it was set up");
        let failure = self.failure.or_else(|| (!self.ready).then(killed));
        match (failure, self.process) {
            (None, Some((pid, pidfd))) => {
                Ok(Started { pid, pidfd, terminal: self.terminal, warnings: self.warnings })
            }
            (failure, process) => {
                if let Some((_, pidfd)) = process {
                    reap(&pidfd, true);
                }
                let unborn = || Error::other("the container's process was not born");
                Err(failure.unwrap_or_else(unborn))
            }
        }
    }
}

fn too_slow() -> Error {
    Error::new(Kind::TimedOut, "the program was not executed in time")
        .hint("the container may be stopping new processes, or hold a lease on the program")
}

/// The process of a descriptor that came over a channel, by its number here. It must be a child of
/// this process: what a container could send is none.
fn own_child(pidfd: OwnedFd) -> Result<Born> {
    let failed = || "cannot find the process that was born".to_owned();
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), look)
        .map_err(io::Error::from)
        .context(failed)?;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()));
    let info = info.context(failed)?;
    let pid = info.lines().find_map(|line| process::pid(line.strip_prefix("Pid:")?));
    pid.map(|pid| (pid, pidfd)).ok_or_else(|| Error::other(failed()))
}

/// Waits for the end of a process, which comes by itself or is brought about.
fn reap(process: &OwnedFd, kill: bool) {
    if kill {
        // It is dying by itself; what counts is that it is reaped.
        let _ = rustix::process::pidfd_send_signal(process, Signal::KILL);
    }
    let mut ended = [PollFd::new(process, PollFlags::IN)];
    // One that is frozen or traced may take as long as others like.
    let _ = poll(&mut ended, Some(&REAPING));
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let _ = rustix::process::waitid(WaitId::PidFd(process.as_fd()), options);
}

/// Does what the child waits for.
fn serve(channel: &Channel, child: &Child<'_>, stage: Stage, pid: Pid) -> Result<Option<String>> {
    let warning = match stage {
        Stage::Users => {
            Mappings::of(child.bundle.spec.linux().as_ref()).give(pid)?;
            lend_privileges(child, pid)?
        }
        Stage::Hooks => {
            run_hooks(child, pid)?;
            None
        }
    };
    channel.send(&Message::Done).context(|| "cannot reach the child".to_owned())?;
    Ok(warning)
}

/// Sets what only the host's root may: less badness, higher limits. What not even we may is told.
fn lend_privileges(child: &Child<'_>, pid: Pid) -> Result<Option<String>> {
    let Some(process) = child.bundle.spec.process().as_ref().filter(|_| child.own_users) else {
        return Ok(None);
    };
    raise_limits(process, pid)?;
    let Some(score) = process.oom_score_adj() else { return Ok(None) };
    let file = format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero());
    match fs::write(file, score.to_string()) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Ok(Some(child::no_oom_score(score)))
        }
        written => {
            written.context(|| format!("cannot set oom_score_adj to {score}"))?;
            Ok(None)
        }
    }
}

fn raise_limits(process: &Process, pid: Pid) -> Result<()> {
    for limit in process.rlimits().iter().flatten() {
        // What is unknown is refused by the child.
        let Some(resource) = rlimits::resource(limit.typ()) else { continue };
        let now = rustix::process::getrlimit(resource);
        let wanted = (limit.hard() != u64::MAX).then_some(limit.hard());
        let higher = match (now.maximum, wanted) {
            (Some(now), Some(wanted)) => wanted > now,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if higher {
            let raised = Rlimit { current: now.current, maximum: wanted };
            match rustix::process::prlimit(Some(pid), resource, raised) {
                // Then the child comes as far as it may, and says so.
                Ok(_) | Err(rustix::io::Errno::PERM) => {}
                Err(error) => {
                    return Err(io::Error::from(error))
                        .context(|| format!("cannot set limit {}", limit.typ()));
                }
            }
        }
    }
    Ok(())
}

/// Runs the hooks of the runtime's namespaces.
fn run_hooks(child: &Child<'_>, pid: Pid) -> Result<()> {
    let (Some(state), Some(hooks)) = (child.state, child.bundle.spec.hooks()) else {
        return Ok(());
    };
    let mut state = state.clone();
    state.set_pid(Some(pid.as_raw_pid()));
    state.set_status(ContainerState::Creating);
    #[allow(deprecated, reason = "old bundles have them")]
    let prestart = hooks.prestart();
    for (list, kind) in [(prestart, "prestart"), (hooks.create_runtime(), "createRuntime")] {
        hooks::run(list.as_deref().unwrap_or_default(), kind, &state, None)?;
    }
    Ok(())
}
