//! A container's first process: makes the container around itself.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use oci_spec::runtime::{ContainerState, LinuxDevice, LinuxNamespaceType, State};

use crate::base::{Context, Error, Result};
use crate::sys::mount::{self, FileSystem};
use crate::sys::netlink::{Failure, Family, Socket, route};

use super::bundle::{Bundle, Rootfs};
use super::cgroup::Cgroup;
use super::channel::{Channel, Stage};
use super::child::{Entry, be_root_inside, join_keyring, pid_outside};
use super::namespaces::{self, Namespaces};
use super::program::{Birth, Program};
use super::root::{Make, Root};
use super::rootfs::Entrance;
use super::{cgroupfs, contents, dev, hooks, masks, mounts, rootfs, sysctl};

/// The index of `lo`, the first link of every network namespace.
const LOOPBACK: u32 = 1;

/// What the caller took for the container, since its users may not.
#[derive(Debug, Default)]
pub struct Taken {
    /// The root file system, detached.
    pub root: Option<OwnedFd>,
    /// For each mount of the bundle its source.
    pub mounts: Vec<Option<OwnedFd>>,
    /// Device nodes.
    pub nodes: Option<OwnedFd>,
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
    pub mounts: &'a [(&'a Path, BorrowedFd<'a>)],
    /// What needs not be taken any more.
    pub taken: Taken,
    /// What hooks are told; `None`: nobody asked for hooks.
    pub state: Option<&'a State>,
    /// The root directory is changed without `pivot_root(2)`.
    pub no_pivot: bool,
}

