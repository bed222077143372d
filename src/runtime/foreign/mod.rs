//! A container run by another OCI runtime (runc, crun, runsc): the same bundle, their program.
//!
//! What the specification has words for goes into `config.json`; what it has none for (layers,
//! secrets, parts of volumes, filling volumes, our init) is laid out as files and mounts that the
//! bundle names. These are in a mount namespace that exists only while the other runtime makes the
//! container: nothing shows in the host's, and nothing is left behind.
//!
//! The caller must be the reaper of orphans: the other runtime's program ends as soon as the
//! container's process runs, which then is the caller's child.

mod call;
mod config;
mod console;
mod ground;

use std::ffi::OsString;
use std::fs;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::Process;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::Serialize;

use crate::base::{Context, Error, Kind, Result};
use crate::sys::process;

use super::bundle::{Bundle, UserSpec};
use super::root::Root;
use super::start::{ExecSpec, Namespace, Size, Started, Stdio, kernel_version, process_of};
use super::{Cgroup, user};

use call::Streams;
use console::Console;
use ground::Ground;

/// One container of another runtime.
#[derive(Debug)]
pub struct Foreign {
    /// Its program.
    program: PathBuf,
    /// What it calls the container.
    id: String,
    /// Where everything that is handed to it lies; gone with the container.
    directory: PathBuf,
}

impl Foreign {
    /// The container `id` of the runtime that `bundle` names; `None`: that is ours. What the
    /// runtime is told, and what it remembers, is written below `directory`.
    #[must_use]
    pub fn of(bundle: &Bundle, id: &str, directory: PathBuf) -> Option<Foreign> {
        let program = bundle.runtime.clone()?;
        Some(Foreign { program, id: id.to_owned(), directory })
    }

