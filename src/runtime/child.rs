//! The child's part of a start: from the clone to the program.

use std::convert::Infallible;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use oci_spec::runtime::{LinuxDevice, LinuxNamespaceType};
use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use rustix::thread::{
    ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces,
};

use crate::base::{Context, Error, Result};
use crate::sys;
use crate::sys::mount::FileSystem;

use super::bundle::Bundle;
use super::cgroup::{Cgroup, Doors};
use super::channel::{Channel, Message};
use super::namespaces::Namespaces;
use super::program::{Program, Streams};
use super::root::Root;
use super::start::Stdio;
use super::{contents, dev, masks, mounts, rootfs, sysctl, terminal};

/// What both a container's first process and a later one do first.
pub struct Entry<'a> {
    /// How the control group is entered.
    pub doors: &'a Doors,
    /// Added to the badness for the out-of-memory killer.
    pub oom_score_adj: Option<i32>,
    /// Where the parent listens.
    pub channel: &'a Channel,
    /// The standard streams.
    pub stdio: &'a Stdio<'a>,
}

impl Entry<'_> {
    /// Dies with the parent from here on, is not to be traced, and counts as the container's.
    fn enter(&self) -> Result<()> {
        let prepared = rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .and_then(|()| {
                let hidden = rustix::process::DumpableBehavior::NotDumpable;
                rustix::process::set_dumpable_behavior(hidden)
            })
            .and_then(|()| rustix::process::setsid().map(drop));
        prepared.map_err(io::Error::from).context(|| "cannot leave the parent".to_owned())?;
        for file in &self.doors.files {
            // 0 is the writer itself.
            rustix::io::write(file, b"0")
                .map_err(io::Error::from)
                .context(|| "cannot enter the cgroup".to_owned())?;
        }
        self.adjust_oom_score()
    }

    fn adjust_oom_score(&self) -> Result<()> {
        let Some(score) = self.oom_score_adj else { return Ok(()) };
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let written = rustix::fs::open("/proc/self/oom_score_adj", flags, Mode::empty())
            .map_err(io::Error::from)
            .and_then(|file| std::fs::File::from(file).write_all(score.to_string().as_bytes()));
        match written {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let text = format!("oom_score_adj {score} is not permitted here and has no effect");
                self.warn(text);
                Ok(())
            }
            result => result.context(|| format!("cannot set oom_score_adj to {score}")),
        }
    }

    fn warn(&self, text: String) {
        // The parent may be gone, but then so are we in a moment.
        let _ = self.channel.send(&Message::Warning(text));
    }

    /// The program's streams, made if they are to be a terminal, and then the program.
    fn run(&self, root: &Root, program: &Program<'_>, console: bool) -> Result<Infallible> {
        match self.stdio {
            Stdio::Pipes { stdin, stdout, stderr } => {
                let streams = Streams { fds: [*stdin, *stdout, *stderr], terminal: false };
                program.run(root, &streams, self.channel)
            }
            Stdio::Terminal { size } => {
                let failed = || "cannot make a terminal".to_owned();
                let made = terminal::make(root, *size).context(failed)?;
                if console {
                    terminal::be_console(root, made.slave.as_fd()).context(failed)?;
                }
                self.channel.send(&Message::Terminal(made.master)).context(failed)?;
                let streams = Streams { fds: [made.slave.as_fd(); 3], terminal: true };
                program.run(root, &streams, self.channel)
            }
        }
    }
}

/// A container's first process.
pub struct First<'a> {
    /// What it is told.
    pub bundle: &'a Bundle,
    /// Its control group.
    pub cgroup: &'a Cgroup,
    /// Which namespaces are its own, and which it joins.
    pub namespaces: &'a Namespaces<'a>,
    /// Mounts made by the parent, with their places.
    pub mounts: &'a [(&'a std::path::Path, std::os::fd::BorrowedFd<'a>)],
}

