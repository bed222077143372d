//! Making containers: `create`, whose process waits, and `run`, whose process does not.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{ContainerState, LinuxNamespaceType, Spec};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};

use crate::base::{Context, Error, Kind, Result};
use crate::runtime::{self, Alone, Bundle, Cgroup, Setup, Size, Started, Stdio, hooks};
use crate::state::{Lock, OciDir, OciRoot};

use super::config::Config;
use super::console;
use super::container::{Container, Record, check_id, stat};

/// How a container is made.
#[derive(Clone, Debug, Default)]
pub struct Create {
    /// The bundle's directory.
    pub bundle: PathBuf,
    /// Where the terminal's other end is sent.
    pub console: Option<PathBuf>,
    /// Where the process id is written.
    pub pid_file: Option<PathBuf>,
    /// So many descriptors after the standard ones are left to the program.
    pub kept: u32,
    /// So many of those are listening sockets for it (sd_listen_fds(3)).
    pub listening: u32,
    /// It stays in the caller's session keyring.
    pub keeps_keyring: bool,
    /// Its root directory is changed without `pivot_root(2)`.
    pub no_pivot: bool,
    /// `cgroupsPath` is written as systemd's.
    pub systemd: bool,
}

/// A container that was made, and its process, which is a child of the caller.
#[derive(Debug)]
pub struct Made {
    /// The container.
    pub container: Container,
    /// Its process.
    pub started: Started,
    /// What was passed over.
    pub warnings: Vec<String>,
}

/// Makes a container whose program waits to be [started](Container::start).
///
/// # Errors
/// The id is taken, the configuration is wrong, the container cannot be set up. Nothing is left
/// then.
pub fn create(root: &OciRoot, id: &str, how: &Create) -> Result<Made> {
    make(root, id, how, true, true)
}

/// Makes a container and executes its program at once. `detach`: the caller will not stay, so that
/// a terminal needs somebody to be sent to.
///
/// # Errors
/// As [`create`], and those of executing the program.
pub fn run(root: &OciRoot, id: &str, how: &Create, detach: bool) -> Result<Made> {
    let made = make(root, id, how, false, detach)?;
    made.container.poststart()?;
    Ok(made)
}

fn make(root: &OciRoot, id: &str, how: &Create, gated: bool, detach: bool) -> Result<Made> {
    check_id(id)?;
    let bundle =
        rustix::fs::openat(CWD, &how.bundle, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
            .map_err(std::io::Error::from)
            .and_then(|_| fs::canonicalize(&how.bundle))
            .context(|| format!("cannot use bundle {}", how.bundle.display()))?;
    let mut config = Config::read(&bundle, id, how.systemd)?;
    console::check(has_terminal(&config.bundle.spec), how.console.is_some(), detach)?;
    announce_sockets(&mut config.bundle.spec, how.listening);
    let dir = root.add(id)?;
    let making = Making { id, how, gated, directory: bundle };
    match making.make(&dir, &config) {
        Ok(mut made) => {
            made.warnings.extend(config.warnings);
            Ok(made)
        }
        Err(error) => {
            // The first error is the one to tell.
            let _ = dir.remove();
            Err(error)
        }
    }
}

struct Making<'a> {
    id: &'a str,
    how: &'a Create,
    gated: bool,
    directory: PathBuf,
}

impl Making<'_> {
    fn make(&self, dir: &OciDir, config: &Config) -> Result<Made> {
        let busy = Lock::wait(&dir.lock())?;
        let made = self.make_locked(dir, config);
        // Not by closing it: the container's process has it, too.
        busy.release()?;
        made
    }

    fn make_locked(&self, dir: &OciDir, config: &Config) -> Result<Made> {
        let bundle = &config.bundle;
        let mut container = Container { dir: dir.clone(), record: self.record(bundle)? };
        container.save()?;
        fs::write(dir.config(), &config.text)
            .context(|| format!("cannot write {}", dir.config().display()))?;
        let cgroup = Cgroup::create(&bundle.cgroup()?, &bundle.resources())?;
        let made = self.start(&mut container, bundle, &cgroup);
        match made {
            Ok(started) => {
                let mut warnings = started.warnings.clone();
                warnings.extend(cgroup.warnings().iter().cloned());
                Ok(Made { container, started, warnings })
            }
            Err(error) => {
                // The first error is the one to tell; processes are gone or are killed here.
                let _ = cgroup.kill().and_then(|()| cgroup.remove());
                container.hide_root();
                Err(error)
            }
        }
    }

    fn record(&self, bundle: &Bundle) -> Result<Record> {
        let spec = &bundle.spec;
        let namespaces = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
        let own_mounts = namespaces.into_iter().flatten().any(|namespace| {
            namespace.typ() == LinuxNamespaceType::Mount && namespace.path().is_none()
        });
        let runtime::Rootfs::Directory { path: rootfs } = &bundle.rootfs else {
            unreachable!("configurations name a directory")
        };
        Ok(Record {
            id: self.id.to_owned(),
            version: spec.version().clone(),
            pid: None,
            began: 0,
            bundle: self.directory.clone(),
            rootfs: rootfs.clone(),
            created: jiff::Timestamp::now().to_string(),
            owner: rustix::process::getuid().as_raw(),
            cgroup: Some(bundle.cgroup()?),
            shows: !own_mounts,
            annotations: spec.annotations().clone(),
        })
    }

    fn start(
        &self,
        container: &mut Container,
        bundle: &Bundle,
        cgroup: &Cgroup,
    ) -> Result<Started> {
        let state = container.hook_state(ContainerState::Creating);
        let gate = self.gated.then(|| open_gate(&container.dir)).transpose()?;
        // Inherited by the container's process, and closed when it executes its program.
        let waiting = self.gated.then(|| Lock::wait(&container.dir.waiting())).transpose()?;
        let alone = Alone {
            gate: gate.as_ref().map(AsFd::as_fd),
            state: Some(&state),
            kept: self.how.kept,
            keeps_keyring: self.how.keeps_keyring,
            no_pivot: self.how.no_pivot,
        };
        let stdio = stdio(&bundle.spec);
        let setup = Setup { cgroup, namespaces: &[], mounts: &[], stdio };
        let started = runtime::start_alone(bundle, &setup, &alone)?;
        drop(waiting);
        match self.publish(container, &started) {
            Ok(()) => Ok(started),
            Err(error) => {
                // It is a child of ours, and ends with this.
                let _ = rustix::process::pidfd_send_signal(
                    &started.pidfd,
                    rustix::process::Signal::KILL,
                );
                Err(error)
            }
        }
    }

    /// Tells the world.
    fn publish(&self, container: &mut Container, started: &Started) -> Result<()> {
        let pid = started.pid.as_raw_pid();
        container.record.pid = Some(pid);
        // A program may have ended already, and is then remembered by a time that none has.
        container.record.began = stat(pid).map_or(u64::MAX, |(_, began)| began);
        container.save()?;
        if let (Some(path), Some(terminal)) = (&self.how.console, &started.terminal) {
            console::send(path, terminal)?;
        }
        match &self.how.pid_file {
            Some(file) => write_pid(file, pid),
            None => Ok(()),
        }
    }
}

