//! The container's processes: the one place where a shim uses the runtime.

use std::borrow::Cow;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use oci_spec::runtime::LinuxNamespaceType;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::base::{Context, Error, Kind, Result};
use crate::resource::container::{ContainerSpec, Sharing};
use crate::resource::process::ExecSpec;
use crate::runtime::cgroup::MemoryWatch;
use crate::runtime::{self, Bundle, Cgroup, Foreign, Namespace, Setup, Size, Started, Stdio};
use crate::state::{self, ContainerDir, Roots};
use crate::sys::pidfd;

use super::neighbour::{self, Neighbour};
use super::output::Output;
use super::poller::{Interest, Poller, Source};
use super::volumes::MemoryVolumes;

/// A container's processes, over all its runs.
#[derive(Debug)]
pub(super) struct Payload {
    bundle: Bundle,
    /// Another runtime, if it runs the container. The cgroup is its affair then: there while the
    /// container runs.
    foreign: Option<Foreign>,
    cgroup: Option<Cgroup>,
    /// Namespaces that exist before the container does.
    joined: Vec<(LinuxNamespaceType, OwnedFd)>,
    /// Mount namespace of the container whose `/dev/shm` is used.
    shared_memory: Option<OwnedFd>,
    init: Option<Started>,
    /// Processes killed for lack of memory before this run.
    oom_before: u64,
    stdin_open: bool,
    roots: Roots,
    volumes: MemoryVolumes,
    /// Of the cgroup, while there is one.
    memory: Option<MemoryWatch>,
}

impl Payload {
    /// Reads the bundle, opens the namespaces of other containers, makes the cgroup.
    ///
    /// # Errors
    /// A limit that cannot be set, or another container that does not run.
    pub(super) fn prepare(
        dir: &ContainerDir,
        roots: &Roots,
        spec: &ContainerSpec,
        network: Option<BorrowedFd<'_>>,
    ) -> Result<Payload> {
        let bundle: Option<Bundle> = state::read(&dir.bundle())?;
        let bundle =
            bundle.ok_or_else(|| Error::other(format!("{} is missing", dir.bundle().display())))?;
        let mut joined = Vec::new();
        if let Some(network) = network {
            let network = network.try_clone_to_owned();
            let network = network.context(|| "cannot keep the network namespace".to_owned())?;
            joined.push((LinuxNamespaceType::Network, network));
        }
        for (sharing, kind, name) in [
            (&spec.namespaces.pid, LinuxNamespaceType::Pid, "pid"),
            (&spec.namespaces.ipc, LinuxNamespaceType::Ipc, "ipc"),
            (&spec.namespaces.uts, LinuxNamespaceType::Uts, "uts"),
        ] {
            if let Sharing::Container(other) = sharing {
                let neighbour = Neighbour::find(roots, other)?;
                let neighbour = match kind {
                    LinuxNamespaceType::Ipc => neighbour.with_shared_ipc()?,
                    _ => neighbour,
                };
                joined.push((kind, neighbour.namespace(name)?));
            }
        }
        let shared_memory = match &spec.namespaces.ipc {
            Sharing::Container(other) => Some(Neighbour::find(roots, other)?.namespace("mnt")?),
            _ => None,
        };
        let foreign = foreign(&bundle, dir);
        let cgroup = match &foreign {
            Some(_) => None,
            None => Some(Cgroup::create(&bundle.cgroup()?, &bundle.resources())?),
        };
        let stdin_open = spec.process.stdin_open;
        let volumes = MemoryVolumes::of(spec, &bundle);
        Ok(Payload {
            bundle,
            foreign,
            cgroup,
            joined,
            shared_memory,
            init: None,
            oom_before: 0,
            stdin_open,
            roots: roots.clone(),
            volumes,
            memory: None,
        })
    }

    /// Starts the first process with new streams; returns its id.
    ///
    /// # Errors
    /// As [`runtime::start`].
    pub(super) fn start(
        &mut self,
        output: &mut Output,
        poller: &Poller,
        size: Option<Size>,
    ) -> Result<i32> {
        let process = self.bundle.spec.process().as_ref();
        let terminal = process.is_some_and(|process| process.terminal() == Some(true));
        let mut init = if terminal {
            self.begin(Stdio::Terminal { size })?
        } else {
            let theirs = output.pipes(poller, self.stdin_open)?;
            self.begin(Stdio::Pipes {
                stdin: theirs.stdin.as_fd(),
                stdout: theirs.stdout.as_fd(),
                stderr: theirs.stderr.as_fd(),
            })?
        };
        if let Some(master) = init.terminal.take() {
            output.terminal(poller, master)?;
        }
        let pid = init.pid.as_raw_pid();
        self.init = Some(init);
        self.watch_memory(poller);
        Ok(pid)
    }