    /// Starts the container: returns when its program was executed.
    ///
    /// `namespaces` are joined instead of made; `mounts` are the caller's own, detached.
    ///
    /// # Errors
    /// As [`super::start`], in the other runtime's words. Nothing is left then.
    pub fn start(
        &self,
        bundle: &Bundle,
        namespaces: &[Namespace<'_>],
        mounts: &[(&Path, BorrowedFd<'_>)],
        stdio: &Stdio<'_>,
    ) -> Result<Started> {
        fs::create_dir_all(&self.directory).context(|| self.failed("prepare"))?;
        let started = self.create(bundle, namespaces, mounts, stdio).and_then(|started| {
            self.call("start", &["start".into(), self.id.clone().into()], None).map(|()| started)
        });
        if started.is_err() {
            // The first error is the one to tell.
            let _ = self.delete(bundle);
        }
        started
    }

    fn create(
        &self,
        bundle: &Bundle,
        namespaces: &[Namespace<'_>],
        mounts: &[(&Path, BorrowedFd<'_>)],
        stdio: &Stdio<'_>,
    ) -> Result<Started> {
        let ground = Ground::lay(&self.directory, bundle, mounts)?;
        let facts = config::Facts {
            root: ground.root_path(),
            user: ground.user(bundle)?,
            namespaces: config::paths(namespaces),
            mounts: ground.mounts(),
            init: ground.init(),
            size: size(stdio),
            kernel: kernel_version(),
        };
        let (spec, warnings) = config::of(bundle, &facts)?;
        self.write("config.json", &spec)?;
        let mut arguments: Vec<OsString> =
            vec!["create".into(), "--bundle".into(), self.directory.clone().into()];
        let started = self.run_program("create", &mut arguments, stdio);
        ground.leave()?;
        started.map(|started| Started { warnings, ..started })
    }

    /// Executes a program in the container whose process 1 is `init`.
    ///
    /// # Errors
    /// As [`super::exec`], in the other runtime's words.
    pub fn exec(
        &self,
        bundle: &Bundle,
        init: Pid,
        exec: &ExecSpec,
        stdio: &Stdio<'_>,
    ) -> Result<Started> {
        let (process, warnings) = process(bundle, init, exec, stdio)?;
        let path = self.write("process.json", &process)?;
        let mut arguments: Vec<OsString> =
            vec!["exec".into(), "--detach".into(), "--process".into(), path.into()];
        let started = self.run_program("exec", &mut arguments, stdio)?;
        Ok(Started { warnings, ..started })
    }

    /// Sends a signal to the container's first process.
    ///
    /// # Errors
    /// In the other runtime's words.
    pub fn signal(&self, number: i32) -> Result<()> {
        let arguments = ["kill".into(), self.id.clone().into(), number.to_string().into()];
        self.call("kill", &arguments, None)
    }

    /// Freezes all processes, or lets them run again.
    ///
    /// # Errors
    /// In the other runtime's words.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let verb = if frozen { "pause" } else { "resume" };
        self.call(verb, &[verb.into(), self.id.clone().into()], None)
    }

    /// Has the runtime forget the container, kills what is left of it, and removes what was
    /// written for it. Fine if there is nothing.
    ///
    /// # Errors
    /// A process does not end, or a file cannot be removed.
    pub fn delete(&self, bundle: &Bundle) -> Result<()> {
        if !self.directory.exists() {
            return Ok(());
        }
        // One that it never made it does not know; what is left of it shows below.
        let _ =
            self.call("delete", &["delete".into(), "--force".into(), self.id.clone().into()], None);
        if let Some(cgroup) = Cgroup::open(&bundle.cgroup()?)? {
            cgroup.kill()?;
            cgroup.remove()?;
        }
        fs::remove_dir_all(&self.directory).context(|| self.failed("delete"))
    }

    /// Runs `create` or `exec`, whose container process or command is the caller's afterwards.
    fn run_program(
        &self,
        verb: &str,
        arguments: &mut Vec<OsString>,
        stdio: &Stdio<'_>,
    ) -> Result<Started> {
        let pid_file = self.directory.join("pid");
        arguments.extend(["--pid-file".into(), pid_file.clone().into()]);
        let console = match stdio {
            Stdio::Terminal { .. } => {
                let console = Console::listen(&self.directory)?;
                arguments.extend(["--console-socket".into(), console.path().into()]);
                Some(console)
            }
            Stdio::Pipes { .. } => None,
        };
        arguments.push(self.id.clone().into());
        let streams = match stdio {
            Stdio::Pipes { stdin, stdout, stderr } => Some([*stdin, *stdout, *stderr]),
            Stdio::Terminal { .. } => None,
        };
        self.call(verb, arguments, streams)?;
        let (pid, pidfd) = self.process_in(&pid_file)?;
        let terminal = console.map(|console| console.receive(size(stdio))).transpose()?;
        Ok(Started { pid, pidfd, terminal, warnings: Vec::new() })
    }

    /// The process whose id the runtime wrote to `file`. It is a child of ours that nobody has
    /// reaped, so that the id is its own.
    fn process_in(&self, file: &Path) -> Result<(Pid, OwnedFd)> {
        let text = fs::read_to_string(file).context(|| self.failed("say what it started"))?;
        let pid = process::pid(&text);
        let pid = pid.ok_or_else(|| {
            Error::other(format!("{} wrote no process id", self.program.display()))
        })?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(std::io::Error::from);
        Ok((pid, pidfd.context(|| "cannot open the container's process".to_owned())?))
    }

    fn call(&self, verb: &str, arguments: &[OsString], streams: Option<Streams<'_>>) -> Result<()> {
        let log = self.directory.join("log.json");
        let mut all: Vec<OsString> = vec![
            "--root".into(),
            self.directory.join("state").into(),
            "--log".into(),
            log.clone().into(),
            "--log-format".into(),
            "json".into(),
        ];
        all.extend(arguments.iter().cloned());
        call::run(&self.program, verb, &all, streams, &log)
    }

    /// Writes a file that the runtime reads.
    fn write(&self, name: &str, content: &impl Serialize) -> Result<PathBuf> {
        let path = self.directory.join(name);
        let text = serde_json::to_vec(content)
            .map_err(|error| Error::other("cannot describe the container").with_source(error))?;
        fs::write(&path, text).context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn failed(&self, verb: &str) -> String {
        format!("{} cannot {verb} the container", self.program.display())
    }
}

/// What `exec` asks for, as the specification writes it, and warnings.
fn process(
    bundle: &Bundle,
    init: Pid,
    exec: &ExecSpec,
    stdio: &Stdio<'_>,
) -> Result<(Process, Vec<String>)> {
    let root = format!("/proc/{}/root", init.as_raw_nonzero());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, root, flags, Mode::empty())
        .map_err(std::io::Error::from)
        .context(|| "cannot look into the container".to_owned())?;
    let groups = bundle.user.as_ref().map(|user| user.groups.clone()).unwrap_or_default();
    let asked = exec.user.clone().map(|user| UserSpec { user, groups });
    let asked = asked.or_else(|| bundle.user.clone()).unwrap_or_default();
    let user = user::resolve(&Root::new(root), &asked)?;
    let terminal = matches!(stdio, Stdio::Terminal { .. });
    config::process_of_exec(process_of(bundle)?, exec, &user, (terminal, size(stdio)))
}

fn size(stdio: &Stdio<'_>) -> Option<Size> {
    match stdio {
        Stdio::Terminal { size } => *size,
        Stdio::Pipes { .. } => None,
    }
}

/// Which kind of failure a runtime's words tell (Docker: the same phrases and exit codes).
fn kind_of(message: &str) -> Kind {
    let message = message.to_lowercase();
    let says = |phrase: &str| message.contains(phrase);
    if (says("executable file") && says("not found")) || says("no such file or directory") {
        Kind::NoSuchProgram
    } else if says("permission denied") {
        Kind::NotExecutable
    } else {
        Kind::Other
    }
}
