//! The parent's part: clones the child, hears from it, hands back its process.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use oci_spec::runtime::{LinuxNamespaceType, Process};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use rustix::thread::{
    ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces,
};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::process::{self, Fork};

use super::bundle::{Bundle, UserSpec};
use super::caps::Sets;
use super::cgroup::Cgroup;
use super::channel::{Channel, Message};
use super::child::{Entry, First, Later};
use super::namespaces::Namespaces;
use super::program::{Program, Who};
use super::seccomp::{self, Facts};

/// What the caller provides for a start besides the bundle.
pub struct Setup<'a> {
    /// The container's cgroup; the child enters it before anything else.
    pub cgroup: &'a Cgroup,
    /// Namespaces to join instead of what the bundle says, such as a network namespace made before.
    pub namespaces: &'a [Namespace<'a>],
    /// Detached mounts made by the caller, with the places they are attached to.
    pub mounts: &'a [(&'a Path, BorrowedFd<'a>)],
    /// The program's standard streams.
    pub stdio: Stdio<'a>,
}

/// A namespace to join.
#[derive(Debug)]
pub struct Namespace<'a> {
    /// Which one.
    pub kind: LinuxNamespaceType,
    /// A descriptor of it (`/proc/<pid>/ns/<kind>`).
    pub fd: BorrowedFd<'a>,
}

/// A program's standard streams.
pub enum Stdio<'a> {
    /// Three descriptors, which become 0, 1 and 2.
    Pipes {
        /// Standard input.
        stdin: BorrowedFd<'a>,
        /// Standard output.
        stdout: BorrowedFd<'a>,
        /// Standard error.
        stderr: BorrowedFd<'a>,
    },
    /// A new terminal of the container's own devpts, as controlling terminal.
    Terminal {
        /// Its first size; `None`: 0 × 0, as the kernel makes it.
        size: Option<Size>,
    },
}

/// Size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub columns: u16,
}

/// A program that was executed.
#[derive(Debug)]
pub struct Started {
    /// Its process id, as the caller sees it. A child of the caller, who reaps it.
    pub pid: Pid,
    /// Its process, safe from reuse of the id. Pollable: readable when it has ended.
    pub pidfd: OwnedFd,
    /// The terminal's other end, if one was asked for.
    pub terminal: Option<OwnedFd>,
    /// What could not be done as asked but was no reason to stop, one sentence each.
    pub warnings: Vec<String>,
}

/// A program to be executed in a running container.
#[derive(Clone, Debug, Default)]
pub struct ExecSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Added to the environment of the bundle, as `NAME=value`; wins over it.
    pub env: Vec<String>,
    /// `None`: the bundle's.
    pub cwd: Option<String>,
    /// As in [`super::UserSpec::user`]; `None`: the bundle's.
    pub user: Option<String>,
    /// All capabilities and no system call filter.
    pub privileged: bool,
}

/// Starts a container: returns when its program was executed.
///
/// # Errors
/// [`Kind::NoSuchProgram`] and [`Kind::NotExecutable`] when the program cannot be executed
/// (Docker: exit codes 127 and 126), other kinds when the container could not be set up (128).
/// No process is left then; the cgroup is, for the caller to remove.
pub fn start(bundle: &Bundle, setup: &Setup<'_>) -> Result<Started> {
    let process = process_of(bundle)?;
    let namespaces = Namespaces::new(bundle, setup.namespaces)?;
    if !namespaces.is_new(LinuxNamespaceType::Mount) {
        return Err(Error::new(Kind::Invalid, "a container needs its own mount namespace"));
    }
    let (caps, warnings) = capabilities(process, false)?;
    let filter = filter(bundle, caps)?;
    let program = Program {
        argv: process.args().as_deref().unwrap_or_default(),
        env: process.env().clone().unwrap_or_default(),
        cwd: process.cwd(),
        make_cwd: true,
        user: who(bundle.user.as_ref(), process),
        umask: process.user().umask().unwrap_or(0o022),
        caps,
        no_new_privileges: process.no_new_privileges() == Some(true),
        filter: filter.as_ref(),
        rlimits: process.rlimits().as_deref().unwrap_or_default(),
        init: bundle.init,
    };
    let doors = setup.cgroup.doors()?;
    let (ours, theirs) = Channel::pair().context(|| "cannot make a channel".to_owned())?;
    let entry = Entry {
        doors: &doors,
        oom_score_adj: process.oom_score_adj(),
        channel: &theirs,
        stdio: &setup.stdio,
    };
    let (cgroup, mounts) = (setup.cgroup, setup.mounts);
    let first = First { bundle, cgroup, namespaces: &namespaces, mounts };
    let pid_namespace = namespaces.joined().find(|(kind, _)| *kind == LinuxNamespaceType::Pid);
    let back = match pid_namespace {
        Some((_, fd)) => Some(Away::go(|| move_into_link_name_space(fd, None))?),
        None => None,
    };
    let cloned =
        process::clone(namespaces.clone_flags(), doors.directory.as_ref().map(AsFd::as_fd));
    match cloned.context(|| "cannot make a process".to_owned())? {
        Fork::Child => end(&theirs, first.run(&entry, &program)),
        Fork::Parent { pid, pidfd } => {
            drop(back);
            drop(theirs);
            listen(&ours, pid, pidfd, warnings)
        }
    }
}

