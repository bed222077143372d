//! Profiles of security modules: what a program is confined by after `execve`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use oci_spec::runtime::Process;
use rustix::fs::{Mode, OFlags};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::mount::FileSystem;

/// What confines the program.
#[derive(Debug)]
pub struct Labels {
    /// A profile of AppArmor.
    apparmor: Option<String>,
    /// A label of SELinux.
    selinux: Option<String>,
    /// `None`: there is neither.
    proc: Option<OwnedFd>,
}

/// Fails when a profile is asked for that this machine has no security module for.
///
/// # Errors
/// [`Kind::Invalid`], with what is missing.
pub fn check(process: &Process) -> Result<()> {
    let missing = |what: &str| {
        Err(Error::new(Kind::Invalid, format!("{what}, but this kernel has it not enabled")))
    };
    if wanted(process.apparmor_profile()).is_some() && !has_apparmor() {
        return missing("the process has an AppArmor profile");
    }
    if wanted(process.selinux_label()).is_some() && !has_selinux() {
        return missing("the process has an SELinux label");
    }
    Ok(())
}

/// AppArmor is on.
#[must_use]
pub fn has_apparmor() -> bool {
    fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with(b"Y"))
}

/// SELinux is on.
#[must_use]
pub fn has_selinux() -> bool {
    fs::exists("/sys/fs/selinux/enforce").unwrap_or(false)
}

fn wanted(label: &Option<String>) -> Option<&str> {
    label.as_deref().filter(|label| !label.is_empty())
}

impl Labels {
    /// Makes ready what is needed: a procfs that nobody in the container has touched
    /// (CVE-2025-52881).
    ///
    /// # Errors
    /// There is no procfs to be had.
    pub fn open(process: &Process) -> Result<Labels> {
        let apparmor = wanted(process.apparmor_profile()).map(str::to_owned);
        let selinux = wanted(process.selinux_label()).map(str::to_owned);
        let proc = match apparmor.as_ref().or(selinux.as_ref()) {
            None => None,
            Some(_) => {
                let made = FileSystem::new("proc").and_then(|proc| proc.mount(0));
                Some(made.context(|| "cannot mount proc".to_owned())?)
            }
        };
        Ok(Labels { apparmor, selinux, proc })
    }

    /// Takes the AppArmor profile on at once, for a process that stays what it is: what is in the
    /// profile may signal only what is, too. Children have it then.
    ///
    /// # Errors
    /// As [`Labels::set`].
    pub fn enter(&mut self) -> Result<()> {
        let Some(profile) = self.apparmor.take() else { return Ok(()) };
        let files = ["thread-self/attr/apparmor/current", "thread-self/attr/current"];
        self.write(&files, &format!("changeprofile {profile}"), || not_loaded(&profile))
    }

    /// Makes them those of the next `execve`.
    ///
    /// # Errors
    /// The profile is not loaded, or may not be changed to.
    pub fn set(&self) -> Result<()> {
        if let Some(profile) = &self.apparmor {
            let files = ["thread-self/attr/apparmor/exec", "thread-self/attr/exec"];
            self.write(&files, &format!("exec {profile}"), || not_loaded(profile))?;
        }
        if let Some(label) = &self.selinux {
            let missing = || format!("there is no SELinux label `{label}`");
            self.write(&["thread-self/attr/exec"], label, missing)?;
        }
        Ok(())
    }

    /// Writes into the first of `files` that exists; the second is that of kernels before 5.8.
    ///
    /// Nothing may change the process's credentials between the opening of such a file and
    /// writing to it (Linux 5.13), so it is opened here.
    fn write(&self, files: &[&str], text: &str, missing: impl Fn() -> String) -> Result<()> {
        let Some(proc) = &self.proc else { return Ok(()) };
        let failed = || format!("cannot apply `{text}`");
        let open = |path: &&str| {
            rustix::fs::openat(proc, *path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        };
        let Some(file) = files.iter().find_map(|path| open(path).ok()) else {
            return Err(Error::other(failed()));
        };
        File::from(file).write_all(text.as_bytes()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(Kind::NotFound, missing()),
            _ => Error::other(failed()).with_source(error),
        })
    }
}

fn not_loaded(profile: &str) -> String {
    format!("the AppArmor profile `{profile}` is not loaded")
}
