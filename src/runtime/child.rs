//! What a container's first process and later ones have in common, and those later ones.

use std::convert::Infallible;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use crate::base::{Context, Error, Result};
use crate::sys;

use super::cgroup::Doors;
use super::channel::{Channel, Message};
use super::program::{Parent, Program};
use super::root::Root;
use super::start::Stdio;
use super::streams::Streams;
use super::{schedule, terminal};

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
    /// It stays in the caller's session keyring.
    pub keeps_keyring: bool,
    /// CPUs it runs on before it enters the control group, and after.
    pub cpus: (Option<&'a str>, Option<&'a str>),
}

impl Entry<'_> {
    /// Dies with the parent from here on, is not to be traced, and counts as the container's.
    pub(super) fn enter(&self) -> Result<()> {
        let prepared = rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .and_then(|()| {
                let hidden = rustix::process::DumpableBehavior::NotDumpable;
                rustix::process::set_dumpable_behavior(hidden)
            })
            .and_then(|()| rustix::process::setsid().map(drop));
        prepared.map_err(io::Error::from).context(|| "cannot leave the parent".to_owned())?;
        if let Some(cpus) = self.cpus.0 {
            schedule::use_cpus(cpus)?;
        }
        for file in &self.doors.files {
            // 0 is the writer itself.
            rustix::io::write(file, b"0")
                .map_err(io::Error::from)
                .context(|| "cannot enter the cgroup".to_owned())?;
        }
        if let Some(cpus) = self.cpus.1 {
            schedule::use_cpus(cpus)?;
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
                self.warn(no_oom_score(score));
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
    pub(super) fn run(
        &self,
        root: &Root,
        program: &Program<'_>,
        console: bool,
        pid: i32,
    ) -> Result<Infallible> {
        let parent = Parent { channel: self.channel, pid };
        match self.stdio {
            Stdio::Pipes { stdin, stdout, stderr } => {
                let streams = Streams { fds: [*stdin, *stdout, *stderr], terminal: false };
                program.run(root, &streams, parent)
            }
            Stdio::Terminal { size } => {
                let failed = || "cannot make a terminal".to_owned();
                let made = terminal::make(root, *size).context(failed)?;
                if console {
                    terminal::be_console(root, made.slave.as_fd()).context(failed)?;
                }
                self.channel.send(&Message::Terminal(made.master)).context(failed)?;
                let streams = Streams { fds: [made.slave.as_fd(); 3], terminal: true };
                program.run(root, &streams, parent)
            }
        }
    }
}

/// A process in a container that runs.
pub struct Later<'a> {
    /// The container's process 1.
    pub init: std::os::fd::BorrowedFd<'a>,
    /// Its users are not the caller's.
    pub other_users: bool,
    /// Its clocks are not the caller's.
    pub other_time: bool,
}

impl Later<'_> {
    /// Enters the container but for its PID namespace, and has the program's process born there
    /// when all is done; returns only on failure.
    ///
    /// # Errors
    /// Whatever step failed, named.
    pub fn run(&self, entry: &Entry<'_>, program: &Program<'_>) -> Result<Infallible> {
        sys::process::hide_environment().context(|| "cannot hide the environment".to_owned())?;
        entry.enter()?;
        if !entry.keeps_keyring {
            join_keyring(entry);
        }
        // For the child that is born last: this process stays where the container cannot see it.
        // Before its users are joined, who may not own the namespace.
        move_into_thread_name_spaces(self.init, ThreadNameSpaceType::PROCESS_ID)
            .map_err(io::Error::from)
            .context(|| "cannot enter the PID namespace".to_owned())?;
        let mut all = ThreadNameSpaceType::MOUNT
            | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
            | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
            | ThreadNameSpaceType::NETWORK
            | ThreadNameSpaceType::CONTROL_GROUP;
        // Those are refused to whoever is in them, and few containers have them.
        if self.other_users {
            all |= ThreadNameSpaceType::USER;
        }
        if self.other_time {
            all |= ThreadNameSpaceType::TIME;
        }
        move_into_thread_name_spaces(self.init, all)
            .map_err(io::Error::from)
            .context(|| "cannot enter the container".to_owned())?;
        if self.other_users {
            be_root_inside()?;
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open("/", flags, Mode::empty())
            .map_err(|error| Error::other("cannot open the container's root").with_source(error))?;
        entry.run(&Root::new(root), program, false, 0)
    }
}

/// What is said when badness cannot be lowered.
pub(super) fn no_oom_score(score: i32) -> String {
    format!("oom_score_adj {score} is not permitted here and has no effect")
}

/// This process's id where `/proc` is of: outside, as long as the root is not the container's.
pub(super) fn pid_outside() -> i32 {
    let link = std::fs::read_link("/proc/self").ok();
    link.and_then(|link| link.to_str()?.parse().ok()).unwrap_or(0)
}

/// Whoever enters a user namespace is nobody in it, with all capabilities.
pub(super) fn be_root_inside() -> Result<()> {
    let (uid, gid) = (rustix::fs::Uid::ROOT, rustix::fs::Gid::ROOT);
    let changed = rustix::thread::set_thread_res_gid(gid, gid, gid)
        .and_then(|()| rustix::thread::set_thread_res_uid(uid, uid, uid));
    match changed {
        // There is no root among the users; then nobody it is, until the program's own user.
        Err(rustix::io::Errno::INVAL) => Ok(()),
        changed => {
            changed.map_err(io::Error::from).context(|| "cannot become root inside".to_owned())
        }
    }
}

/// Keys of the caller's session are not for the container.
pub(super) fn join_keyring(entry: &Entry<'_>) {
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