/// Executes a program in a container whose process 1 is `init` (a pidfd): returns when it was
/// executed.
///
/// `cgroup` is the container's; `bundle` is the one it was started with.
///
/// # Errors
/// As [`start`].
pub fn exec(
    init: BorrowedFd<'_>,
    bundle: &Bundle,
    exec: &ExecSpec,
    cgroup: &Cgroup,
    stdio: &Stdio<'_>,
) -> Result<Started> {
    let process = process_of(bundle)?;
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
    };
    let doors = cgroup.doors()?;
    let (ours, theirs) = Channel::pair().context(|| "cannot make a channel".to_owned())?;
    let oom_score_adj = process.oom_score_adj();
    let entry = Entry { doors: &doors, oom_score_adj, channel: &theirs, stdio };
    let back = Away::go(|| move_into_thread_name_spaces(init, ThreadNameSpaceType::PROCESS_ID))?;
    let cloned = process::clone(0, doors.directory.as_ref().map(AsFd::as_fd));
    match cloned.context(|| "cannot make a process".to_owned())? {
        Fork::Child => end(&theirs, Later { init }.run(&entry, &program)),
        Fork::Parent { pid, pidfd } => {
            drop(back);
            drop(theirs);
            listen(&ours, pid, pidfd, warnings)
        }
    }
}

/// Children are born in another PID namespace as long as this lives.
struct Away {
    home: OwnedFd,
}

impl Away {
    fn go(there: impl FnOnce() -> rustix::io::Result<()>) -> Result<Away> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let failed = || "cannot enter the PID namespace".to_owned();
        let home = rustix::fs::open("/proc/self/ns/pid", flags, Mode::empty());
        let home = home.map_err(io::Error::from).context(failed)?;
        there().map_err(io::Error::from).context(failed)?;
        Ok(Away { home })
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        // The way back to where a process is itself is never refused.
        let _ = move_into_link_name_space(self.home.as_fd(), None);
    }
}

/// The child's end: says what failed and dies.
fn end(channel: &Channel, result: Result<Infallible>) -> ! {
    let Err(error) = result;
    // With nobody listening there is nobody to tell.
    let _ = channel.send(&Message::Failed(error));
    process::exit(1)
}

/// Hears from the child until it executes its program or fails.
fn listen(
    channel: &Channel,
    pid: Pid,
    pidfd: OwnedFd,
    mut warnings: Vec<String>,
) -> Result<Started> {
    let (mut terminal, mut ready, mut failure) = (None, false, None);
    loop {
        match channel.receive() {
            Ok(Some(Message::Ready)) => ready = true,
            Ok(Some(Message::Warning(text))) => warnings.push(text),
            Ok(Some(Message::Terminal(fd))) => terminal = Some(fd),
            Ok(Some(Message::Failed(error))) => failure = Some(error),
            Ok(None) => break,
            Err(error) => {
                failure = Some(Error::other("cannot hear from the child").with_source(error));
                break;
            }
        }
    }
    let failure = failure.or_else(|| {
        (!ready).then(|| Error::other("the container's process was killed while it was set up"))
    });
    match failure {
        None => Ok(Started { pid, pidfd, terminal, warnings }),
        Some(error) => {
            // It is dying by itself; what counts is that it is reaped.
            let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
            let _ = rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
            Err(error)
        }
    }
}

fn process_of(bundle: &Bundle) -> Result<&Process> {
    let process = bundle.spec.process().as_ref();
    process.ok_or_else(|| Error::new(Kind::Invalid, "the bundle has no process"))
}

/// The sets, and a warning when this process lacks some of them itself.
fn capabilities(process: &Process, privileged: bool) -> Result<(Sets, Vec<String>)> {
    let wanted = match privileged {
        true => Sets::all(),
        false => Sets::new(process.capabilities().as_ref()),
    };
    let (sets, missing) = wanted.possible()?;
    // Whoever asks for all of them means those there are.
    let all = wanted.bounding == Sets::all().bounding;
    let warning = format!("not available here and not granted: {}", missing.join(", "));
    Ok((sets, if missing.is_empty() || all { Vec::new() } else { vec![warning] }))
}

fn filter(bundle: &Bundle, caps: Sets) -> Result<Option<seccomp::Program>> {
    let linux = bundle.spec.linux().as_ref();
    let oci = linux.and_then(|linux| linux.seccomp().as_ref());
    let facts = Facts { capabilities: caps.bounding, kernel: kernel_version() };
    seccomp::program(&bundle.seccomp, oci, &facts)
}

/// Major and minor version; newest imaginable when it cannot be read.
fn kernel_version() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => (u32::MAX, 0),
    }
}

fn who<'a>(named: Option<&'a UserSpec>, process: &Process) -> Who<'a> {
    let numbers = || {
        let user = process.user();
        let groups = user.additional_gids().clone().unwrap_or_default();
        Who::Numbers { uid: user.uid(), gid: user.gid(), groups }
    };
    named.map_or_else(numbers, Who::Named)
}

/// `base` with `more` in place of entries with the same name.
fn merged(base: &[String], more: &[String]) -> Vec<String> {
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    let replaced = |entry: &&String| !more.iter().any(|other| name(other) == name(entry));
    base.iter().filter(replaced).chain(more).cloned().collect()
}