/// The streams of a program without a shim: a terminal, or the caller's own.
pub(super) fn stdio(spec: &Spec) -> Stdio<'static> {
    let process = spec.process().as_ref();
    if !has_terminal(spec) {
        return Stdio::Pipes {
            stdin: rustix::stdio::stdin(),
            stdout: rustix::stdio::stdout(),
            stderr: rustix::stdio::stderr(),
        };
    }
    let size = process.and_then(oci_spec::runtime::Process::console_size);
    let number = |value: u64| u16::try_from(value).unwrap_or(u16::MAX);
    let size = size.map(|size| Size { rows: number(size.height()), columns: number(size.width()) });
    Stdio::Terminal { size: size.filter(|size| size.rows > 0 && size.columns > 0) }
}

pub(super) fn has_terminal(spec: &Spec) -> bool {
    spec.process().as_ref().is_some_and(|process| process.terminal() == Some(true))
}

/// Tells the program of its sockets (sd_listen_fds(3)).
fn announce_sockets(spec: &mut Spec, count: u32) {
    if let Some(process) = spec.process_mut().as_mut().filter(|_| count > 0) {
        let mut env = process.env().clone().unwrap_or_default();
        env.push(format!("LISTEN_FDS={count}"));
        env.push("LISTEN_PID=1".to_owned());
        process.set_env(Some(env));
    }
}

/// Writes a process id in one step: whoever sees the file sees all of it.
pub(super) fn write_pid(file: &Path, pid: i32) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let temporary = file.with_file_name(format!(".{name}"));
    fs::write(&temporary, pid.to_string())
        .and_then(|()| fs::rename(&temporary, file))
        .context(|| format!("cannot write {}", file.display()))
}

/// A path that is short enough for a socket, whatever the directory.
fn gate_address(dir: &OciDir) -> Result<(OwnedFd, SocketAddrUnix)> {
    let failed = || "cannot name the container's socket".to_owned();
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, dir.path(), flags, Mode::empty());
    let opened = opened.map_err(std::io::Error::from).context(failed)?;
    let path = format!("/proc/self/fd/{}/{}", opened.as_raw_fd(), dir.gate_name());
    let address = SocketAddrUnix::new(path).map_err(std::io::Error::from).context(failed)?;
    Ok((opened, address))
}

fn gate_socket() -> std::io::Result<OwnedFd> {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    Ok(socket_with(AddressFamily::UNIX, kind, flags, None)?)
}

fn open_gate(dir: &OciDir) -> Result<OwnedFd> {
    let (_directory, address) = gate_address(dir)?;
    let made = gate_socket().and_then(|socket| {
        bind(&socket, &address)?;
        listen(&socket, 1)?;
        Ok(socket)
    });
    made.context(|| "cannot make the container's socket".to_owned())
}

/// Connects to the container's process, which waits.
pub(super) fn pass_gate(dir: &OciDir) -> Result<OwnedFd> {
    let (_directory, address) = gate_address(dir)?;
    let made = gate_socket().and_then(|socket| {
        connect(&socket, &address)?;
        Ok(socket)
    });
    made.map_err(|error| {
        Error::new(Kind::Conflict, "the container does not wait to be started").with_source(error)
    })
}

impl Container {
    /// Runs the hooks that come after its program was executed; if one fails, it is stopped.
    pub(super) fn poststart(&self) -> Result<()> {
        let bundle = self.bundle()?;
        let hooks = bundle.spec.hooks().as_ref().and_then(|hooks| hooks.poststart().as_deref());
        let state = self.hook_state(ContainerState::Running);
        let run = hooks::run(hooks.unwrap_or_default(), "poststart", &state, None);
        if run.is_err() {
            self.end()?;
        }
        run
    }
}
