//! The parent's part: clones the child, hears from it, hands back its process.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use oci_spec::runtime::{LinuxNamespaceType, Process, State};
use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use rustix::thread::move_into_link_name_space;

use crate::base::{Context, Error, Kind, Result};
use crate::sys::process::{self, Fork};

use super::bundle::{Bundle, UserSpec};
use super::caps::Sets;
use super::cgroup::Cgroup;
use super::channel::{Channel, Message};
use super::child::Entry;
use super::first::{First, Taken};
use super::idmap::Mappings;
use super::label;
use super::listen::{Child, listen};
use super::namespaces::Namespaces;
use super::program::{Birth, Program, Who};
use super::seccomp::{self, Facts, Listener};
use super::{dev, mounts, procfs, rootfs};

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

/// What a container needs of which nobody stays to look after (`compose oci`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone<'a> {
    /// A listening socket of packets: the program is executed when somebody connects to it and
    /// [hears](hear) how that goes. `None`: at once.
    pub gate: Option<BorrowedFd<'a>>,
    /// What hooks and listeners are told; hooks are run if it is given.
    pub state: Option<&'a State>,
    /// So many descriptors after the standard ones are left to the program.
    pub kept: u32,
    /// It stays in the caller's session keyring.
    pub keeps_keyring: bool,
    /// Its root directory is changed without `pivot_root(2)`, which a RAM disk cannot do.
    pub no_pivot: bool,
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
    /// So many descriptors after the standard ones are left to it.
    pub kept: u32,
    /// It stays in the caller's session keyring.
    pub keeps_keyring: bool,
}

/// Starts a container: returns when its program was executed.
///
/// # Errors
/// [`Kind::NoSuchProgram`] and [`Kind::NotExecutable`] when the program cannot be executed
/// (Docker: exit codes 127 and 126), other kinds when the container could not be set up (128).
/// No process is left then; the cgroup is, for the caller to remove.
pub fn start(bundle: &Bundle, setup: &Setup<'_>) -> Result<Started> {
    start_alone(bundle, setup, &Alone::default())
}

/// As [`start`], for a container that nobody looks after: with a gate it returns when everything
/// but the program is ready.
///
/// # Errors
/// As [`start`], and those of hooks.
pub fn start_alone(bundle: &Bundle, setup: &Setup<'_>, alone: &Alone<'_>) -> Result<Started> {
    let process = process_of(bundle)?;
    label::check(process)?;
    let namespaces = Namespaces::new(bundle, setup.namespaces)?;
    if !namespaces.is_new(LinuxNamespaceType::Mount) && alone.state.is_none() {
        return Err(Error::new(Kind::Invalid, "a container needs its own mount namespace"));
    }
    let (caps, warnings) = capabilities(process, false)?;
    let filter = filter(bundle, caps)?;
    // Other processes of a PID namespace that is joined must not see what we have before.
    let joined_pid = namespaces.joined().find(|(kind, _)| *kind == LinuxNamespaceType::Pid);
    let is_joined = joined_pid.is_some();
    let born_last = is_joined && alone.state.is_none() && !namespaces.has_own_users();
    let born_last = born_last && !namespaces.need_stage();
    let hooks = bundle.spec.hooks().as_ref().filter(|_| alone.state.is_some());
    let hooks = hooks.and_then(|hooks| hooks.start_container().as_deref()).unwrap_or_default();
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
        process,
        linux: bundle.spec.linux().as_ref(),
        listener: listener(bundle, filter.as_ref(), alone.state)?,
        hooks,
        state: alone.state,
        gate: alone.gate,
        kept: alone.kept,
        birth: if born_last { Birth::Last } else { Birth::First },
    };
    setup.cgroup.clear()?;
    let doors = setup.cgroup.doors()?;
    let (ours, theirs) = Channel::pair().context(|| "cannot make a channel".to_owned())?;
    // Users of the container's own may neither be worse than nor limit less than ours: what
    // takes privileges is done for them.
    let own_users = namespaces.has_own_users();
    let entry = Entry {
        doors: &doors,
        oom_score_adj: process.oom_score_adj().filter(|_| !own_users),
        channel: &theirs,
        stdio: &setup.stdio,
        keeps_keyring: alone.keeps_keyring,
        cpus: (None, None),
    };
    let mut taken = take(bundle, &namespaces)?;
    if let Some((_, namespace)) = joined_pid.filter(|_| born_last) {
        let mounts = bundle.spec.mounts().as_deref().unwrap_or_default();
        taken.mounts.resize_with(mounts.len(), || None);
        for (taken, proc) in taken.mounts.iter_mut().zip(procfs::take(mounts, namespace)?) {
            *taken = taken.take().or(proc);
        }
    }
    let (state, cgroup) = (alone.state, setup.cgroup);
    let (no_pivot, mounts, namespaces) = (alone.no_pivot, setup.mounts, &namespaces);
    let first = First { bundle, cgroup, namespaces, mounts, taken, state, no_pivot };
    let gated = alone.gate.is_some();
    let child = Child { bundle, own_users, state: alone.state, gated, limits: None };
    let back = if born_last { None } else { enter_pid_namespace(namespaces)? };
    let by_another = born_last || namespaces.need_stage();
    let cloned = match namespaces.need_stage() {
        true => process::clone(0, None),
        false => {
            process::clone(namespaces.clone_flags(), doors.directory.as_ref().map(AsFd::as_fd))
        }
    };
    match cloned.context(|| "cannot make a process".to_owned())? {
        Fork::Child if namespaces.need_stage() => end(&theirs, between(first, &entry, &program)),
        Fork::Child => end(&theirs, become_first(first, &entry, &program)),
        Fork::Parent { pid, pidfd } => {
            drop(back);
            drop(theirs);
            let born = (pid, pidfd);
            listen(ours, &child, born, by_another, warnings)
        }
    }
}

