//! Kernel parameters: only those that belong to a namespace of the container's own.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use crate::base::{Context, Error, Kind, Result};

/// Which namespaces the container does not share.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    /// System V IPC and message queues.
    pub ipc: bool,
    /// Network.
    pub net: bool,
    /// Host and domain name.
    pub uts: bool,
}

const IPC: &[&str] = &[
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Writes `parameters` through `proc`, a procfs of this container's that nobody has touched
/// (CVE-2025-52881).
///
/// # Errors
/// [`Kind::Invalid`] for a parameter that would change the host.
pub fn write(proc: BorrowedFd<'_>, parameters: &HashMap<String, String>, own: Own) -> Result<()> {
    let mut sorted: Vec<(&String, &String)> = parameters.iter().collect();
    sorted.sort();
    for (name, value) in sorted {
        let path = path(name, own)?;
        write_one(proc, &path, value).context(|| format!("cannot set sysctl {name} to {value}"))?;
    }
    Ok(())
}

fn write_one(proc: BorrowedFd<'_>, path: &str, value: &str) -> io::Result<()> {
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat2(proc, format!("sys/{path}"), flags, Mode::empty(), how)?;
    std::fs::File::from(file).write_all(value.as_bytes())
}

/// The file below `/proc/sys`, if the container may have the parameter for itself (runc's list).
fn path(name: &str, own: Own) -> Result<String> {
    let slashes = match name.find(['.', '/']).map(|at| name.as_bytes()[at]) {
        // sysctl(8): after a first slash, a dot is part of a name (`net/ipv4/conf/eth0.1/…`).
        Some(b'/') => name.to_owned(),
        _ => name.chars().map(swap).collect(),
    };
    // `net/../kernel/…` begins like one of the network's (CVE-2022-0811 and its kin).
    if slashes.split('/').any(|part| matches!(part, "" | "." | "..")) {
        let message = format!("`{name}` is not the name of a sysctl");
        return Err(Error::new(Kind::Invalid, message));
    }
    let dots: String = slashes.chars().map(swap).collect();
    let (namespace, allowed) = match dots.as_str() {
        "kernel.domainname" => ("UTS", own.uts),
        name if IPC.contains(&name) || name.starts_with("fs.mqueue.") => ("IPC", own.ipc),
        name if name.starts_with("net.") => ("network", own.net),
        "kernel.hostname" => {
            let message = "sysctl kernel.hostname conflicts with the hostname setting";
            return Err(Error::new(Kind::Invalid, message));
        }
        _ => {
            let message = format!("sysctl {name} is not in a separate kernel namespace");
            return Err(Error::new(Kind::Invalid, message));
        }
    };
    if !allowed {
        let message = format!("sysctl {name} is not allowed in the host's {namespace} namespace");
        return Err(Error::new(Kind::Invalid, message));
    }
    Ok(slashes)
}

fn swap(letter: char) -> char {
    match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Own = Own { ipc: true, net: true, uts: true };

    #[test]
    fn both_spellings_name_the_same_file() {
        assert_eq!(path("net.core.somaxconn", ALL).unwrap(), "net/core/somaxconn");
        assert_eq!(path("net/core/somaxconn", ALL).unwrap(), "net/core/somaxconn");
        assert_eq!(
            path("net/ipv4/conf/eth0.1/forwarding", ALL).unwrap(),
            "net/ipv4/conf/eth0.1/forwarding"
        );
        assert_eq!(
            path("net.ipv4.conf.eth0/1.forwarding", ALL).unwrap(),
            "net/ipv4/conf/eth0.1/forwarding"
        );
    }

    #[test]
    fn what_would_change_the_host_is_refused() {
        for name in ["kernel.core_pattern", "vm.swappiness", "kernel/sysrq", "fs.file-max", ""] {
            assert!(path(name, ALL).is_err(), "{name}");
        }
        for name in [
            "net/../kernel/core_pattern",
            "net/./../kernel/core_pattern",
            "net.//.kernel.core_pattern",
            "fs/mqueue/../../kernel/core_pattern",
            "net//core/somaxconn",
            "net/",
        ] {
            assert!(path(name, ALL).is_err(), "{name}");
        }
        let none = Own::default();
        for name in ["net.core.somaxconn", "kernel.sem", "fs.mqueue.msg_max", "kernel.domainname"] {
            let error = path(name, none).unwrap_err().to_string();
            assert!(error.contains("is not allowed in the host's"), "{error}");
        }
    }
}