impl First<'_> {
    /// Makes the container around itself and becomes its program; returns only on failure.
    ///
    /// # Errors
    /// Whatever step failed, named.
    pub fn run(&mut self, entry: &Entry<'_>, program: &Program<'_>) -> Result<Infallible> {
        let pid = pid_outside();
        if self.namespaces.is_new(LinuxNamespaceType::User) {
            let asked = entry.channel.ask(Stage::Users);
            asked.context(|| "cannot wait for the user namespace".to_owned())?;
        }
        if self.namespaces.has_own_users() {
            be_root_inside()?;
        }
        entry.enter()?;
        if !self.namespaces.need_stage() {
            self.join_namespaces()?;
        }
        self.make_namespaces()?;
        if !entry.keeps_keyring {
            join_keyring(entry);
        }
        let root = self.make_root(entry.channel)?;
        if program.birth == Birth::Last {
            self.join_pid_namespace()?;
        }
        entry.run(&root, program, true, pid)
    }

    /// Joins what exists, in a process that has the caller's privileges.
    ///
    /// # Errors
    /// One of them cannot be joined, and is named.
    pub fn join_namespaces(&self) -> Result<()> {
        let mut later = Vec::new();
        for (kind, fd) in self.namespaces.joined() {
            // The parent joined the first one for its children, or the program is born last and it
            // is joined then. Users come last: nothing that they do not own could be joined after.
            if matches!(kind, LinuxNamespaceType::Pid | LinuxNamespaceType::User) {
                continue;
            }
            match namespaces::join(kind, fd) {
                Err(error) if error.raw_os_error() == Some(libc::EPERM) => later.push((kind, fd)),
                result => result.context(|| format!("cannot join the {kind} namespace"))?,
            }
        }
        if let Some(users) = self.namespaces.joined_users() {
            namespaces::join(LinuxNamespaceType::User, users)
                .context(|| "cannot join the user namespace".to_owned())?;
        }
        for (kind, fd) in later {
            namespaces::join(kind, fd).context(|| format!("cannot join the {kind} namespace"))?;
        }
        Ok(())
    }

    /// Joins the PID namespace for the child that becomes the program.
    fn join_pid_namespace(&self) -> Result<()> {
        let joined = self.namespaces.joined().find(|(kind, _)| *kind == LinuxNamespaceType::Pid);
        let Some((kind, fd)) = joined else { return Ok(()) };
        namespaces::join(kind, fd).context(|| "cannot join the PID namespace".to_owned())
    }

    /// Makes what the clone did not make.
    fn make_namespaces(&self) -> Result<()> {
        if self.namespaces.is_new(LinuxNamespaceType::Cgroup) {
            // Only now, so that the container's group is the root it sees.
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP)
                .map_err(io::Error::from)
                .context(|| "cannot make a cgroup namespace".to_owned())?;
        }
        if self.namespaces.is_new(LinuxNamespaceType::Network) {
            let up = Socket::open(Family::Route).map_err(Failure::from);
            up.and_then(|mut socket| socket.exchange(&[route::up(LOOPBACK)])).map_err(|error| {
                Error::other("cannot bring up the loopback device").with_source(error)
            })?;
        }
        Ok(())
    }

    /// Programs of the host want to look at the root file system while it is being made.
    fn has_hooks(&self) -> bool {
        let hooks = self.bundle.spec.hooks().as_ref().filter(|_| self.state.is_some());
        hooks.is_some_and(|hooks| {
            #[allow(deprecated, reason = "old bundles have them")]
            let prestart = hooks.prestart();
            [prestart, hooks.create_runtime(), hooks.create_container()]
                .into_iter()
                .any(|hooks| hooks.as_ref().is_some_and(|hooks| !hooks.is_empty()))
        })
    }

    fn entrance(&self) -> Entrance<'_> {
        let Rootfs::Directory { path } = &self.bundle.rootfs else { return Entrance::Over };
        match self.namespaces.is_new(LinuxNamespaceType::Mount) {
            false => Entrance::Shared(path),
            true if self.no_pivot => Entrance::Changed(path),
            true if self.has_hooks() => Entrance::On(path),
            true => Entrance::Over,
        }
    }

    /// Runs the hooks of the runtime's namespaces, and then those of the container's.
    fn run_hooks(&self, channel: &Channel) -> Result<()> {
        if !self.has_hooks() {
            return Ok(());
        }
        let asked = channel.ask(Stage::Hooks);
        asked.context(|| "cannot wait for hooks".to_owned())?;
        let hooks = self.bundle.spec.hooks().as_ref();
        let hooks = hooks.and_then(|hooks| hooks.create_container().as_deref()).unwrap_or_default();
        let mut state = self.state.cloned().unwrap_or_default();
        state.set_pid(Some(rustix::process::getpid().as_raw_pid()));
        state.set_status(ContainerState::Creating);
        // Where runc runs them: tools that mount into a container rely on it.
        let root = match &self.bundle.rootfs {
            Rootfs::Directory { path } => Some(path.as_path()),
            Rootfs::Overlay { .. } => None,
        };
        hooks::run(hooks, "createContainer", &state, root)
    }

    fn make_root(&mut self, channel: &Channel) -> Result<Root> {
        let spec = &self.bundle.spec;
        let linux = spec.linux().as_ref();
        let devices: &[LinuxDevice] =
            linux.and_then(|linux| linux.devices().as_deref()).unwrap_or_default();
        let mounts = spec.mounts().as_deref().unwrap_or_default();
        let prepared = mounts::prepare(mounts, &mut self.taken.mounts)?;
        let groups = match self.namespaces.is_shared(LinuxNamespaceType::Cgroup) {
            true if !mounts.is_empty() => cgroupfs::take(self.cgroup)?,
            _ => Vec::new(),
        };
        let null = dev::host_null()?;
        let hosts = self.host_nodes(devices);
        let root = match self.taken.root.take() {
            Some(root) => root,
            None => rootfs::make_alone(&self.bundle.rootfs)?,
        };
        let failed = || "cannot enter the root file system".to_owned();
        let entrance = self.entrance();
        rootfs::attach(&root, entrance).context(failed)?;
        let early = entrance == Entrance::Over;
        if early {
            rootfs::enter(&root, entrance).context(failed)?;
        }
        let root = Root::new(root);
        mounts::attach(&root, &prepared, &self.bundle.copy_up, self.cgroup, &groups)?;
        for (target, made) in self.mounts {
            let place = root.make(target, Make::Directory);
            place
                .and_then(|place| mount::attach(*made, place.as_fd()))
                .context(|| format!("cannot mount {}", target.display()))?;
        }
        let nodes = match &self.taken.nodes {
            Some(store) => dev::nodes_of(store, &root, devices)
                .context(|| "cannot take device nodes".to_owned())?,
            None => hosts,
        };
        if let Some(directory) = mounts::on(&prepared, "/dev", "tmpfs") {
            dev::fill(directory, &nodes)?;
        } else if !mounts::has(&prepared, "/dev") {
            let dev = root.make(Path::new("/dev"), Make::Directory);
            dev::fill(dev.context(|| "cannot make /dev".to_owned())?.as_fd(), &nodes)?;
        }
        dev::add(&root, devices, &nodes)?;
        contents::mount(&root, &self.bundle.contents)?;
        self.name_host()?;
        self.run_hooks(channel)?;
        if !early {
            rootfs::enter(root.descriptor(), entrance).context(failed)?;
        }
        self.close_up(&root, &prepared, null)?;
        Ok(root)
    }

    /// Nodes of the host, for when the caller could make none.
    fn host_nodes(&self, devices: &[LinuxDevice]) -> Vec<dev::Node> {
        if self.taken.nodes.is_some() {
            return Vec::new();
        }
        let mut nodes = dev::host_nodes(devices);
        if self.namespaces.has_own_users() {
            nodes.extend(dev::usual_host_nodes());
        }
        nodes
    }

    /// What closes the container up: nothing of the host is needed any more.
    fn close_up(&self, root: &Root, prepared: &[mounts::Prepared], null: OwnedFd) -> Result<()> {
        let spec = &self.bundle.spec;
        mounts::lock(prepared)?;
        self.set_sysctls(prepared)?;
        let linux = spec.linux().as_ref();
        if let Some(linux) = linux {
            let read_only = linux.readonly_paths().as_deref().unwrap_or_default();
            masks::make_read_only(root, read_only)?;
            let null = dev::null_cover(root, null);
            let null = null.context(|| "cannot use the null device".to_owned())?;
            masks::hide(root, linux.masked_paths().as_deref().unwrap_or_default(), &null)?;
            if !read_only.is_empty() {
                masks::freeze_proc(root)?;
            }
        }
        // A working directory is made before that is impossible.
        if spec.root().as_ref().is_some_and(|root| root.readonly() == Some(true)) {
            self.make_cwd(root)?;
            masks::lock_root(root)?;
        }
        let propagation = linux.and_then(|linux| linux.rootfs_propagation().as_deref());
        match propagation.filter(|name| !name.is_empty()) {
            Some(name) => rootfs::propagate(root.descriptor(), name),
            None => Ok(()),
        }
    }

    fn make_cwd(&self, root: &Root) -> Result<()> {
        let Some(process) = self.bundle.spec.process() else { return Ok(()) };
        let cwd = Path::new("/").join(process.cwd());
        let made = root.make(&cwd, Make::Directory);
        made.map(drop).context(|| format!("cannot make working directory {}", cwd.display()))
    }

    fn name_host(&self) -> Result<()> {
        let spec = &self.bundle.spec;
        if self.namespaces.is_shared(LinuxNamespaceType::Uts) {
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
