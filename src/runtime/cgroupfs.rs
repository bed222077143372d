//! `/sys/fs/cgroup` inside a container: the same hierarchies as outside, from its group down.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::base::{Context, Result};
use crate::sys::mount::{self, Attributes, FileSystem};

use super::cgroup::Cgroup;
use super::options::Options;
use super::root::{Make, Root};

/// Mounts the hierarchies that `cgroup` is in at `target`: as file systems of its own, or what was
/// [taken](take) of the host's.
///
/// # Errors
/// The kernel refuses.
pub fn mount(
    root: &Root,
    target: &Path,
    options: &Options,
    cgroup: &Cgroup,
    groups: &[OwnedFd],
) -> Result<()> {
    let attributes = options.attributes.set | options.recursive.set;
    let mounted = match cgroup.hierarchies().as_slice() {
        [(_, _, true)] => unified(root, target, attributes, groups),
        several => separate(root, target, attributes, several, groups),
    };
    mounted.context(|| format!("cannot mount control groups on {}", target.display()))
}

/// Takes what a container that is in the host's cgroup namespace sees (runc: the same): of v1 the
/// group's own directories, of the unified hierarchy alone everything.
///
/// A file system of its own would show everybody's groups of v1. Of v2 it would take options such
/// as `nsdelegate` from the host's mount, and users of a namespace may not mount one.
///
/// # Errors
/// A hierarchy is no longer mounted.
pub fn take(cgroup: &Cgroup) -> Result<Vec<OwnedFd>> {
    let take = |path: &Path| mount::copy(rustix::fs::CWD, path, false);
    let taken: io::Result<Vec<OwnedFd>> = match cgroup.unified_mount() {
        Some(whole) => take(whole).map(|taken| vec![taken]),
        None => cgroup.directories().map(take).collect(),
    };
    taken.context(|| "cannot take the control group's directories".to_owned())
}

fn unified(root: &Root, target: &Path, attributes: u64, taken: &[OwnedFd]) -> io::Result<()> {
    let target = root.make(target, Make::Directory)?;
    let Some(taken) = taken.first() else {
        let made = FileSystem::new("cgroup2")?.mount(attributes)?;
        return mount::attach(made.as_fd(), target.as_fd());
    };
    mount::change(taken.as_fd(), false, Attributes::set(attributes))?;
    mount::attach(taken.as_fd(), target.as_fd())
}

/// A directory for each hierarchy, in a tmpfs.
fn separate(
    root: &Root,
    target: &Path,
    attributes: u64,
    hierarchies: &[(String, &[String], bool)],
    groups: &[OwnedFd],
) -> io::Result<()> {
    let tmpfs = FileSystem::new("tmpfs")?;
    tmpfs.set("mode", "755")?;
    let directory = tmpfs.mount(attributes & !libc::MOUNT_ATTR_RDONLY)?;
    mount::attach(directory.as_fd(), root.make(target, Make::Directory)?.as_fd())?;
    for (index, (name, controllers, unified)) in hierarchies.iter().enumerate() {
        let made = match groups.get(index) {
            Some(taken) => {
                mount::change(taken.as_fd(), false, Attributes::set(attributes))?;
                taken.try_clone()?
            }
            None => {
                let system = FileSystem::new(if *unified { "cgroup2" } else { "cgroup" })?;
                for controller in controllers.iter().filter(|_| !unified) {
                    system.flag(controller)?;
                }
                system.mount(attributes)?
            }
        };
        rustix::fs::mkdirat(&directory, name.as_str(), Mode::from_raw_mode(0o755))?;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let place = rustix::fs::openat(&directory, name.as_str(), flags, Mode::empty())?;
        mount::attach(made.as_fd(), place.as_fd())?;
        // Controllers that share a hierarchy are also found by their single names.
        if controllers.len() > 1 {
            for controller in controllers.iter().filter(|controller| *controller != name) {
                rustix::fs::symlinkat(name.as_str(), &directory, controller.as_str())?;
            }
        }
    }
    let locked = Attributes::set(attributes & libc::MOUNT_ATTR_RDONLY);
    if locked.is_empty() { Ok(()) } else { mount::change(directory.as_fd(), false, locked) }
}
