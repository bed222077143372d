//! The last steps of a child, inside the container: user, limits, privileges, `execve`.
//!
//! The order is what makes it safe: files are opened while still privileged, nothing privileged is
//! done after the user was changed, and the filter comes last that the privileges allow.

use std::convert::Infallible;
use std::ffi::CString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use oci_spec::runtime::{ContainerState, Hook, Linux, PosixRlimit, Process, State};
use rustix::fs::{Gid, Mode, OFlags, Uid};

use crate::base::{Context, Error, Kind, Result};
use crate::sys;
use crate::sys::process::Fork;

use super::bundle::UserSpec;
use super::caps::Sets;
use super::channel::{Channel, Message};
use super::exec::latest;
use super::hooks;
use super::label::Labels;
use super::rlimits;
use super::root::{Make, Root, is_directory};
use super::schedule;
use super::search;
use super::seccomp::{self, Listener};
use super::streams::{Streams, take_streams};
use super::user::{self, User};

/// A program and how it is executed.
#[derive(Debug)]
pub struct Program<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// `NAME=value`, in order.
    pub env: Vec<String>,
    /// Working directory; made when missing if `make_cwd`.
    pub cwd: &'a Path,
    /// Make a missing working directory.
    pub make_cwd: bool,
    /// Who it runs as.
    pub user: Who<'a>,
    /// Files are made without these permission bits.
    pub umask: u32,
    /// What it may do.
    pub caps: Sets,
    /// Nothing it executes gains privileges.
    pub no_new_privileges: bool,
    /// Its system call filter.
    pub filter: Option<&'a seccomp::Program>,
    /// Its limits.
    pub rlimits: &'a [PosixRlimit],
    /// It is a child of our init.
    pub init: bool,
    /// What the bundle says about it besides.
    pub process: &'a Process,
    /// What the bundle says about the container.
    pub linux: Option<&'a Linux>,
    /// Who answers for system calls.
    pub listener: Option<Listener>,
    /// What is to be run before it, in the container.
    pub hooks: &'a [Hook],
    /// What hooks are told.
    pub state: Option<&'a State>,
    /// It is executed when somebody connects here.
    pub gate: Option<BorrowedFd<'a>>,
    /// So many descriptors after the standard ones are left to it.
    pub kept: u32,
    /// Whether its process is born only when everything else is done.
    pub birth: Birth,
}

/// When the process of a program is born in the container's PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// It prepares itself there. For a namespace in which nothing else runs yet.
    First,
    /// Another process, outside of the namespace, does everything that takes privileges, gives
    /// them up, and forks. From its first instant the process has the program's user,
    /// capabilities and root, and no descriptor but the program's and one end of a channel: other
    /// processes of the container that look at it find nothing that they do not have themselves.
    Last,
}

/// Who a program runs as.
#[derive(Clone, Debug)]
pub enum Who<'a> {
    /// To be looked up in the image.
    Named(&'a UserSpec),
    /// Numbers, as an OCI bundle has them.
    Numbers {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
        /// Further groups.
        groups: Vec<u32>,
    },
}

/// Whom a child reports to.
#[derive(Clone, Copy, Debug)]
pub struct Parent<'a> {
    /// Where it listens.
    pub channel: &'a Channel,
    /// The child's id outside of the container; 0 when it could not be found out.
    pub pid: i32,
}

/// What the last steps need.
struct Prepared {
    root: bool,
    terminal: bool,
    pid: i32,
    labels: Labels,
    environment: Vec<CString>,
    arguments: Vec<CString>,
}

fn unreachable() -> String {
    "cannot reach the parent".to_owned()
}

