//! The parent's side of the conversation: hears from the child, and does for it what it may not.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use oci_spec::runtime::{ContainerState, Process, State};
use rustix::process::{Pid, Rlimit, Signal, WaitId, WaitIdOptions};

use crate::base::{Context, Error, Result};

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
    let (mut terminal, mut ready, mut failure, mut waits) = (None, false, None, None);
    let (mut process, middle) = if between { (None, Some(cloned)) } else { (Some(cloned), None) };
    loop {
        let heard = match channel.receive() {
            Ok(Some(Message::Ready)) => {
                ready = true;
                Ok(())
            }
            Ok(Some(Message::Warning(text))) => {
                warnings.push(text);
                Ok(())
            }
            Ok(Some(Message::Terminal(fd))) => {
                terminal = Some(fd);
                Ok(())
            }
            Ok(Some(Message::Born(pid, fd))) => {
                process = Pid::from_raw(pid).map(|pid| (pid, fd));
                Ok(())
            }
            Ok(Some(Message::Waits(stage))) => {
                waits = Some(stage);
                Ok(())
            }
            Ok(Some(Message::Failed(error))) => Err(error),
            Ok(Some(Message::Done)) => Ok(()),
            Ok(None) => break,
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
            failure = Some(error);
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
