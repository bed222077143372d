//! Executing a program in a container that runs.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use oci_spec::runtime::ExecCPUAffinity;
use rustix::process::Pid;

use crate::base::{Context, Result};
use crate::sys::process::{self, Fork};

use super::bundle::{Bundle, UserSpec};
use super::cgroup::Cgroup;
use super::channel::Channel;
use super::child::{Entry, Later};
use super::label;
use super::listen::Limits;
use super::program::{Birth, Program};
use super::start::{ExecSpec, Stdio, capabilities, end, filter, listener, process_of, who};
use super::starting::Starting;

/// How long a program's start inside a container may take. What the container does to the new
/// process (stopping it, a lease on its file) must not keep its supervisor from anything else.
const LIMITS: Limits = Limits { all: Duration::from_secs(20), last: Duration::from_secs(5) };

/// Begins to execute a program in a container whose process 1 is `init` (a pidfd).
///
/// `cgroup` is the container's; `bundle` is the one it was started with.
///
/// # Errors
/// As [`super::start`].
pub fn exec(
    init: BorrowedFd<'_>,
    bundle: &Bundle,
    exec: &ExecSpec,
    cgroup: &Cgroup,
    stdio: &Stdio<'_>,
) -> Result<Starting> {
    let process = process_of(bundle)?;
    label::check(process)?;
    let (caps, warnings) = capabilities(process, exec.privileged)?;
    let filter = if exec.privileged { None } else { filter(bundle, caps)? };
    let user = exec.user.as_ref().map(|user| UserSpec {
        user: user.clone(),
        groups: bundle.user.as_ref().map(|user| user.groups.clone()).unwrap_or_default(),
    });
    let program = Program {
        argv: &exec.argv,
        env: merged(process.env().as_deref().unwrap_or_default(), &exec.env),
        cwd: exec.cwd.as_ref().map_or(process.cwd().as_path(), Path::new),
        make_cwd: false,
        user: who(user.as_ref().or(bundle.user.as_ref()), process),
        umask: process.user().umask().unwrap_or(0o022),
        caps,
        no_new_privileges: process.no_new_privileges() == Some(true) && !exec.privileged,
        filter: filter.as_ref(),
        rlimits: process.rlimits().as_deref().unwrap_or_default(),
        init: false,
        process,
        linux: bundle.spec.linux().as_ref(),
        listener: listener(bundle, filter.as_ref(), None)?,
        hooks: &[],
        state: None,
        gate: None,
        kept: exec.kept,
        birth: Birth::Last,
    };
    let doors = cgroup.doors()?;
    let (ours, theirs) = Channel::pair().context(|| "cannot make a channel".to_owned())?;
    let other = Other::of(init);
    let affinity = process.exec_cpu_affinity().as_ref();
    let entry = Entry {
        doors: &doors,
        oom_score_adj: process.oom_score_adj().filter(|_| !other.users),
        channel: &theirs,
        stdio,
        keeps_keyring: exec.keeps_keyring,
        cpus: (
            affinity.and_then(|cpus: &ExecCPUAffinity| cpus.initial().as_deref()),
            affinity.and_then(|cpus| cpus.cpu_affinity_final().as_deref()),
        ),
    };
    let mut cloned = process::clone(0, doors.directory.as_ref().map(AsFd::as_fd));
    if matches!(&cloned, Err(error) if error.kind() == ErrorKind::ResourceBusy)
        && let Some(below) = other.pid.and_then(|pid| cgroup.group_of(pid))
    {
        cloned = process::clone(0, Some(below.as_fd()));
    }
    match cloned.context(|| "cannot make a process".to_owned())? {
        Fork::Child => {
            let later = Later { init, other_users: other.users, other_time: other.time };
            end(&theirs, later.run(&entry, &program))
        }
        Fork::Parent { pid, pidfd } => {
            drop(theirs);
            Ok(Starting::new(ours, LIMITS, (pid, pidfd), warnings))
        }
    }
}

/// A process, and which of its namespaces are not ours, of those that cannot be joined when they
/// are.
struct Other {
    /// As this process sees it.
    pid: Option<Pid>,
    users: bool,
    time: bool,
}

impl Other {
    fn of(init: BorrowedFd<'_>) -> Other {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", init.as_raw_fd()));
        let pid = info.ok().and_then(|text| {
            text.lines().find_map(|line| process::pid(line.strip_prefix("Pid:")?))
        });
        let differs = |name: &str| {
            let theirs = pid.and_then(|pid| fs::read_link(format!("/proc/{pid}/ns/{name}")).ok());
            theirs.is_some() && theirs != fs::read_link(format!("/proc/self/ns/{name}")).ok()
        };
        Other { pid, users: differs("user"), time: differs("time") }
    }
}

/// Each variable once: of several with one name the last (runc: the same). Programs take the first.
pub(super) fn latest(env: &[String]) -> Vec<String> {
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    let mut seen = std::collections::BTreeSet::new();
    let mut last: Vec<String> =
        env.iter().rev().filter(|entry| seen.insert(name(entry))).cloned().collect();
    last.reverse();
    last
}

/// `base` with `more` in place of entries with the same name.
pub(super) fn merged(base: &[String], more: &[String]) -> Vec<String> {
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    let replaced = |entry: &&String| !more.iter().any(|other| name(other) == name(entry));
    base.iter().filter(replaced).chain(more).cloned().collect()
}