    /// Without this, lack of memory is told at the end of the run only.
    fn watch_memory(&mut self, poller: &Poller) {
        if self.memory.is_none() {
            let watch = self.cgroup.as_ref().map(Cgroup::watch_memory);
            self.memory = watch.and_then(|watch| watch.ok().flatten());
        }
        if let Some(memory) = &self.memory {
            let _ = poller.watch(memory.fd(), Source::Memory, Interest::READ);
        }
    }

    /// Others can find the container now, or its start has failed.
    pub(super) fn started(&mut self) {
        self.volumes.started();
    }

    /// A process was just killed for lack of memory, or waits for some.
    pub(super) fn ran_out_of_memory(&mut self) -> bool {
        let (Some(memory), Some(cgroup)) = (&mut self.memory, &self.cgroup) else { return false };
        memory.ran_out(cgroup)
    }

    fn begin(&mut self, stdio: Stdio<'_>) -> Result<Started> {
        let joined: Vec<Namespace<'_>> = self
            .joined
            .iter()
            .map(|(kind, fd)| Namespace { kind: *kind, fd: fd.as_fd() })
            .collect();
        let shared_memory =
            self.shared_memory.as_ref().map(neighbour::shared_memory).transpose()?;
        let volumes = self.volumes.find(&self.roots)?;
        let volumes = volumes.iter().map(|(target, mount)| (target.as_path(), mount.as_fd()));
        let shared_memory = shared_memory.iter().map(|it| (Path::new("/dev/shm"), it.as_fd()));
        let mounts: Vec<_> = shared_memory.chain(volumes).collect();
        if let Some(foreign) = &self.foreign {
            let started = foreign.start(&self.bundle, &joined, &mounts, &stdio)?;
            self.cgroup = Cgroup::open(&self.bundle.cgroup()?)?;
            self.oom_before = 0;
            return Ok(started);
        }
        let cgroup = self.cgroup.as_ref().ok_or_else(no_cgroup)?;
        self.oom_before = cgroup.oom_kills();
        let (namespaces, mounts) = (&joined[..], &mounts[..]);
        runtime::start(&self.bundle, &Setup { cgroup, namespaces, mounts, stdio })
    }

    /// What could not be done as asked, but was no reason to stop.
    pub(super) fn warnings(&self) -> Vec<String> {
        let limits = self.cgroup.iter().flat_map(Cgroup::warnings);
        let start = self.init.iter().flat_map(|init| &init.warnings);
        limits.chain(start).cloned().collect()
    }

    /// Executes a program in the container.
    ///
    /// # Errors
    /// As [`runtime::exec`]; [`Kind::NotFound`] when the container does not run.
    pub(super) fn exec(&self, spec: &ExecSpec, stdio: &Stdio<'_>) -> Result<Started> {
        let init = self.init.as_ref().ok_or_else(not_running)?;
        let mut env = spec.env.clone();
        let names_terminal = |entry: &String| entry.starts_with("TERM=");
        let inherited = self.bundle.spec.process().as_ref();
        let inherited = inherited.and_then(|process| process.env().as_ref());
        // Docker: a terminal is an xterm unless somebody says otherwise.
        if spec.tty && !env.iter().chain(inherited.into_iter().flatten()).any(names_terminal) {
            env.push("TERM=xterm".to_owned());
        }
        let exec = runtime::ExecSpec {
            argv: spec.argv.clone(),
            env,
            cwd: spec.cwd.clone(),
            user: spec.user.clone(),
            privileged: spec.privileged,
            ..runtime::ExecSpec::default()
        };
        let bundle = if spec.tty { Cow::Borrowed(&self.bundle) } else { self.without_terminal() };
        if let Some(foreign) = &self.foreign {
            return foreign.exec(&bundle, init.pid, &exec, stdio);
        }
        let cgroup = self.cgroup.as_ref().ok_or_else(no_cgroup)?;
        runtime::exec(init.pidfd.as_fd(), &bundle, &exec, cgroup, stdio)
    }