impl First<'_> {
    /// Makes the container around itself and becomes its program; returns only on failure.
    ///
    /// # Errors
    /// Whatever step failed, named.
    pub fn run(&self, entry: &Entry<'_>, program: &Program<'_>) -> Result<Infallible> {
        entry.enter()?;
        self.join_namespaces()?;
        join_keyring(entry);
        let root = self.make_root()?;
        entry.run(&root, program, true)
    }

    fn join_namespaces(&self) -> Result<()> {
        for (kind, fd) in self.namespaces.joined() {
            if kind == LinuxNamespaceType::Pid {
                // The parent did, for its children.
                continue;
            }
            move_into_link_name_space(fd, None)
                .map_err(io::Error::from)
                .context(|| format!("cannot join the {kind} namespace"))?;
        }
        if self.namespaces.is_new(LinuxNamespaceType::Cgroup) {
            // Only now, so that the container's group is the root it sees.
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP)
                .map_err(io::Error::from)
                .context(|| "cannot make a cgroup namespace".to_owned())?;
        }
        Ok(())
    }

    fn make_root(&self) -> Result<Root> {
        let spec = &self.bundle.spec;
        let linux = spec.linux().as_ref();
        let devices: &[LinuxDevice] =
            linux.and_then(|linux| linux.devices().as_deref()).unwrap_or_default();
        let prepared = mounts::prepare(spec.mounts().as_deref().unwrap_or_default())?;
        let (null, host) = (dev::host_null()?, dev::host_nodes(devices));
        let root = rootfs::make(&self.bundle.rootfs)?;
        rootfs::enter(&root).context(|| "cannot enter the root file system".to_owned())?;

        let root = Root::new(root);
        mounts::attach(&root, &prepared, &self.bundle.copy_up, self.cgroup)?;
        for (target, mount) in self.mounts {
            let made = root.make(target, super::root::Make::Directory);
            made.and_then(|place| crate::sys::mount::attach(*mount, place.as_fd()))
                .context(|| format!("cannot mount {}", target.display()))?;
        }
        if let Some(directory) = mounts::on(&prepared, "/dev", "tmpfs") {
            dev::fill(directory)?;
        }
        dev::add(&root, devices, &host)?;
        contents::mount(&root, &self.bundle.contents)?;
        self.name_host()?;
        self.set_sysctls(&prepared)?;
        if let Some(linux) = linux {
            masks::make_read_only(&root, linux.readonly_paths().as_deref().unwrap_or_default())?;
            masks::hide(&root, linux.masked_paths().as_deref().unwrap_or_default(), &null)?;
        }
        // A working directory is made before that is impossible.
        if spec.root().as_ref().is_some_and(|root| root.readonly() == Some(true)) {
            self.make_cwd(&root)?;
            masks::lock_root(&root)?;
        }
        Ok(root)
    }

    fn make_cwd(&self, root: &Root) -> Result<()> {
        let Some(process) = self.bundle.spec.process() else { return Ok(()) };
        let cwd = std::path::Path::new("/").join(process.cwd());
        let made = root.make(&cwd, super::root::Make::Directory);
        made.map(drop).context(|| format!("cannot make working directory {}", cwd.display()))
    }

    fn name_host(&self) -> Result<()> {
        let spec = &self.bundle.spec;
        if !self.namespaces.is_new(LinuxNamespaceType::Uts) {
            return Ok(());
        }
        if let Some(name) = spec.hostname() {
            rustix::system::sethostname(name.as_bytes())
                .map_err(io::Error::from)
                .context(|| format!("cannot set hostname {name}"))?;
        }
        if let Some(name) = spec.domainname() {
            rustix::system::setdomainname(name.as_bytes())
                .map_err(io::Error::from)
                .context(|| format!("cannot set domain name {name}"))?;
        }
        Ok(())
    }

    fn set_sysctls(&self, prepared: &[mounts::Prepared]) -> Result<()> {
        let linux = self.bundle.spec.linux().as_ref();
        let Some(parameters) = linux.and_then(|linux| linux.sysctl().as_ref()) else {
            return Ok(());
        };
        if parameters.is_empty() {
            return Ok(());
        }
        let own = |kind| !self.namespaces.is_shared(kind);
        let own = sysctl::Own {
            ipc: own(LinuxNamespaceType::Ipc),
            net: own(LinuxNamespaceType::Network),
            uts: own(LinuxNamespaceType::Uts),
        };
        match mounts::on(prepared, "/proc", "proc") {
            Some(proc) => sysctl::write(proc, parameters, own),
            None => {
                let private: io::Result<OwnedFd> =
                    FileSystem::new("proc").and_then(|proc| proc.mount(0));
                let private = private.context(|| "cannot mount proc".to_owned())?;
                sysctl::write(private.as_fd(), parameters, own)
            }
        }
    }
}

/// A process in a container that runs.
pub struct Later<'a> {
    /// The container's process 1.
    pub init: std::os::fd::BorrowedFd<'a>,
}

impl Later<'_> {
    /// Enters the container and becomes the program; returns only on failure.
    ///
    /// # Errors
    /// Whatever step failed, named.
    pub fn run(&self, entry: &Entry<'_>, program: &Program<'_>) -> Result<Infallible> {
        entry.enter()?;
        join_keyring(entry);
        let all = ThreadNameSpaceType::MOUNT
            | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
            | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
            | ThreadNameSpaceType::NETWORK
            | ThreadNameSpaceType::CONTROL_GROUP;
        move_into_thread_name_spaces(self.init, all)
            .map_err(io::Error::from)
            .context(|| "cannot enter the container".to_owned())?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open("/", flags, Mode::empty())
            .map_err(|error| Error::other("cannot open the container's root").with_source(error))?;
        entry.run(&Root::new(root), program, false)
    }
}

/// Keys of the caller's session are not for the container.
fn join_keyring(entry: &Entry<'_>) {
    match sys::keyring::join_new_session(c"compose") {
        Ok(()) => {}
        // The kernel has no keys, a filter around us denies the call, or the user has too many.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EDQUOT)
            ) => {}
        Err(error) => entry.warn(format!("cannot join a session keyring: {error}")),
    }
}
