//! Profiles of security modules: what a program is confined by after `execve`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use oci_spec::runtime::Process;
use rustix::fs::{Mode, OFlags};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::mount::FileSystem;

/// What is written right before `execve`, and where.
#[derive(Debug)]
pub struct Labels {
    labels: Vec<Label>,
    /// `None`: there are no labels.
    proc: Option<OwnedFd>,
}

#[derive(Debug)]
struct Label {
    /// The first of these that exists.
    files: &'static [&'static str],
    text: String,
    /// What it means when the kernel does not know it.
    missing: String,
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
        let apparmor = wanted(process.apparmor_profile()).map(|profile| Label {
            // The second is that of kernels before 5.8.
            files: &["thread-self/attr/apparmor/exec", "thread-self/attr/exec"],
            text: format!("exec {profile}"),
            missing: format!("the AppArmor profile `{profile}` is not loaded"),
        });
        let selinux = wanted(process.selinux_label()).map(|label| Label {
            files: &["thread-self/attr/exec"],
            text: label.to_owned(),
            missing: format!("there is no SELinux label `{label}`"),
        });
        let labels: Vec<Label> = apparmor.into_iter().chain(selinux).collect();
        if labels.is_empty() {
            return Ok(Labels { labels, proc: None });
        }
        let proc = FileSystem::new("proc").and_then(|proc| proc.mount(0));
        let proc = proc.context(|| "cannot mount proc".to_owned())?;
        Ok(Labels { labels, proc: Some(proc) })
    }

    /// Makes them those of the next `execve`.
    ///
    /// Nothing may change the process's credentials between the opening of such a file and
    /// writing to it (Linux 5.13), so it is opened here.
    ///
    /// # Errors
    /// The profile is not loaded, or may not be changed to.
    pub fn set(&self) -> Result<()> {
        let Some(proc) = &self.proc else { return Ok(()) };
        for label in &self.labels {
            let open = |path: &&str| {
                rustix::fs::openat(proc, *path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
            };
            let mut file = match label.files.iter().find_map(|path| open(path).ok()) {
                Some(file) => File::from(file),
                None => return Err(Error::other(format!("cannot apply `{}`", label.text))),
            };
            file.write_all(label.text.as_bytes()).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Error::new(Kind::NotFound, label.missing.as_str()),
                _ => Error::other(format!("cannot apply `{}`", label.text)).with_source(error),
            })?;
        }
        Ok(())
    }
}