    /// The bundle without the `TERM` that the container has only for its own terminal, which is
    /// not that of another program (Docker: the same). One that somebody chose stays.
    fn without_terminal(&self) -> Cow<'_, Bundle> {
        let given = |entry: &String| entry == "TERM=xterm";
        let process = self.bundle.spec.process().as_ref();
        let process = process.filter(|process| process.terminal() == Some(true));
        let Some(env) = process.and_then(|process| process.env().clone()) else {
            return Cow::Borrowed(&self.bundle);
        };
        if !env.iter().any(given) {
            return Cow::Borrowed(&self.bundle);
        }
        let mut bundle = self.bundle.clone();
        if let Some(process) = bundle.spec.process_mut() {
            process.set_env(Some(env.into_iter().filter(|entry| !given(entry)).collect()));
        }
        Cow::Owned(bundle)
    }

    /// Whether `pid` is the first process.
    pub(super) fn is_init(&self, pid: i32) -> bool {
        self.init.as_ref().is_some_and(|init| init.pid.as_raw_pid() == pid)
    }

    /// Sends a signal to the first process; fine if it has just ended.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for an unknown name.
    pub(super) fn signal(&self, name: &str) -> Result<()> {
        let number = signal_number(name)?;
        let Some(init) = &self.init else { return Ok(()) };
        if let Some(foreign) = &self.foreign {
            match foreign.signal(number) {
                // It has just ended, or nothing but the kernel can end it.
                Err(_) if number == libc::SIGKILL || has_ended(init) => {}
                result => return result,
            }
        }
        match pidfd::send_signal(init.pidfd.as_fd(), number) {
            Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                Err(error).context(|| format!("cannot send {name}"))
            }
            _ => Ok(()),
        }
    }

    /// Freezes all processes, or lets them run again.
    ///
    /// # Errors
    /// As [`Cgroup::freeze`].
    pub(super) fn freeze(&self, frozen: bool) -> Result<()> {
        if let Some(foreign) = &self.foreign {
            return foreign.freeze(frozen);
        }
        let cgroup = self.cgroup.as_ref().ok_or_else(no_cgroup)?;
        if frozen { cgroup.freeze() } else { cgroup.thaw() }
    }

    /// Kills every process of the container.
    pub(super) fn kill_all(&self) {
        if let Some(cgroup) = &self.cgroup {
            // What survives is found by `is_empty`.
            let _ = cgroup.kill();
        }
    }

    /// No process is left.
    pub(super) fn is_empty(&self) -> bool {
        self.cgroup
            .as_ref()
            .is_none_or(|cgroup| cgroup.processes().is_ok_and(|processes| processes.is_empty()))
    }

    /// The run is over. Whether a process of it was killed for lack of memory.
    pub(super) fn end_run(&mut self) -> bool {
        self.init = None;
        let killed = self.cgroup.as_ref().is_some_and(|it| it.oom_kills() > self.oom_before);
        if let Some(foreign) = &self.foreign {
            (self.cgroup, self.memory) = (None, None);
            // What is left shows when it is started again, or removed.
            let _ = foreign.delete(&self.bundle);
        }
        killed
    }

    /// Removes the cgroup.
    ///
    /// # Errors
    /// Processes are left in it.
    pub(super) fn remove(&mut self) -> Result<()> {
        self.init = None;
        if let Some(foreign) = &self.foreign {
            foreign.delete(&self.bundle)?;
        }
        self.cgroup.take().map_or(Ok(()), Cgroup::remove)
    }
}

/// The container as another runtime knows it; `None`: ours runs it.
pub(super) fn foreign(bundle: &Bundle, dir: &ContainerDir) -> Option<Foreign> {
    let id = dir.data().file_name().unwrap_or_default().to_string_lossy();
    Foreign::of(bundle, &id, dir.foreign())
}

/// Whether the process is gone, reaped or not.
fn has_ended(started: &Started) -> bool {
    let mut process = [PollFd::new(&started.pidfd, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut process, Some(&now)).is_ok_and(|count| count > 0)
}

/// The number of a signal.
///
/// # Errors
/// [`Kind::Invalid`] for an unknown name.
pub(super) fn signal_number(name: &str) -> Result<i32> {
    pidfd::signal_number(name)
        .ok_or_else(|| Error::new(Kind::Invalid, format!("there is no signal `{name}`")))
}

/// Docker's exit code for a program that could not be started.
pub(super) fn exit_code(error: &Error) -> i32 {
    match error.kind() {
        Kind::NoSuchProgram => 127,
        Kind::NotExecutable => 126,
        _ => 128,
    }
}

/// What a container wants to run in when it is not there (any more).
pub(super) fn not_running() -> Error {
    Error::new(Kind::NotFound, "the container is not running")
}

fn no_cgroup() -> Error {
    Error::other("the container's cgroup was removed already")
}

/// A file of the null device.
///
/// # Errors
/// `/dev` is not mounted.
pub(super) fn null() -> Result<OwnedFd> {
    let file = File::options().read(true).write(true).open("/dev/null");
    Ok(file.context(|| "cannot open /dev/null".to_owned())?.into())
}
