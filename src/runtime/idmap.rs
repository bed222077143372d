//! User namespaces: their mappings, and mounts whose owners are shown through one.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use oci_spec::runtime::{LinuxIdMapping, Mount};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::mount;
use crate::sys::process::{self, Fork};

use super::namespaces::Namespaces;
use super::options::Options;

/// Which users and groups there are inside, and who they are outside.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mappings<'a> {
    /// Of users.
    pub users: &'a [LinuxIdMapping],
    /// Of groups.
    pub groups: &'a [LinuxIdMapping],
}

impl<'a> Mappings<'a> {
    /// Those of a container.
    #[must_use]
    pub fn of(linux: Option<&'a oci_spec::runtime::Linux>) -> Mappings<'a> {
        Mappings {
            users: linux.and_then(|linux| linux.uid_mappings().as_deref()).unwrap_or_default(),
            groups: linux.and_then(|linux| linux.gid_mappings().as_deref()).unwrap_or_default(),
        }
    }

    /// There are none.
    #[must_use]
    pub fn are_missing(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    /// The user outside who is `id` inside; `None`: there is none.
    #[must_use]
    pub fn user(&self, id: u32) -> Option<u32> {
        outside(self.users, id)
    }

    /// The group outside that is `id` inside; `None`: there is none.
    #[must_use]
    pub fn group(&self, id: u32) -> Option<u32> {
        outside(self.groups, id)
    }

    /// Gives them to the new user namespace that `pid` is in, once for all.
    ///
    /// # Errors
    /// The kernel refuses: overlapping ranges, or ids that are not ours to give.
    pub fn give(&self, pid: Pid) -> Result<()> {
        for (file, mappings) in [("uid_map", self.users), ("gid_map", self.groups)] {
            let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
            fs::write(path, lines(mappings))
                .context(|| format!("cannot map ids of the user namespace ({file})"))?;
        }
        Ok(())
    }

    /// A user namespace that nobody is in, with these mappings.
    ///
    /// # Errors
    /// As [`Mappings::give`].
    fn namespace(&self) -> Result<OwnedFd> {
        let failed = || "cannot make a user namespace".to_owned();
        match process::clone(libc::CLONE_NEWUSER as u64, None).context(failed)? {
            Fork::Child => {
                // Only its namespace is of use, and only to the parent.
                let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
                loop {
                    rustix::event::pause();
                }
            }
            Fork::Parent { pid, pidfd } => {
                let given = self.give(pid);
                let namespace = File::open(format!("/proc/{}/ns/user", pid.as_raw_nonzero()));
                // It cannot have ended by itself, and is reaped below.
                let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
                let reaped =
                    rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
                reaped.map_err(io::Error::from).context(failed)?;
                given?;
                Ok(namespace.context(failed)?.into())
            }
        }
    }
}

/// The text of `uid_map` (user_namespaces(7)).
fn lines(mappings: &[LinuxIdMapping]) -> String {
    mappings.iter().fold(String::new(), |mut text, mapping| {
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "{} {} {}", mapping.container_id(), mapping.host_id(), mapping.size());
        text
    })
}

/// Shows owners of files on `taken`, a detached copy of `mount`'s source, as asked for: through
/// mappings of its own, or the container's (OCI: config.md#posix-platform-mounts).
///
/// # Errors
/// [`Kind::Invalid`] without any mapping; the file system cannot do it.
pub fn map(
    mount: &Mount,
    options: &Options,
    container: Mappings<'_>,
    namespaces: &Namespaces<'_>,
    taken: &OwnedFd,
) -> Result<()> {
    let own = Mappings {
        users: mount.uid_mappings().as_deref().unwrap_or_default(),
        groups: mount.gid_mappings().as_deref().unwrap_or_default(),
    };
    if own.are_missing() && options.map_ids.is_none() {
        return Ok(());
    }
    let target = mount.destination().display();
    let users = match (own.are_missing(), container.are_missing(), namespaces.joined_users()) {
        (false, _, _) => own.namespace(),
        (true, false, _) => container.namespace(),
        (true, true, Some(joined)) => {
            joined.try_clone_to_owned().context(|| "cannot keep a namespace".to_owned())
        }
        (true, true, None) => {
            let message = "an idmap mount needs uidMappings and gidMappings";
            Err(Error::new(Kind::Invalid, message))
        }
    };
    let users = users.context(|| format!("cannot map owners of {target}"))?;
    let recursive = options.map_ids == Some(true);
    mount::map_ids(taken.as_fd(), recursive, users.as_fd())
        .context(|| format!("cannot map owners of {target}"))
}

fn outside(mappings: &[LinuxIdMapping], id: u32) -> Option<u32> {
    if mappings.is_empty() {
        return Some(id);
    }
    mappings.iter().find_map(|mapping| {
        let offset = id.checked_sub(mapping.container_id())?;
        (offset < mapping.size()).then(|| mapping.host_id().checked_add(offset))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_written_inside_first() {
        let mappings: Vec<LinuxIdMapping> = serde_json::from_str(
            r#"[{"containerID": 0, "hostID": 100000, "size": 65536},
                {"containerID": 65536, "hostID": 7, "size": 1}]"#,
        )
        .unwrap();
        assert_eq!(lines(&mappings), "0 100000 65536\n65536 7 1\n");
    }
}
