//! Hearing at once that a group has run out of memory.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;

use crate::base::{Context, Result};

use super::Cgroup;

/// Becomes readable when a group runs out of memory.
#[derive(Debug)]
pub struct MemoryWatch {
    fd: OwnedFd,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// An eventfd, which is signalled when the group `path` is removed, too (cgroups-v1/memory.rst,
    /// section 10).
    Legacy { path: PathBuf },
    /// An inotify descriptor of `memory.events`; so many kills are known (cgroup-v2.rst).
    Unified { kills: u64 },
}

impl Cgroup {
    /// Watches the group; `None` where its memory is not counted.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn watch_memory(&self) -> Result<Option<MemoryWatch>> {
        let mut counted =
            self.counting_memory().filter(|(group, file)| group.path.join(file).exists());
        let Some((group, _)) = counted.next() else { return Ok(None) };
        let made = match group.unified {
            true => self.watch_unified(group),
            false => watch_legacy(group),
        };
        made.map(Some).context(|| format!("cannot watch the memory of {}", group.path.display()))
    }

    fn watch_unified(&self, group: &super::Group) -> io::Result<MemoryWatch> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let fd = inotify::init(flags)?;
        let file = group.path.join("memory.events");
        inotify::add_watch(&fd, &file, inotify::WatchFlags::MODIFY)?;
        Ok(MemoryWatch { fd, kind: Kind::Unified { kills: self.oom_kills() } })
    }
}

fn watch_legacy(group: &super::Group) -> io::Result<MemoryWatch> {
    let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let control = fs::File::open(group.path.join("memory.oom_control"))?;
    let line = format!("{} {}", fd.as_raw_fd(), control.as_raw_fd());
    fs::write(group.path.join("cgroup.event_control"), line)?;
    Ok(MemoryWatch { fd, kind: Kind::Legacy { path: group.path.clone() } })
}

impl MemoryWatch {
    /// Readable when there may be news.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Takes the news: whether `cgroup` has run out of memory since this was last asked.
    pub fn ran_out(&mut self, cgroup: &Cgroup) -> bool {
        let mut news = [0; 4096];
        // Nothing to read is no news.
        let heard = rustix::io::read(&self.fd, &mut news).is_ok_and(|count| count > 0);
        match &mut self.kind {
            Kind::Legacy { path } => heard && path.exists(),
            Kind::Unified { kills } => {
                let before = std::mem::replace(kills, cgroup.oom_kills());
                *kills > before
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_heard_of_when_they_happen_and_once() {
        let directory = tempfile::tempdir().unwrap();
        let events = directory.path().join("memory.events");
        fs::write(&events, "oom 0\noom_kill 0\n").unwrap();
        let cgroup = Cgroup::unified_at(directory.path());
        let mut watch = cgroup.watch_memory().unwrap().unwrap();
        assert!(!watch.ran_out(&cgroup));
        // A limit that was reached is not a kill.
        fs::write(&events, "oom 1\noom_kill 0\n").unwrap();
        assert!(!watch.ran_out(&cgroup));
        fs::write(&events, "oom 2\noom_kill 1\n").unwrap();
        assert!(watch.ran_out(&cgroup));
        assert!(!watch.ran_out(&cgroup));
    }
}
