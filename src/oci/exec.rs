//! Executing a program in a container that runs.

use std::os::fd::AsFd;
use std::path::PathBuf;

use oci_spec::runtime::{Capabilities, LinuxCapabilities, Process, Spec};
use serde_json::Value;

use crate::base::{Error, Kind, Result};
use crate::runtime::{self, Cgroup, ExecSpec, Started, caps};

use super::config;
use super::console;
use super::container::{Container, Status, not_running};
use super::create::{has_terminal, stdio, write_pid};

/// What is executed, and how.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    /// The whole process as JSON; what follows up to `apparmor` is for when it is not given.
    pub process: Option<Vec<u8>>,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working directory; `None`: the container's.
    pub cwd: Option<PathBuf>,
    /// Added to the environment, as `NAME=value`.
    pub env: Vec<String>,
    /// With a terminal.
    pub tty: bool,
    /// `uid[:gid]`, or a name of the image's; `None`: the container's.
    pub user: Option<String>,
    /// Further groups.
    pub groups: Vec<u32>,
    /// Further capabilities.
    pub caps: Vec<String>,
    /// Nothing it executes gains privileges.
    pub no_new_privileges: bool,
    /// SELinux label.
    pub label: Option<String>,
    /// AppArmor profile.
    pub apparmor: Option<String>,
    /// The caller will not stay.
    pub detach: bool,
    /// Where the terminal's other end is sent.
    pub console: Option<PathBuf>,
    /// Where the process id is written.
    pub pid_file: Option<PathBuf>,
    /// So many descriptors after the standard ones are left to the program.
    pub kept: u32,
    /// A control group below the container's.
    pub cgroup: Option<PathBuf>,
    /// Also in a container that is paused, where it runs when that is over.
    pub ignore_paused: bool,
}

impl Container {
    /// Executes a program; it is a child of the caller.
    ///
    /// # Errors
    /// The container does not run; the program cannot be executed.
    pub fn exec(&self, exec: &Exec) -> Result<Started> {
        let refused = |message| Err(Error::new(Kind::Conflict, message));
        match self.status()? {
            Status::Stopped => return refused("cannot exec in a stopped container"),
            Status::Creating => return refused("cannot exec in a container that is being created"),
            Status::Paused if !exec.ignore_paused => {
                return refused(
                    "cannot exec in a paused container (use --ignore-paused to override)",
                );
            }
            _ => {}
        }
        let mut bundle = self.bundle()?;
        let mut spec = ExecSpec { kept: exec.kept, ..ExecSpec::default() };
        let process = process(&bundle.spec, exec, &mut spec)?;
        let (added, unknown) = capabilities(&exec.caps);
        let process = with_capabilities(process, &added);
        spec.argv = process.args().clone().unwrap_or_default();
        bundle.spec.set_process(Some(process));
        console::check(has_terminal(&bundle.spec), exec.console.is_some(), exec.detach)?;
        let init = self.process()?;
        let init = init.ok_or_else(|| Error::new(Kind::Conflict, "container not running"))?;
        let cgroup = self.cgroup_for(exec)?;
        let stdio = stdio(&bundle.spec);
        let mut started = runtime::exec(init.as_fd(), &bundle, &spec, &cgroup, &stdio)?;
        let ignored = unknown.iter().map(|name| format!("ignoring unknown capability {name:?}"));
        started.warnings.extend(ignored);
        if let (Some(path), Some(terminal)) = (&exec.console, &started.terminal) {
            console::send(path, terminal)?;
        }
        if let Some(file) = &exec.pid_file {
            write_pid(file, started.pid.as_raw_pid())?;
        }
        Ok(started)
    }

    fn cgroup_for(&self, exec: &Exec) -> Result<Cgroup> {
        let Some(below) = &exec.cgroup else { return self.needed_cgroup() };
        let whole = self.record.cgroup.as_ref().ok_or_else(not_running)?;
        let path = whole.below(below).map_err(|_| {
            let message = format!("{} is not a sub cgroup path", below.display());
            Error::new(Kind::Invalid, message)
        })?;
        match Cgroup::open(&path)? {
            Some(cgroup) => Ok(cgroup),
            None => {
                let message = format!("the container has no control group {}", below.display());
                Err(Error::new(Kind::NotFound, message))
            }
        }
    }
}

