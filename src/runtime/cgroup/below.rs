//! Groups that a container's own programs make below its group, as Docker or systemd in one do.

use std::fs;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;

use crate::base::{Context, Result};

use super::{Cgroup, signal};

impl Cgroup {
    /// Where a program is put that is executed beside `init`, when nobody may be in the group
    /// itself: programs in it have made groups below it, and share controllers with them
    /// (cgroup-v2: no internal processes). `None`: not in a group below.
    pub(in crate::runtime) fn group_of(&self, init: Pid) -> Option<OwnedFd> {
        let whole = self.unified_mount()?;
        let text = fs::read_to_string(format!("/proc/{init}/cgroup")).ok()?;
        let own = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let path = whole.join(own);
        let below = self.groups.iter().any(|group| path.starts_with(&group.path));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if below { rustix::fs::open(&path, flags, Mode::empty()).ok() } else { None }
    }

    /// Takes away what programs of an earlier run made below the group, so that a first program
    /// may be in it.
    ///
    /// # Errors
    /// Processes are left below it.
    pub(in crate::runtime) fn clear(&self) -> Result<()> {
        let Some(group) = self.unified().filter(|_| self.unified_mount().is_some()) else {
            return Ok(());
        };
        let file = group.path.join("cgroup.subtree_control");
        let failed = || format!("cannot clear {}", group.path.display());
        let shared = fs::read_to_string(&file).context(failed)?;
        if shared.trim().is_empty() {
            return Ok(());
        }
        signal::remove_below(&group.path).context(failed)?;
        let none: Vec<String> = shared.split_whitespace().map(|name| format!("-{name}")).collect();
        fs::write(&file, none.join(" ")).context(failed)
    }
}