impl Program<'_> {
    /// Becomes the program; returns only on failure.
    ///
    /// # Errors
    /// [`Kind::NoSuchProgram`] and [`Kind::NotExecutable`] for the program itself.
    pub fn run(
        &self,
        root: &Root,
        streams: &Streams<'_>,
        parent: Parent<'_>,
    ) -> Result<Infallible> {
        if self.argv.is_empty() {
            return Err(Error::new(Kind::Invalid, "no command specified"));
        }
        let user = self.who(root)?;
        self.enter_cwd(root)?;
        take_streams(root, streams, &user, self.birth)?;
        for warning in rlimits::apply(self.rlimits)? {
            // The parent may be gone, but then so are we in a moment.
            let _ = parent.channel.send(&Message::Warning(warning));
        }
        schedule::apply(self.process, self.linux)?;
        let labels = Labels::open(self.process)?;
        self.change_user(&user)?;
        let ready = Prepared {
            root: user.uid == 0,
            terminal: streams.terminal,
            pid: parent.pid,
            labels,
            environment: self.environment(&user)?,
            arguments: strings(self.argv)?,
        };
        let Some(gate) = self.gate else {
            parent.channel.send(&Message::Ready).context(unreachable)?;
            return match self.birth {
                Birth::First => self.become_program(ready),
                Birth::Last => self.be_born(ready, parent.channel),
            };
        };
        search::check(&self.argv[0], &ready.environment)?;
        rustix::process::set_parent_process_death_signal(None)
            .map_err(io::Error::from)
            .context(|| "cannot outlive the parent".to_owned())?;
        parent.channel.send(&Message::Ready).context(unreachable)?;
        let starter = Channel::accept(gate).context(|| "cannot wait to be started".to_owned())?;
        let Err(error) = self.become_program(ready);
        // Whoever made us is gone; who started us wants to know.
        starter.send(&Message::Failed(error)).context(unreachable)?;
        Err(Error::other("the program was not executed"))
    }

    /// The last steps, with all that is needed at hand; returns only on failure.
    fn become_program(&self, mut ready: Prepared) -> Result<Infallible> {
        // Before the filter, which need not allow what only we do: `close_range` is younger than
        // many filters.
        sys::process::close_on_exec_from(3 + self.kept)
            .context(|| "cannot mark descriptors to be closed".to_owned())?;
        sys::process::reset_signals();
        let listened = self.lock(ready.root)?;
        if let (Some(filter), Some(listener)) = (&listened, &self.listener) {
            listener
                .hand_over(filter, ready.pid)
                .context(|| "cannot hand over to the seccomp agent".to_owned())?;
        }
        drop(listened);
        if let Some(state) = self.state.filter(|_| !self.hooks.is_empty()) {
            let mut state = state.clone();
            state.set_pid(Some(rustix::process::getpid().as_raw_pid()));
            state.set_status(ContainerState::Created);
            hooks::run(self.hooks, "startContainer", &state, None)?;
        }
        if self.init {
            ready.labels.enter()?;
            super::reaper::fork(ready.terminal)?;
        }
        ready.labels.set()?;
        Err(search::execute(self.argv, &ready.arguments, &ready.environment))
    }

    /// Gives up everything, and forks the process that executes the program; returns only on
    /// failure. What fails after the descriptors are gone is said here.
    fn be_born(&self, mut ready: Prepared, channel: &Channel) -> Result<Infallible> {
        if self.init {
            ready.labels.enter()?;
        }
        ready.labels.set()?;
        sys::process::reset_signals();
        let failed = || "cannot close what the program does not get".to_owned();
        let alone = match self.listener {
            None => channel.alone_from(3 + self.kept).context(failed)?,
            Some(_) => {
                sys::process::close_on_exec_from(3 + self.kept).context(failed)?;
                channel.try_clone().context(failed)?
            }
        };
        let Err(error) = self.fork_and_execute(&ready, &alone);
        // The parent may be gone, but then so are we in a moment.
        let _ = alone.send(&Message::Failed(error));
        sys::process::exit(1)
    }

    fn fork_and_execute(&self, ready: &Prepared, channel: &Channel) -> Result<Infallible> {
        let early = self.locks_before_birth();
        if early {
            self.give_up(ready.root, !self.no_new_privileges)?;
        }
        match sys::process::fork_sibling().context(|| "cannot make a process".to_owned())? {
            Fork::Parent { pidfd, .. } => {
                channel.send(&Message::Born(pidfd)).context(unreachable)?;
                sys::process::exit(0)
            }
            Fork::Child => {
                let led = rustix::process::setsid().and_then(|_| match ready.terminal {
                    true => rustix::process::ioctl_tiocsctty(rustix::stdio::stdin()),
                    false => Ok(()),
                });
                led.map_err(io::Error::from).context(|| "cannot lead a session".to_owned())?;
                if !early {
                    let listened = self.lock(ready.root)?;
                    if let (Some(filter), Some(listener)) = (&listened, &self.listener) {
                        let pid = rustix::process::getpid().as_raw_pid();
                        listener
                            .hand_over(filter, pid)
                            .context(|| "cannot hand over to the seccomp agent".to_owned())?;
                    }
                } else if self.no_new_privileges {
                    self.install()?;
                }
                if self.init {
                    super::reaper::fork(ready.terminal)?;
                }
                Err(search::execute(self.argv, &ready.arguments, &ready.environment))
            }
        }
    }

    /// Whether privileges can go before the process is born. Without `no_new_privs` the filter has
    /// to be installed with them, so that it must allow what is left to do.
    fn locks_before_birth(&self) -> bool {
        let Some(filter) = self.filter else { return true };
        self.listener.is_none() && (self.no_new_privileges || filter.allows_birth())
    }

    fn who(&self, root: &Root) -> Result<User> {
        match &self.user {
            Who::Named(spec) => user::resolve(root, spec),
            Who::Numbers { uid, gid, groups } => user::of_numbers(root, *uid, *gid, groups),
        }
    }

    /// Goes to the working directory by a descriptor that was resolved inside the root: neither
    /// `..` nor `/proc/self/fd/N` leads out (CVE-2024-21626).
    fn enter_cwd(&self, root: &Root) -> Result<()> {
        let failed = || format!("cannot change to working directory {}", self.cwd.display());
        let path = Path::new("/").join(self.cwd);
        let directory = match self.make_cwd {
            true => root.make(&path, Make::Directory),
            false => root.open(&path, OFlags::PATH),
        };
        let directory = directory.context(failed)?;
        if !is_directory(&directory).context(failed)? {
            let message = format!("Cannot mkdir: {} is not a directory", self.cwd.display());
            return Err(Error::new(Kind::Invalid, message));
        }
        rustix::process::fchdir(&directory).map_err(io::Error::from).context(failed)?;
        let now = rustix::process::getcwd(Vec::new()).map_err(io::Error::from).context(failed)?;
        match now.to_bytes().first() {
            Some(b'/') => Ok(()),
            _ => Err(Error::new(Kind::Invalid, "working directory is outside of the container")),
        }
    }

    fn change_user(&self, user: &User) -> Result<()> {
        let failed = || format!("cannot become user {}:{}", user.uid, user.gid);
        rustix::process::umask(Mode::from_raw_mode(self.umask));
        self.caps
            .limit_bounding()
            .map_err(io::Error::from)
            .context(|| "cannot give up capabilities".to_owned())?;
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        let groups: Vec<Gid> = user.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        let changed = rustix::thread::set_thread_groups(&groups)
            .and_then(|()| rustix::thread::set_thread_res_gid(gid, gid, gid))
            .and_then(|()| rustix::thread::set_keep_capabilities(true))
            .and_then(|()| rustix::thread::set_thread_res_uid(uid, uid, uid));
        changed.map_err(io::Error::from).context(failed)?;
        // Changing the user cleared the effective set; what follows needs some of it.
        let raised = rustix::thread::capabilities(None).and_then(|mut sets| {
            sets.effective = sets.permitted;
            rustix::thread::set_capabilities(None, sets)
        });
        raised.map_err(io::Error::from).context(failed)
    }

    /// Gives up what is left. The filter needs `CAP_SYS_ADMIN` or `no_new_privs`: with the first
    /// it comes before the capabilities go, so that it must allow `capset` and `prctl`.
    ///
    /// Returns where system calls are reported that another program answers.
    fn lock(&self, root: bool) -> Result<Option<OwnedFd>> {
        if self.no_new_privileges {
            self.give_up(root, false)?;
            self.install()
        } else {
            self.give_up(root, true)
        }
    }

    /// Gives up capabilities, after the filter was installed if it `filters` already.
    fn give_up(&self, root: bool, filters: bool) -> Result<Option<OwnedFd>> {
        if self.no_new_privileges {
            rustix::thread::set_no_new_privs(true)
                .map_err(io::Error::from)
                .context(|| "cannot set no_new_privs".to_owned())?;
        }
        let listened = if filters { self.install()? } else { None };
        self.caps
            .apply(root)
            .and_then(|()| rustix::thread::set_keep_capabilities(false))
            .and_then(|()| rustix::process::set_parent_process_death_signal(None))
            .map_err(io::Error::from)
            .context(|| "cannot give up capabilities".to_owned())?;
        Ok(listened)
    }

    /// Installs the filter, if there is one.
    fn install(&self) -> Result<Option<OwnedFd>> {
        match self.filter {
            Some(filter) => sys::seccomp::install(&filter.instructions, filter.flags)
                .context(|| "cannot install the seccomp filter".to_owned()),
            None => Ok(None),
        }
    }

    /// The environment, with `HOME` from the image's accounts unless it is set (Docker too).
    fn environment(&self, user: &User) -> Result<Vec<CString>> {
        let mut environment = latest(&self.env);
        let home = environment.iter().position(|entry| entry.starts_with("HOME="));
        match home {
            Some(index) if environment[index].len() > "HOME=".len() => {}
            Some(index) => environment[index] = format!("HOME={}", user.home),
            None => environment.push(format!("HOME={}", user.home)),
        }
        strings(&environment)
    }
}

fn strings(texts: &[String]) -> Result<Vec<CString>> {
    let convert = |text: &String| {
        CString::new(text.as_str()).map_err(|_| {
            Error::new(Kind::Invalid, format!("`{}` has a NUL byte", text.escape_default()))
        })
    };
    texts.iter().map(convert).collect()
}
