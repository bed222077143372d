//! Entering a group soon without waiting then.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{WaitId, WaitIdOptions};

use crate::sys::process::{self, Fork};

use super::hierarchy::{self, Hierarchy};

/// Has the kernel ready for a process that is about to enter a group.
///
/// Whoever enters a group of v1 takes a lock for which every CPU is waited for, some milliseconds,
/// unless somebody has had it just before. This takes it, by moving this process to where it is:
/// call it on a thread of its own, so that the waiting is done while other things are. Does
/// nothing where the unified hierarchy is all there is: children are cloned into groups there.
pub fn hurry() {
    // What is not done here costs time later, and nothing else.
    let _ = stay();
}

/// As [`hurry`], in a process of its own, for callers with one thread. It is waited for when what
/// is returned is dropped; `None`: there is no such process.
#[must_use]
pub fn hurry_beside() -> Option<Beside> {
    match process::clone(0, None).ok()? {
        Fork::Child => {
            hurry();
            process::exit(0)
        }
        Fork::Parent { pidfd, .. } => Some(Beside(pidfd)),
    }
}

/// A process that [hurries](hurry_beside).
#[derive(Debug)]
pub struct Beside(OwnedFd);

impl Drop for Beside {
    fn drop(&mut self) {
        // It ends by itself, and how it did is of no interest.
        let _ = rustix::process::waitid(WaitId::PidFd(self.0.as_fd()), WaitIdOptions::EXITED);
    }
}

fn stay() -> io::Result<()> {
    let places = fs::read_to_string("/proc/self/cgroup")?;
    let hierarchies = hierarchy::detect().map_err(io::Error::other)?;
    let legacy = hierarchies.iter().find(|hierarchy| !hierarchy.unified);
    let place = legacy.and_then(|legacy| Some((legacy, place_in(legacy, &places)?)));
    let Some((legacy, place)) = place else { return Ok(()) };
    let file = legacy.mount.join(place.trim_start_matches('/')).join("cgroup.procs");
    fs::write(file, rustix::process::getpid().as_raw_pid().to_string())
}

/// Where a process is in a hierarchy, given its `/proc/<pid>/cgroup`.
fn place_in<'a>(hierarchy: &Hierarchy, places: &'a str) -> Option<&'a str> {
    places.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let first = hierarchy.controllers.first()?;
        controllers.split(',').any(|name| name == first).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_process_stays_where_it_is() {
        let before = fs::read_to_string("/proc/self/cgroup").unwrap();
        stay().expect("tests run as root");
        assert_eq!(fs::read_to_string("/proc/self/cgroup").unwrap(), before);
    }

    #[test]
    fn a_place_is_found_by_its_controller() {
        let places = "5:cpu,cpuacct:/a\n4:memory:/b:c\n1:name=systemd:/\n0::/d\n";
        let hierarchy = |name: &str| Hierarchy {
            mount: PathBuf::from("/sys/fs/cgroup").join(name),
            controllers: vec![name.to_owned()],
            unified: false,
        };
        assert_eq!(place_in(&hierarchy("cpuacct"), places), Some("/a"));
        assert_eq!(place_in(&hierarchy("memory"), places), Some("/b:c"));
        assert_eq!(place_in(&hierarchy("pids"), places), None);
    }
}
