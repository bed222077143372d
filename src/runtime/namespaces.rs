//! Which namespaces a container has for itself, and which it joins.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sched::{CloneFlags, setns};
use oci_spec::runtime::LinuxNamespaceType;
use rustix::fs::{Mode, OFlags};

use crate::base::{Context, Error, Kind, Result};

use super::bundle::Bundle;
use super::start::Namespace;

/// The namespaces of a start.
#[derive(Debug)]
pub struct Namespaces<'a> {
    new: Vec<LinuxNamespaceType>,
    opened: Vec<(LinuxNamespaceType, OwnedFd)>,
    given: &'a [Namespace<'a>],
}

impl<'a> Namespaces<'a> {
    /// Of `bundle`, with `given` ones in place of what it says.
    ///
    /// # Errors
    /// A path that cannot be opened; [`Kind::Invalid`] for a kind that is listed twice.
    pub fn new(bundle: &Bundle, given: &'a [Namespace<'a>]) -> Result<Namespaces<'a>> {
        let mut namespaces = Namespaces { new: Vec::new(), opened: Vec::new(), given };
        let linux = bundle.spec.linux().as_ref();
        for listed in linux.and_then(|linux| linux.namespaces().as_ref()).into_iter().flatten() {
            let kind = listed.typ();
            if given.iter().any(|given| given.kind == kind) {
                continue;
            }
            if namespaces.new.contains(&kind) || namespaces.opened.iter().any(|it| it.0 == kind) {
                let message = format!("the {kind} namespace is listed twice");
                return Err(Error::new(Kind::Invalid, message));
            }
            let path = listed.path().as_ref().filter(|path| !path.as_os_str().is_empty());
            let Some(path) = path else {
                namespaces.new.push(kind);
                continue;
            };
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let opened = rustix::fs::open(path, flags, Mode::empty())
                .map_err(std::io::Error::from)
                .context(|| format!("cannot open namespace {}", path.display()))?;
            namespaces.opened.push((kind, opened));
        }
        Ok(namespaces)
    }

    /// `CLONE_NEW*` of those to be made by the clone itself.
    #[must_use]
    pub fn clone_flags(&self) -> u64 {
        // The cgroup namespace is made later, inside the cgroup; that of time before, since its
        // clocks cannot be set any more once somebody is in it.
        let late = [LinuxNamespaceType::Cgroup, LinuxNamespaceType::Time];
        let own = self.new.iter().filter(|kind| !late.contains(kind));
        own.fold(0, |flags, kind| flags | clone_flag(*kind))
    }

    /// Those to be joined.
    pub fn joined(&self) -> impl Iterator<Item = (LinuxNamespaceType, BorrowedFd<'_>)> {
        let opened = self.opened.iter().map(|(kind, fd)| (*kind, fd.as_fd()));
        opened.chain(self.given.iter().map(|given| (given.kind, given.fd)))
    }

    /// The user namespace to be joined.
    #[must_use]
    pub fn joined_users(&self) -> Option<BorrowedFd<'_>> {
        self.joined().find(|(kind, _)| *kind == LinuxNamespaceType::User).map(|(_, fd)| fd)
    }

    /// Whether the container's users are not the caller's.
    #[must_use]
    pub fn has_own_users(&self) -> bool {
        !self.is_shared(LinuxNamespaceType::User)
    }

    /// Whether a process between caller and container is needed, which joins what must be joined
    /// before the container's own process is born: with the privileges of the caller what does
    /// not belong to the container's users, and then the users.
    #[must_use]
    pub fn need_stage(&self) -> bool {
        self.is_new(LinuxNamespaceType::Time)
            || self.joined_users().is_some()
            || (self.is_new(LinuxNamespaceType::User) && self.joined().next().is_some())
    }

    /// Whether the container gets a new one.
    #[must_use]
    pub fn is_new(&self, kind: LinuxNamespaceType) -> bool {
        self.new.contains(&kind)
    }

    /// Whether the container is in the caller's.
    #[must_use]
    pub fn is_shared(&self, kind: LinuxNamespaceType) -> bool {
        !self.is_new(kind) && !self.joined().any(|(joined, _)| joined == kind)
    }
}

/// Joins one, which must be of this kind.
///
/// # Errors
/// `EINVAL` when it is of another kind, `EPERM` without privileges over it.
pub fn join(kind: LinuxNamespaceType, namespace: BorrowedFd<'_>) -> std::io::Result<()> {
    let kind = CloneFlags::from_bits_retain(clone_flag(kind) as i32);
    Ok(setns(namespace, kind)?)
}

fn clone_flag(kind: LinuxNamespaceType) -> u64 {
    let flag = match kind {
        LinuxNamespaceType::Mount => libc::CLONE_NEWNS,
        LinuxNamespaceType::Cgroup => libc::CLONE_NEWCGROUP,
        LinuxNamespaceType::Uts => libc::CLONE_NEWUTS,
        LinuxNamespaceType::Ipc => libc::CLONE_NEWIPC,
        LinuxNamespaceType::Pid => libc::CLONE_NEWPID,
        LinuxNamespaceType::Network => libc::CLONE_NEWNET,
        LinuxNamespaceType::User => libc::CLONE_NEWUSER,
        LinuxNamespaceType::Time => libc::CLONE_NEWTIME,
    };
    flag as u64
}
