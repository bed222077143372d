//! The parent's side of the conversation: hears from the child, and does for it what it may not.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use oci_spec::runtime::{ContainerState, Process, State};
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
type Born = (Pid, OwnedFd);

/// Hears from the child until it executes its program, or is ready to, or fails. `between` says
/// that `cloned` is not the container's process, but brings it about.
pub(super) fn listen(
    channel: &Channel,
    child: &Child<'_>,
    cloned: Born,
    between: bool,
    mut warnings: Vec<String>,
) -> Result<Started> {
    let (mut terminal, mut ready, mut failure, mut waits) = (None, false, None::<Error>, None);
    let (mut process, middle) = if between { (None, Some(cloned)) } else { (Some(cloned), None) };
    let mut end = child.limits.map(|limits| Instant::now() + limits.all);
    loop {
        // What is born last speaks over this channel too, and what it could be made to say by
        // others of the container must not count: all that came before is settled by then.
        let heard = match channel.receive_until(end) {
            Ok(Some(Message::Ready)) => {
                ready = true;
                end = end.min(child.limits.map(|limits| Instant::now() + limits.last));
                Ok(())
            }
            Ok(Some(Message::Warning(text))) => {
                warnings.push(text);
                Ok(())
            }
            Ok(Some(Message::Terminal(fd))) if !ready => {
                terminal = Some(fd);
                Ok(())
            }
            Ok(Some(Message::Born(fd))) if process.is_none() => {
                own_child(fd).map(|born| process = Some(born))
            }
            Ok(Some(Message::Waits(stage))) => {
                waits = Some(stage);
                Ok(())
            }
            // Who is between may be slower to tell of the birth than the child is to fail.
            Ok(Some(Message::Failed(error))) if ready && between && process.is_none() => {
                failure.get_or_insert(error);
                Ok(())
            }
            Ok(Some(Message::Failed(error))) => Err(error),
            Ok(Some(Message::Done | Message::Terminal(_) | Message::Born(_))) => Ok(()),
            Ok(None) => break,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(too_slow()),
            Err(error) => Err(Error::other("cannot hear from the child").with_source(error)),
        };
        // Whoever brings it about may be slower to say so than it is to speak for itself.
        let heard =
            heard.and_then(|()| match process.as_ref().zip(waits.take_if(|_| process.is_some())) {
                Some((born, stage)) => {
                    serve(channel, child, stage, born).map(|more| warnings.extend(more))
                }
                None => Ok(()),
            });
        if let Err(error) = heard {
            failure.get_or_insert(error);
            break;
        }
        if ready && child.gated && process.is_some() {
            break;
        }
    }
    if let Some((_, pidfd)) = middle {
        reap(&pidfd, failure.is_some());
    }
    let failure = failure.or_else(|| {
        (!ready).then(|| Error::other("the container's process was killed while it was set up"))
    });
    match (failure, process) {
        (None, Some((pid, pidfd))) => Ok(Started { pid, pidfd, terminal, warnings }),
        (failure, process) => {
            if let Some((_, pidfd)) = process {
                reap(&pidfd, true);
            }
            Err(failure.unwrap_or_else(|| Error::other("the container's process was not born")))
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
    let _ = rustix::process::waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED);
}

/// Does what the child waits for.
fn serve(
    channel: &Channel,
    child: &Child<'_>,
    stage: Stage,
    (pid, _): &Born,
) -> Result<Option<String>> {
    let warning = match stage {
        Stage::Users => {
            Mappings::of(child.bundle.spec.linux().as_ref()).give(*pid)?;
            lend_privileges(child, *pid)?
        }
        Stage::Hooks => {
            run_hooks(child, *pid)?;
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