fn become_first(
    mut first: First<'_>,
    entry: &Entry<'_>,
    program: &Program<'_>,
) -> Result<Infallible> {
    first.run(entry, program)
}

/// The process between caller and container: joins what must be joined first, and ends when the
/// container's process was born.
fn between(first: First<'_>, entry: &Entry<'_>, program: &Program<'_>) -> Result<Infallible> {
    let failed = || "cannot make a process".to_owned();
    if first.namespaces.is_new(LinuxNamespaceType::Time) {
        let linux = first.bundle.spec.linux().as_ref();
        super::clock::make_namespace(linux.and_then(|linux| linux.time_offsets().as_ref()))?;
    }
    first.join_namespaces()?;
    let directory = entry.doors.directory.as_ref().map(AsFd::as_fd);
    let cloned = process::clone_sibling(first.namespaces.clone_flags(), directory);
    match cloned.context(failed)? {
        Fork::Child => end(entry.channel, become_first(first, entry, program)),
        Fork::Parent { pidfd, .. } => {
            entry.channel.send(&Message::Born(pidfd)).context(failed)?;
            process::exit(0)
        }
    }
}

/// Takes what the container's users may not, or what nobody in it could take.
fn take(bundle: &Bundle, namespaces: &Namespaces<'_>) -> Result<Taken> {
    let mounts = bundle.spec.mounts().as_deref().unwrap_or_default();
    let mut taken = Taken::default();
    if namespaces.has_own_users() {
        taken.root = Some(rootfs::make(&bundle.rootfs)?);
    }
    if namespaces.has_own_users() || mounts::map_owners(mounts) {
        let container = Mappings::of(bundle.spec.linux().as_ref());
        taken.mounts = mounts::take(mounts, namespaces, container)?;
    }
    let linux = bundle.spec.linux().as_ref();
    let devices = linux.and_then(|linux| linux.devices().as_deref()).unwrap_or_default();
    if namespaces.has_own_users() || !devices.is_empty() {
        let made = dev::store(namespaces.has_own_users(), devices, Mappings::of(linux));
        taken.nodes = made.context(|| "cannot make device nodes".to_owned())?;
    }
    Ok(taken)
}

/// Hears how the execution went of a program behind a [gate](Alone::gate), over the socket that
/// connected to it: returns when it was executed.
///
/// # Errors
/// As [`start`]; there is no program then.
pub fn hear(socket: OwnedFd) -> Result<()> {
    let channel = Channel::over(socket);
    match channel.receive().context(|| "cannot hear from the container".to_owned())? {
        Some(Message::Failed(error)) => Err(error),
        _ => Ok(()),
    }
}

fn enter_pid_namespace(namespaces: &Namespaces<'_>) -> Result<Option<Away>> {
    let joined = namespaces.joined().find(|(kind, _)| *kind == LinuxNamespaceType::Pid);
    joined.map(|(_, fd)| Away::go(|| move_into_link_name_space(fd, None))).transpose()
}

/// Children are born in another PID namespace as long as this lives.
pub(super) struct Away {
    home: OwnedFd,
}

impl Away {
    pub(super) fn go(there: impl FnOnce() -> rustix::io::Result<()>) -> Result<Away> {
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
pub(super) fn end(channel: &Channel, result: Result<Infallible>) -> ! {
    let Err(error) = result;
    // With nobody listening there is nobody to tell.
    let _ = channel.send(&Message::Failed(error));
    process::exit(1)
}

/// What the bundle's program is.
///
/// # Errors
/// [`Kind::Invalid`] when there is none.
pub(super) fn process_of(bundle: &Bundle) -> Result<&Process> {
    let process = bundle.spec.process().as_ref();
    process.ok_or_else(|| Error::new(Kind::Invalid, "the bundle has no process"))
}

/// The sets, and a warning when this process lacks some of them itself.
pub(super) fn capabilities(process: &Process, privileged: bool) -> Result<(Sets, Vec<String>)> {
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

/// The filter that the bundle asks for.
pub(super) fn filter(bundle: &Bundle, caps: Sets) -> Result<Option<seccomp::Program>> {
    let linux = bundle.spec.linux().as_ref();
    let oci = linux.and_then(|linux| linux.seccomp().as_ref());
    let facts = Facts { capabilities: caps.bounding, kernel: kernel_version() };
    seccomp::program(&bundle.seccomp, oci, &facts)
}

/// Who answers for system calls that the filter reports.
pub(super) fn listener(
    bundle: &Bundle,
    filter: Option<&seccomp::Program>,
    state: Option<&State>,
) -> Result<Option<Listener>> {
    let profile = bundle.spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref());
    filter.map(|filter| Listener::connect(filter, profile, state)).transpose().map(Option::flatten)
}

/// Major and minor version; newest imaginable when it cannot be read.
pub(super) fn kernel_version() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => (u32::MAX, 0),
    }
}

/// Who the program runs as.
pub(super) fn who<'a>(named: Option<&'a UserSpec>, process: &Process) -> Who<'a> {
    let numbers = || {
        let user = process.user();
        let groups = user.additional_gids().clone().unwrap_or_default();
        Who::Numbers { uid: user.uid(), gid: user.gid(), groups }
    };
    named.map_or_else(numbers, Who::Named)
}
