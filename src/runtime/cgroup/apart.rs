//! A group for processes of ours that outlive whoever started them.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{Cgroup, hierarchy};

/// Where it is, below the root of the unified hierarchy.
const GROUP: &str = "compose/shims";

impl Cgroup {
    /// The directory of a group to clone such a process into, where systemd runs: it ends all
    /// processes of a session or service with it, by their group, whosever children they are
    /// (systemd.kill(5), logind.conf(5): `KillUserProcesses=`). `None` without systemd, or where
    /// there is no unified hierarchy, by which it knows them.
    ///
    /// The group stays when it is empty.
    ///
    /// # Errors
    /// The group cannot be made.
    pub fn apart() -> io::Result<Option<OwnedFd>> {
        // What sd_booted(3) asks.
        if !Path::new("/run/systemd/system").is_dir() {
            return Ok(None);
        }
        let all = hierarchy::detect().map_err(io::Error::other)?;
        let Some(unified) = all.iter().find(|it| it.unified) else { return Ok(None) };
        let path = unified.mount.join(GROUP);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || rustix::fs::open(&path, flags, Mode::empty());
        if let Ok(directory) = open() {
            return Ok(Some(directory));
        }
        fs::create_dir_all(&path)?;
        Ok(Some(open()?))
    }
}
