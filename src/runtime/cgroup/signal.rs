//! Reaching every process of a group: kill, freeze, thaw; and removing it when they are gone.

use std::fs;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::process::pid;

use super::{Cgroup, Group};

/// How long the kernel may take to freeze a group, and processes to end before it is removed.
const PATIENCE: Duration = Duration::from_secs(1);

impl Cgroup {
    /// Kills every process in the group, also frozen ones. Does not wait for them to be gone.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn kill(&self) -> Result<()> {
        self.killed.store(true, Ordering::Relaxed);
        let at_once = self.unified().map(|group| group.path.join("cgroup.kill"));
        match at_once.filter(|file| file.exists()) {
            Some(file) => {
                fs::write(&file, "1").context(|| format!("cannot write to {}", file.display()))?;
            }
            None => self.kill_one_by_one()?,
        }
        // A frozen process dies when it is thawed (v1).
        match self.freezer() {
            Some(group) => write_state(group, "THAWED"),
            None => Ok(()),
        }
    }

    /// Before Linux 5.14: frozen first, so that none is born meanwhile.
    fn kill_one_by_one(&self) -> Result<()> {
        // Without a freezer, killing until none is left is the best there is.
        let frozen = self.freeze().is_ok();
        for _ in 0..if frozen { 1 } else { 100 } {
            let processes = self.processes()?;
            for pid in &processes {
                // Gone already is as good as killed.
                let _ = kill_process(*pid, Signal::KILL);
            }
            if processes.is_empty() {
                break;
            }
        }
        if frozen { self.thaw() } else { Ok(()) }
    }

    /// Stops all processes, and waits until they are.
    ///
    /// # Errors
    /// [`Kind::TimedOut`] when a process cannot be stopped (waiting for a disk); it thaws again.
    pub fn freeze(&self) -> Result<()> {
        let done = match (self.unified(), self.freezer()) {
            (Some(group), _) => freeze_unified(group)?,
            (None, Some(group)) => freeze_legacy(group)?,
            (None, None) => return Err(Error::other("this machine has no cgroup freezer")),
        };
        if done {
            return Ok(());
        }
        self.thaw()?;
        Err(Error::new(Kind::TimedOut, "cannot freeze: a process does not stop"))
    }

    /// Lets all processes run again, in whichever hierarchy they were frozen.
    ///
    /// # Errors
    /// The kernel refuses; [`Kind::Conflict`] when a group above is frozen.
    pub fn thaw(&self) -> Result<()> {
        if let Some(group) = self.unified() {
            fs::write(group.path.join("cgroup.freeze"), "0")
                .context(|| format!("cannot thaw {}", group.path.display()))?;
        }
        let Some(group) = self.freezer() else { return Ok(()) };
        write_state(group, "THAWED")?;
        // The group's own state is another now, but it obeys those above (freezer-subsystem.rst).
        let above = fs::read_to_string(group.path.join("freezer.parent_freezing"));
        match above.is_ok_and(|text| text.trim() == "1") {
            true => {
                let path = group.path.display();
                let message = format!("cannot thaw {path}: a control group above it is frozen");
                Err(Error::new(Kind::Conflict, message))
            }
            false => Ok(()),
        }
    }

    /// Whether it is frozen, or about to be.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        // A file that cannot be read belongs to a group that is gone.
        let says = |group: &Group, file: &str, words: &[&str]| {
            let text = fs::read_to_string(group.path.join(file)).unwrap_or_default();
            words.contains(&text.trim())
        };
        // Beside v1, others may have frozen it there.
        self.unified().is_some_and(|group| says(group, "cgroup.freeze", &["1"]))
            || self
                .freezer()
                .is_some_and(|group| says(group, "freezer.state", &["FROZEN", "FREEZING"]))
    }

    fn freezer(&self) -> Option<&Group> {
        self.groups.iter().find(|group| group.controllers.iter().any(|name| name == "freezer"))
    }
}

/// `false`: it took too long.
fn freeze_unified(group: &Group) -> Result<bool> {
    let failed = || format!("cannot freeze {}", group.path.display());
    let mut events = fs::File::open(group.path.join("cgroup.events")).context(failed)?;
    fs::write(group.path.join("cgroup.freeze"), "1").context(failed)?;
    let wanted = |text: &str| text.contains("frozen 1");
    wait_for(&mut events, wanted).context(failed)
}

/// Waits until a file of cgroupfs that announces changes says what is `wanted`.
fn wait_for(events: &mut fs::File, wanted: impl Fn(&str) -> bool) -> io::Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut text = String::new();
        events.rewind()?;
        events.read_to_string(&mut text)?;
        if wanted(&text) {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let mut waiting = [PollFd::new(events, PollFlags::PRI)];
        match poll(&mut waiting, Some(&limit)) {
            Ok(0) => return Ok(false),
            Err(rustix::io::Errno::INTR) | Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// v1 announces nothing and may stop half-way, so it is told and asked until it is done.
fn freeze_legacy(group: &Group) -> Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        write_state(group, "FROZEN")?;
        let state = fs::read_to_string(group.path.join("freezer.state"));
        if state.context(|| "cannot read freezer.state".to_owned())?.trim() == "FROZEN" {
            return Ok(true);
        }
        pause();
    }
    Ok(false)
}

fn write_state(group: &Group, state: &str) -> Result<()> {
    let file = group.path.join("freezer.state");
    fs::write(&file, state).context(|| format!("cannot write {state} to {}", file.display()))
}

/// A moment for the kernel.
fn pause() {
    let moment = Timespec { tv_sec: 0, tv_nsec: 500_000 };
    // Ending early only means asking early.
    let _ = rustix::thread::nanosleep(&moment);
}

/// Adds the processes of a group and those below it.
pub(super) fn collect(group: &Path, found: &mut Vec<Pid>) -> io::Result<()> {
    let text = fs::read_to_string(group.join("cgroup.procs"))?;
    found.extend(text.lines().filter_map(pid));
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// Removes a group and those below it; fine if it is gone.
pub(super) fn remove(group: &Path) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match remove_tree(group) {
            Ok(()) => {
                remove_parent(group);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                if Instant::now() < deadline {
                    pause();
                    continue;
                }
                let message = format!("cannot remove cgroup {}", group.display());
                return Err(Error::new(Kind::Conflict, message).with_source(error));
            }
            Err(error) => {
                return Err(error).context(|| format!("cannot remove cgroup {}", group.display()));
            }
        }
    }
}

/// The directory that only our groups are in goes with the last of them.
fn remove_parent(group: &Path) {
    let parent = group.parent().filter(|parent| {
        let name = parent.file_name().unwrap_or_default().to_string_lossy();
        name == "compose" || name.starts_with("compose-")
    });
    if let Some(parent) = parent {
        // Others are in it, most of the time.
        let _ = fs::remove_dir(parent);
    }
}

fn remove_tree(group: &Path) -> io::Result<()> {
    // Most groups have none below them, and the directory need not be read.
    match fs::remove_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::ResourceBusy => return Err(error),
        Err(_) => {}
        Ok(()) => return Ok(()),
    }
    remove_below(group)?;
    match fs::remove_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Removes the groups below one.
pub(super) fn remove_below(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    Ok(())
}
