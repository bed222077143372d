//! Profiles of security modules: what a program is confined by after `execve`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;

use oci_spec::runtime::Process;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::mount::FileSystem;

/// What is written right before `execve`, and where.
#[derive(Debug)]
pub struct Labels(Vec<(File, String)>);

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
    /// Opens what has to be written to, through a procfs that nobody in the container has touched
    /// (CVE-2025-52881).
    ///
    /// # Errors
    /// There is no procfs to be had.
    pub fn open(process: &Process) -> Result<Labels> {
        let apparmor = wanted(process.apparmor_profile());
        let selinux = wanted(process.selinux_label());
        let mut labels = Vec::new();
        if apparmor.is_none() && selinux.is_none() {
            return Ok(Labels(labels));
        }
        let proc = FileSystem::new("proc").and_then(|proc| proc.mount(0));
        let proc = proc.context(|| "cannot mount proc".to_owned())?;
        let open = |path: &str| -> io::Result<File> {
            let how = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV;
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            Ok(openat2(proc.as_fd(), path, flags, Mode::empty(), how)?.into())
        };
        if let Some(profile) = apparmor {
            let file =
                open("thread-self/attr/apparmor/exec").or_else(|_| open("thread-self/attr/exec"));
            let file = file.context(|| "cannot set the AppArmor profile".to_owned())?;
            labels.push((file, format!("exec {profile}")));
        }
        if let Some(label) = selinux {
            let file = open("thread-self/attr/exec");
            labels.push((
                file.context(|| "cannot set the SELinux label".to_owned())?,
                label.to_owned(),
            ));
        }
        Ok(Labels(labels))
    }

    /// Makes them those of the next `execve`.
    ///
    /// # Errors
    /// The profile is not loaded, or may not be changed to.
    pub fn set(&self) -> Result<()> {
        for (file, label) in &self.0 {
            let mut file = file;
            file.write_all(label.as_bytes()).context(|| format!("cannot apply `{label}`"))?;
        }
        Ok(())
    }
}
