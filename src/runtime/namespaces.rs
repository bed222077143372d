//! Which namespaces a container has for itself, and which it joins.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

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
    /// A path that cannot be opened; [`Kind::Invalid`] for a kind that is not supported.
    pub fn new(bundle: &Bundle, given: &'a [Namespace<'a>]) -> Result<Namespaces<'a>> {
        let mut namespaces = Namespaces { new: Vec::new(), opened: Vec::new(), given };
        let linux = bundle.spec.linux().as_ref();
        for listed in linux.and_then(|linux| linux.namespaces().as_ref()).into_iter().flatten() {
            let kind = listed.typ();
            if given.iter().any(|given| given.kind == kind) {
                continue;
            }
            let Some(path) = listed.path() else {
                clone_flag(kind)?;
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
        // The cgroup namespace is made later, inside the cgroup.
        let own = self.new.iter().filter(|kind| **kind != LinuxNamespaceType::Cgroup);
        own.filter_map(|kind| clone_flag(*kind).ok()).fold(0, |flags, flag| flags | flag)
    }

    /// Those to be joined.
    pub fn joined(&self) -> impl Iterator<Item = (LinuxNamespaceType, BorrowedFd<'_>)> {
        let opened = self.opened.iter().map(|(kind, fd)| (*kind, fd.as_fd()));
        opened.chain(self.given.iter().map(|given| (given.kind, given.fd)))
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

fn clone_flag(kind: LinuxNamespaceType) -> Result<u64> {
    let flag = match kind {
        LinuxNamespaceType::Mount => libc::CLONE_NEWNS,
        LinuxNamespaceType::Cgroup => libc::CLONE_NEWCGROUP,
        LinuxNamespaceType::Uts => libc::CLONE_NEWUTS,
        LinuxNamespaceType::Ipc => libc::CLONE_NEWIPC,
        LinuxNamespaceType::Pid => libc::CLONE_NEWPID,
        LinuxNamespaceType::Network => libc::CLONE_NEWNET,
        LinuxNamespaceType::User | LinuxNamespaceType::Time => {
            let message = format!("a new {kind} namespace is not supported yet");
            return Err(Error::new(Kind::Invalid, message));
        }
    };
    Ok(flag as u64)
}
