//! `compose oci …`: our runtime with the command line of runc, for containerd, Docker and podman.
//!
//! Leaves early: no engine is opened and no thread started. The arguments and the words of errors
//! are runc's, since callers match them; nothing is printed to standard error on success.

mod change;
mod lifecycle;
mod log;
mod look;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use crate::base::{Error, Kind, Result};
use crate::state::OciRoot;
use log::Log;

/// A link of this name to our program is called as `compose oci`.
const LINK: &str = "compose-oci";

/// Run containers from OCI bundles, with the command line of runc
///
/// For programs that bring their own images, networks and logs: podman, containerd and Docker take
/// a link called compose-oci to this program as their runtime.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  compose oci spec --bundle DIRECTORY        write a config.json to begin with
  compose oci run --bundle DIRECTORY web     run it in the foreground
  ln -s /usr/local/bin/compose /usr/local/bin/compose-oci
  podman --runtime /usr/local/bin/compose-oci run --rm busybox true
  dockerd --add-runtime compose=/usr/local/bin/compose-oci")]
pub struct Oci {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    operation: Operation,
}

/// Options for all operations.
#[derive(clap::Args, Debug)]
struct Options {
    /// Directory in which containers are remembered
    #[arg(long, value_name = "DIRECTORY")]
    root: Option<PathBuf>,

    /// Write errors and warnings to this file, too; with --debug, also what was done
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// How the log is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log_format: log::Format,

    /// Tell also what was done, and write warnings to standard error when there is no log
    #[arg(long)]
    debug: bool,

    /// Expect cgroupsPath to be written as `slice:prefix:name`
    #[arg(long)]
    systemd_cgroup: bool,

    /// How cgroupsPath is written; both are made without help of systemd
    #[arg(long, value_enum, value_name = "MANAGER")]
    cgroup_manager: Option<Manager>,

    /// Accepted for callers that pass it: privileges are found out
    #[arg(long, value_name = "true|false|auto")]
    rootless: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Manager {
    Cgroupfs,
    Systemd,
}

/// What to do.
#[derive(Subcommand, Debug)]
enum Operation {
    Create(lifecycle::Create),
    Start(lifecycle::Start),
    Run(lifecycle::Run),
    Exec(Box<lifecycle::Exec>),
    Kill(lifecycle::Kill),
    Delete(lifecycle::Delete),
    State(look::State),
    List(look::List),
    Ps(look::Ps),
    Events(look::Events),
    Features(look::Features),
    Spec(look::Spec),
    Pause(change::Pause),
    Resume(change::Resume),
    Update(Box<change::Update>),
}

/// The command line of its own that `compose oci` is.
#[derive(Parser, Debug)]
#[command(name = "compose oci", version = VERSIONS, disable_version_flag = true)]
#[command(infer_long_args = false)]
struct Alone {
    /// Print versions
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(flatten)]
    oci: Oci,
}

/// Versions of ourselves and of the specification.
const VERSIONS: &str = concat!("version ", env!("CARGO_PKG_VERSION"), "\nspec: 1.2.1");

/// What operations need to know.
struct Setting {
    root: OciRoot,
    systemd: bool,
    log: Log,
}

/// Whether our program was called by the name that stands for `oci`.
#[must_use]
pub fn is_link(program: &OsString) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == LINK)
}

/// Does what `arguments` say, of which the first is a program's name.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    match Alone::try_parse_from(arguments) {
        Ok(alone) => ExitCode::from(alone.oci.run()),
        Err(error) => {
            // With the streams closed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(if error.use_stderr() { 1 } else { 0 })
        }
    }
}

impl Oci {
    /// Does it; the exit code is runc's.
    #[must_use]
    pub fn run(self) -> u8 {
        let Options { log, log_format, debug, .. } = &self.options;
        let log = Log::new(log.clone(), *log_format, *debug);
        let failure = if matches!(self.operation, Operation::Exec(_)) { 255 } else { 1 };
        let setting = Setting { root: self.options.root(), systemd: self.options.systemd(), log };
        match self.operation.run(&setting) {
            Ok(code) => code,
            Err(error) => {
                setting.log.error(&error);
                failure
            }
        }
    }
}

impl Options {
    fn root(&self) -> OciRoot {
        let root = self.root.clone().unwrap_or_else(|| {
            let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
            let own = own.filter(|_| !rustix::process::geteuid().is_root());
            own.unwrap_or_else(|| PathBuf::from("/run")).join("compose-oci")
        });
        OciRoot::new(std::path::absolute(&root).unwrap_or(root))
    }

    fn systemd(&self) -> bool {
        self.systemd_cgroup || self.cgroup_manager == Some(Manager::Systemd)
    }
}

impl Operation {
    fn run(self, setting: &Setting) -> Result<u8> {
        match self {
            Operation::Create(it) => it.run(setting),
            Operation::Start(it) => it.run(setting),
            Operation::Run(it) => it.run(setting),
            Operation::Exec(it) => it.run(setting),
            Operation::Kill(it) => it.run(setting),
            Operation::Delete(it) => it.run(setting),
            Operation::State(it) => it.run(setting),
            Operation::List(it) => it.run(setting),
            Operation::Ps(it) => it.run(setting),
            Operation::Events(it) => it.run(setting),
            Operation::Features(it) => it.run(),
            Operation::Spec(it) => it.run(),
            Operation::Pause(it) => it.run(setting),
            Operation::Resume(it) => it.run(setting),
            Operation::Update(it) => it.run(setting),
        }
    }
}

/// Fails for descriptors that the caller says are open and are not: one of ours would take the
/// place.
fn check_kept(count: u32) -> Result<()> {
    for number in 3..3 + count {
        if !std::fs::exists(format!("/proc/self/fd/{number}")).unwrap_or(false) {
            let message = format!("--preserve-fds: file descriptor {number} is not open");
            return Err(Error::new(Kind::Invalid, message));
        }
    }
    Ok(())
}

/// So many sockets were handed to us for the program (sd_listen_fds(3)).
fn listening() -> u32 {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    match number("LISTEN_PID") == Some(std::process::id()) {
        true => number("LISTEN_FDS").unwrap_or(0),
        false => 0,
    }
}
