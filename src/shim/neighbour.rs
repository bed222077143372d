//! Another container whose namespaces this one shares.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::resource::ContainerSpec;
use crate::resource::container::{Sharing, Status};
use crate::runtime::root::Root;
use crate::state::{self, ContainerDir, Roots, lock};
use crate::sys::mount;

/// A running container.
#[derive(Debug)]
pub(super) struct Neighbour {
    name: String,
    dir: ContainerDir,
    pid: i32,
}

impl Neighbour {
    /// Finds it by name or id.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when there is none, [`Kind::Conflict`] when it does not run.
    pub(super) fn find(roots: &Roots, name: &str) -> Result<Neighbour> {
        let dir = roots.container(&resolve(roots, name)?);
        let not_running = || {
            Error::new(Kind::Conflict, format!("cannot join container {name}: it is not running"))
        };
        if !lock::is_held(&dir.alive())? {
            return Err(not_running());
        }
        let status: Option<Status> = state::read(&dir.status())?;
        let pid = status.and_then(|status| status.pid);
        // The machine's first process is no container's.
        let pid = pid.filter(|pid| *pid > 1).ok_or_else(not_running)?;
        Ok(Neighbour { name: name.to_owned(), dir, pid })
    }

    /// It, if others may join its IPC namespace.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when they may not (Docker: the same words).
    pub(super) fn with_shared_ipc(self) -> Result<Neighbour> {
        let spec: Option<ContainerSpec> = state::read(&self.dir.spec())?;
        match spec.map(|spec| spec.namespaces.ipc) {
            Some(Sharing::Shareable | Sharing::Container(_)) => Ok(self),
            _ => {
                let message = format!(
                    "cannot join IPC of container {}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
                    self.name
                );
                Err(Error::new(Kind::Invalid, message)
                    .hint("write `ipc: shareable` where that container is described"))
            }
        }
    }

    /// Its directories.
    pub(super) fn dir(&self) -> &ContainerDir {
        &self.dir
    }

    /// One of its namespaces, by its name below `/proc/<pid>/ns`.
    ///
    /// # Errors
    /// It ended just now.
    pub(super) fn namespace(&self, kind: &str) -> Result<OwnedFd> {
        let path = format!("/proc/{}/ns/{kind}", self.pid);
        let file = File::open(path).context(|| format!("cannot join container {}", self.name))?;
        // The id was its process's if it still is: ids are not used again while their process is
        // not reaped, and a shim writes what it reaped before it starts another.
        let status: Option<Status> = state::read(&self.dir.status())?;
        match status.and_then(|status| status.pid) == Some(self.pid) {
            true => Ok(file.into()),
            false => {
                let message = format!("cannot join container {}: it has ended", self.name);
                Err(Error::new(Kind::Conflict, message))
            }
        }
    }
}

/// A copy of the mount on `/dev/shm` of a container with this mount namespace, to be attached in
/// another one. A mount can only be copied from inside its namespace: the caller goes there for a
/// moment, and must have one thread.
///
/// # Errors
/// It has none (`ipc: none`), or the kernel refuses.
pub(super) fn shared_memory(namespace: &OwnedFd) -> Result<OwnedFd> {
    copy_mount(namespace, Path::new("/dev/shm"))
}

/// A copy of the mount on `path`, as [`shared_memory`] makes one.
///
/// # Errors
/// There is none, or the kernel refuses.
pub(super) fn copy_mount(namespace: &OwnedFd, path: &Path) -> Result<OwnedFd> {
    let failed = || format!("cannot share {} of another container", path.display());
    let home = File::open("/proc/self/ns/mnt").context(failed)?;
    let enter = |namespace: BorrowedFd<'_>| {
        move_into_link_name_space(namespace, Some(LinkNameSpaceType::Mount))
            .map_err(std::io::Error::from)
            .context(failed)
    };
    enter(namespace.as_fd())?;
    // Links on the way are that container's, and lead nowhere but to its own files.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let copied = rustix::fs::open("/", flags, Mode::empty())
        .map_err(std::io::Error::from)
        .and_then(|root| Root::new(root).open(path, OFlags::PATH))
        .and_then(|place| mount::copy(place.as_fd(), "", false));
    enter(home.as_fd())?;
    copied.context(failed)
}

/// The id behind a container's name.
fn resolve(roots: &Roots, name: &str) -> Result<ContainerId> {
    let target = std::fs::read_link(roots.container_names().join(name)).ok();
    let target = target.and_then(|target| Some(target.file_name()?.to_str()?.to_owned()));
    let id: Option<ContainerId> =
        target.and_then(|id| id.parse().ok()).or_else(|| name.parse().ok());
    id.ok_or_else(|| Error::new(Kind::NotFound, format!("there is no container {name}")))
}
