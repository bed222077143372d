//! `create start run exec kill delete`.

use std::path::PathBuf;

use crate::base::{Context, Result};
use crate::cli::oci::{Setting, check_kept, listening};
use crate::oci::{self, Container, Made, Relay};

/// How a container is made.
#[derive(clap::Args, Debug)]
struct Making {
    /// The bundle's directory
    #[arg(short, long, value_name = "DIRECTORY", default_value = ".")]
    bundle: PathBuf,

    /// Send the terminal's other end to this socket
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,

    /// Write the process id to this file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Leave this many descriptors after the standard ones to the program
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,

    /// Change the root directory without pivot_root, as a RAM disk needs
    #[arg(long)]
    no_pivot: bool,

    /// Stay in the caller's session keyring
    #[arg(long)]
    no_new_keyring: bool,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Making {
    fn how(&self, setting: &Setting) -> Result<oci::Create> {
        let listening = listening();
        check_kept(listening + self.preserve_fds)?;
        Ok(oci::Create {
            bundle: self.bundle.clone(),
            console: self.console_socket.clone(),
            pid_file: self.pid_file.clone(),
            kept: listening + self.preserve_fds,
            listening,
            keeps_keyring: self.no_new_keyring,
            no_pivot: self.no_pivot,
            systemd: setting.systemd,
        })
    }
}

/// Make a container, whose program waits to be started
#[derive(clap::Args, Debug)]
pub(super) struct Create {
    #[command(flatten)]
    making: Making,
}

impl Create {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        let made = oci::create(&setting.root, &self.making.id, &self.making.how(setting)?)?;
        tell(setting, &made, "waits to be started");
        Ok(0)
    }
}

/// What was made, and what was passed over in making it.
fn tell(setting: &Setting, made: &Made, then: &str) {
    let container = &made.container;
    setting.log.debug(|| {
        format!(
            "{}: made from {}, in control group {}: process {} {then}",
            container.id(),
            container.bundle_path().display(),
            container.cgroup_path().display(),
            made.started.pid.as_raw_pid()
        )
    });
    made.warnings.iter().for_each(|text| setting.log.warning(text));
}

/// Execute the program of a container that was created
#[derive(clap::Args, Debug)]
pub(super) struct Start {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Start {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        let container = Container::open(&setting.root, &self.id)?;
        container.start()?;
        let process = container.pid().unwrap_or(0);
        setting.log.debug(|| format!("{}: process {process} executes its program", self.id));
        Ok(0)
    }
}

/// Make a container and run its program; remove it when that has ended
#[derive(clap::Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    making: Making,

    /// Do not stay with it
    #[arg(short, long)]
    detach: bool,

    /// Do not remove it when its program has ended
    #[arg(long)]
    keep: bool,

    /// Accepted for callers that pass it: orphans are never taken over
    #[arg(long, hide = true)]
    no_subreaper: bool,
}

impl Run {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        let how = self.making.how(setting)?;
        // Before there is a process to be told of them.
        let relay = if self.detach { None } else { Some(Relay::new()?) };
        let made = oci::run(&setting.root, &self.making.id, &how, self.detach)?;
        tell(setting, &made, "executes its program");
        let Some(relay) = relay else { return Ok(0) };
        let code = relay.attend(&made.started)?;
        setting.log.debug(|| format!("{}: ended with code {code}", self.making.id));
        if !self.keep {
            let warnings = made.container.delete(true)?;
            warnings.iter().for_each(|text| setting.log.warning(text));
        }
        Ok(u8::try_from(code).unwrap_or(u8::MAX))
    }
}

/// Execute a program in a container that runs
#[derive(clap::Args, Debug)]
pub(super) struct Exec {
    /// Send the terminal's other end to this socket
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,

    /// Working directory
    #[arg(long, value_name = "DIRECTORY")]
    cwd: Option<PathBuf>,

    /// Set a variable
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// With a terminal
    #[arg(short, long)]
    tty: bool,

    /// Who runs it
    #[arg(short, long, value_name = "UID[:GID]")]
    user: Option<String>,

    /// Further groups
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,

    /// The whole process, as in config.json
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,

    /// Do not stay with it
    #[arg(short, long)]
    detach: bool,

    /// Write the process id to this file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// SELinux label
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,

    /// AppArmor profile
    #[arg(long, value_name = "PROFILE")]
    apparmor: Option<String>,

    /// Nothing it executes gains privileges
    #[arg(long)]
    no_new_privs: bool,

    /// Further capabilities
    #[arg(short, long, value_name = "CAPABILITY")]
    cap: Vec<String>,

    /// Leave this many descriptors after the standard ones to the program
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,

    /// A control group below the container's
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,

    /// Also in a container that is paused
    #[arg(long)]
    ignore_paused: bool,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,

    /// Program and arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Exec {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        check_kept(self.preserve_fds)?;
        let process = self
            .process
            .as_ref()
            .map(|path| std::fs::read(path).context(|| format!("cannot read {}", path.display())));
        let exec = oci::Exec {
            process: process.transpose()?,
            argv: self.command,
            cwd: self.cwd,
            env: self.env,
            tty: self.tty,
            user: self.user,
            groups: self.additional_gids,
            caps: self.cap,
            no_new_privileges: self.no_new_privs,
            label: self.process_label,
            apparmor: self.apparmor,
            detach: self.detach,
            console: self.console_socket,
            pid_file: self.pid_file,
            kept: self.preserve_fds,
            cgroup: self.cgroup,
            ignore_paused: self.ignore_paused,
        };
        let container = Container::open(&setting.root, &self.id)?;
        let relay = if self.detach { None } else { Some(Relay::new()?) };
        let started = container.exec(&exec)?;
        let process = started.pid.as_raw_pid();
        // Not what it executes: arguments may hold secrets.
        setting.log.debug(|| format!("{}: process {process} executes in it", self.id));
        started.warnings.iter().for_each(|text| setting.log.warning(text));
        let Some(relay) = relay else { return Ok(0) };
        let code = relay.attend(&started)?;
        setting.log.debug(|| format!("{}: process {process} ended with code {code}", self.id));
        Ok(u8::try_from(code).unwrap_or(u8::MAX))
    }
}

/// Send a signal to a container's first process
#[derive(clap::Args, Debug)]
pub(super) struct Kill {
    /// To all of its processes
    #[arg(short, long)]
    all: bool,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,

    /// Name or number
    #[arg(value_name = "SIGNAL", default_value = "SIGTERM")]
    signal: String,
}

impl Kill {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        Container::open(&setting.root, &self.id)?.kill(&self.signal, self.all)?;
        setting.log.debug(|| format!("{}: was sent signal {}", self.id, self.signal));
        Ok(0)
    }
}

/// Remove a container that has stopped
#[derive(clap::Args, Debug)]
pub(super) struct Delete {
    /// Kill it first; fine if there is none
    #[arg(short, long)]
    force: bool,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Delete {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        let container = match Container::open(&setting.root, &self.id) {
            Err(error) if self.force && error.kind() == crate::base::Kind::NotFound => {
                return Ok(0);
            }
            container => container?,
        };
        let warnings = container.delete(self.force)?;
        setting.log.debug(|| format!("{}: is removed", self.id));
        warnings.iter().for_each(|text| setting.log.warning(text));
        Ok(0)
    }
}