/// The process that is meant: written out, or the container's with changes.
fn process(spec: &Spec, exec: &Exec, more: &mut ExecSpec) -> Result<Process> {
    if let Some(text) = &exec.process {
        return parse(text);
    }
    if exec.argv.is_empty() {
        return Err(Error::new(Kind::Invalid, "process args cannot be empty"));
    }
    let mut process = spec.process().clone().unwrap_or_default();
    process.set_args(Some(exec.argv.clone())).set_terminal(Some(exec.tty));
    process.set_console_size(None);
    let mut env = process.env().clone().unwrap_or_default();
    env.extend(exec.env.iter().cloned());
    process.set_env(Some(env));
    if let Some(cwd) = &exec.cwd {
        process.set_cwd(cwd.clone());
    }
    if exec.no_new_privileges {
        process.set_no_new_privileges(Some(true));
    }
    if let Some(label) = &exec.label {
        process.set_selinux_label(Some(label.clone()));
    }
    if let Some(profile) = &exec.apparmor {
        process.set_apparmor_profile(Some(profile.clone()));
    }
    set_user(&mut process, exec, more);
    Ok(process)
}

/// A process as callers write it.
fn parse(text: &[u8]) -> Result<Process> {
    let wrong = |error: serde_json::Error| {
        Error::new(Kind::Invalid, "the process is not as the specification has it")
            .with_source(error)
    };
    let mut value: Value = serde_json::from_slice(text).map_err(wrong)?;
    // Capabilities that no kernel has cannot be missed.
    config::forgive(&mut value, &mut Vec::new());
    let process: Process = serde_json::from_value(value).map_err(wrong)?;
    if process.args().as_ref().is_none_or(Vec::is_empty) {
        return Err(Error::new(Kind::Invalid, "process args cannot be empty"));
    }
    if !process.cwd().is_absolute() {
        return Err(Error::new(Kind::Invalid, "Cwd must be an absolute path"));
    }
    Ok(process)
}

fn set_user(process: &mut Process, exec: &Exec, more: &mut ExecSpec) {
    if let Some(text) = &exec.user {
        let (uid, gid) =
            text.split_once(':').map_or((text.as_str(), None), |(uid, gid)| (uid, Some(gid)));
        let number = |text: &str| text.parse::<u32>().ok();
        match (number(uid), gid.map(number)) {
            (Some(uid), None) => drop(process.user_mut().set_uid(uid)),
            (Some(uid), Some(Some(gid))) => drop(process.user_mut().set_uid(uid).set_gid(gid)),
            // Names are looked up in the container.
            _ => more.user = Some(text.clone()),
        }
    }
    if !exec.groups.is_empty() {
        let user = process.user_mut();
        let mut groups = user.additional_gids().clone().unwrap_or_default();
        groups.extend(&exec.groups);
        user.set_additional_gids(Some(groups));
    }
}

/// The capabilities that these names mean, and names that no kernel has: they cannot be missed
/// (runc: the same).
fn capabilities(names: &[String]) -> (Capabilities, Vec<&String>) {
    let (mut known, mut unknown) = (Capabilities::new(), Vec::new());
    for name in names {
        match caps::named(name) {
            Some(capability) => drop(known.insert(capability)),
            None => unknown.push(name),
        }
    }
    (known, unknown)
}

fn with_capabilities(mut process: Process, added: &Capabilities) -> Process {
    if added.is_empty() {
        return process;
    }
    let mut sets = process.capabilities().clone().unwrap_or_default();
    let with = |set: &Option<Capabilities>| {
        Some(set.iter().flatten().chain(added).copied().collect::<Capabilities>())
    };
    let (bounding, effective, permitted) =
        (with(sets.bounding()), with(sets.effective()), with(sets.permitted()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    process.set_capabilities(Some(LinuxCapabilities::clone(&sets)));
    process
}
