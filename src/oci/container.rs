//! A container: its record, its state, its process.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{ContainerState, LinuxResources, State};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Context, Error, Kind, Result};
use crate::runtime::{Bundle, Cgroup, CgroupPath, Rootfs, Seccomp};
use crate::state::{self, Durability, Lock, OciDir, OciRoot, lock};

use super::{config, update};

/// What is written about a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub(super) id: String,
    /// `ociVersion` of its configuration.
    pub(super) version: String,
    /// Its first process; `None` while it is being made.
    pub(super) pid: Option<i32>,
    /// When that process began, in ticks since the machine did: tells apart two of the same id.
    pub(super) began: u64,
    pub(super) bundle: PathBuf,
    pub(super) rootfs: PathBuf,
    /// As in RFC 3339.
    pub(super) created: String,
    /// User id of who made it.
    pub(super) owner: u32,
    /// `None` while it is being made.
    pub(super) cgroup: Option<CgroupPath>,
    /// Its root file system shows in a mount namespace of others.
    pub(super) shows: bool,
    pub(super) annotations: Option<HashMap<String, String>>,
}

/// The state of a container (OCI: runtime.md#state), with `paused` of our own, as runc has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is being made.
    Creating,
    /// It was made, and waits to be started.
    Created,
    /// Its program runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its process has ended.
    Stopped,
}

impl Status {
    /// Its word in JSON and lists.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }
}

/// A container that exists.
#[derive(Debug)]
pub struct Container {
    pub(super) dir: OciDir,
    pub(super) record: Record,
}

impl Container {
    /// The container called `id`.
    ///
    /// # Errors
    /// [`Kind::NotFound`], in the words that callers look for.
    pub fn open(root: &OciRoot, id: &str) -> Result<Container> {
        check_id(id)?;
        let dir = root.container(id);
        let missing = || Error::new(Kind::NotFound, "container does not exist");
        if !dir.path().is_dir() {
            return Err(missing());
        }
        // One whose making was interrupted has a directory but no record.
        let record = state::read(&dir.record())?;
        let record = record.unwrap_or_else(|| Record { id: id.to_owned(), ..Record::default() });
        Ok(Container { dir, record })
    }

    /// All of them, by id.
    ///
    /// # Errors
    /// The root cannot be read.
    pub fn all(root: &OciRoot) -> Result<Vec<Container>> {
        let ids = root.ids()?;
        // One may be removed meanwhile.
        Ok(ids.iter().filter_map(|id| Container::open(root, id).ok()).collect())
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Its first process; `None` while it is being made.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.record.pid
    }

    /// Where its control group is, below the root of each hierarchy; empty while it is being made.
    #[must_use]
    pub fn cgroup_path(&self) -> &Path {
        self.record.cgroup.as_ref().map_or(Path::new(""), CgroupPath::as_path)
    }

    /// The bundle it was made from.
    #[must_use]
    pub fn bundle_path(&self) -> &Path {
        &self.record.bundle
    }

    /// Keeps others from changing it, as long as the lock lives.
    pub(super) fn lock(&self) -> Result<Lock> {
        Lock::wait(&self.dir.lock())
    }

    /// Its state now.
    ///
    /// # Errors
    /// Its directory cannot be read.
    pub fn status(&self) -> Result<Status> {
        if self.record.pid.is_none() {
            let busy = lock::is_held(&self.dir.lock())?;
            return Ok(if busy { Status::Creating } else { Status::Stopped });
        }
        if !self.is_alive() {
            return Ok(Status::Stopped);
        }
        if lock::is_held(&self.dir.waiting())? {
            return Ok(Status::Created);
        }
        let frozen = self.cgroup()?.is_some_and(|cgroup| cgroup.is_frozen());
        Ok(if frozen { Status::Paused } else { Status::Running })
    }

    fn is_alive(&self) -> bool {
        self.record.pid.is_some_and(|pid| {
            stat(pid).is_some_and(|(state, began)| {
                began == self.record.began && !matches!(state, 'Z' | 'X')
            })
        })
    }

    /// Its first process, safe from reuse of the id; `None` when it has ended.
    pub(super) fn process(&self) -> Result<Option<OwnedFd>> {
        // No container's process has the number of the machine's first one, or a group's.
        let pid = self.record.pid.filter(|pid| *pid > 1).and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(None) };
        let opened = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            opened => opened.map_err(std::io::Error::from),
        };
        let opened = opened.context(|| "cannot open the container's process".to_owned())?;
        // Looked at after it was opened: if it is the right one now, it was then.
        Ok(self.is_alive().then_some(opened))
    }

    /// Its control group; `None` when it is gone.
    ///
    /// # Errors
    /// The hierarchies cannot be found.
    pub fn cgroup(&self) -> Result<Option<Cgroup>> {
        match &self.record.cgroup {
            Some(path) => Cgroup::open(path),
            None => Ok(None),
        }
    }

    /// What it was made from.
    pub(super) fn bundle(&self) -> Result<Bundle> {
        let path = self.dir.config();
        let text = fs::read(&path).context(|| format!("cannot read {}", path.display()))?;
        let (spec, _) = config::parse(&text).context(|| path.display().to_string())?;
        let rootfs = Rootfs::Directory { path: self.record.rootfs.clone() };
        Ok(Bundle { spec, rootfs, seccomp: Seccomp::Unconfined, ..Bundle::default() })
    }

    /// Writes the record.
    pub(super) fn save(&self) -> Result<()> {
        state::write(&self.dir.record(), &self.record, Durability::Process)
    }

    /// What hooks are told.
    pub(super) fn hook_state(&self, status: ContainerState) -> State {
        let mut state = State::default();
        state.set_version(self.record.version.clone());
        state.set_id(self.record.id.clone());
        state.set_status(status);
        state.set_pid(self.record.pid.filter(|_| status != ContainerState::Stopped));
        state.set_bundle(self.record.bundle.clone());
        state.set_annotations(self.record.annotations.clone());
        state
    }

    /// Its state as JSON (OCI: runtime.md#state), and what runc tells besides.
    ///
    /// # Errors
    /// As [`Container::status`].
    pub fn state(&self) -> Result<Value> {
        let record = &self.record;
        let status = self.status()?;
        let alive = !matches!(status, Status::Stopped | Status::Creating);
        let mut state = json!({
            "ociVersion": if record.version.is_empty() { config::VERSION } else { &record.version },
            "id": record.id,
            "pid": if alive { record.pid.unwrap_or(0) } else { 0 },
            "status": status.word(),
            "bundle": record.bundle,
            "rootfs": record.rootfs,
            "created": record.created,
        });
        if let Some(annotations) = &record.annotations {
            state["annotations"] = json!(annotations);
        }
        state["owner"] =
            json!(if record.owner == 0 { "root".to_owned() } else { record.owner.to_string() });
        Ok(state)
    }

    /// Freezes all of its processes.
    ///
    /// # Errors
    /// It does not run; they cannot be frozen.
    pub fn pause(&self) -> Result<()> {
        match self.status()? {
            Status::Running | Status::Created => self.needed_cgroup()?.freeze(),
            Status::Paused => Err(Error::new(Kind::Conflict, "container is already paused")),
            _ => Err(not_running()),
        }
    }

    /// Lets all of its processes run again.
    ///
    /// # Errors
    /// It is not paused.
    pub fn resume(&self) -> Result<()> {
        match self.status()? {
            Status::Paused => self.needed_cgroup()?.thaw(),
            _ => Err(Error::new(Kind::Conflict, "container not paused")),
        }
    }

    /// Changes its limits; what is not given stays as its configuration or the last change has it.
    ///
    /// # Errors
    /// It does not run; the kernel refuses.
    pub fn update(&self, resources: &LinuxResources) -> Result<Vec<String>> {
        let _lock = self.lock()?;
        if self.status()? == Status::Stopped {
            return Err(not_running());
        }
        let mut cgroup = self.needed_cgroup()?;
        let config: Option<Value> = state::read(&self.dir.config())?;
        let mut config = config.ok_or_else(|| Error::other("its configuration cannot be read"))?;
        let changed = update::merge(&mut config["linux"]["resources"], resources)?;
        cgroup.update(&changed)?;
        // What it was made from says from now on what holds (runc: the same).
        state::write(&self.dir.config(), &config, Durability::Process)?;
        Ok(cgroup.warnings().to_vec())
    }

    /// Ids of all processes in it.
    ///
    /// # Errors
    /// It has no control group.
    pub fn processes(&self) -> Result<Vec<i32>> {
        let processes = self.needed_cgroup()?.processes()?;
        Ok(processes.into_iter().map(Pid::as_raw_pid).collect())
    }

    pub(super) fn needed_cgroup(&self) -> Result<Cgroup> {
        self.cgroup()?.ok_or_else(not_running)
    }
}

/// In the words that callers look for.
pub(super) fn not_running() -> Error {
    Error::new(Kind::Conflict, "container not running")
}

/// An id is the name of a directory.
///
/// # Errors
/// [`Kind::Invalid`] for one that is not.
pub(super) fn check_id(id: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    match !id.is_empty() && id.len() <= 1024 && id.bytes().all(plain) && id != "." && id != ".." {
        true => Ok(()),
        false => Err(Error::new(Kind::Invalid, "invalid container ID format")),
    }
}

/// State and time of beginning of a process; `None` when there is none (proc_pid_stat(5)).
pub(super) fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = text.rsplit_once(')')?.1;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // Field 22; the state is the third.
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names_of_directories() {
        for id in ["a", "A.b_c+d-1", "..."] {
            assert!(check_id(id).is_ok(), "{id}");
        }
        for id in ["", ".", "..", "a/b", "a b", "ä", "a\n"] {
            assert!(check_id(id).is_err(), "{id}");
        }
    }

    #[test]
    fn a_process_is_known_by_when_it_began() {
        let own = std::process::id() as i32;
        let (state, began) = stat(own).unwrap();
        assert!(began > 0 && state.is_ascii_uppercase());
        assert_eq!(stat(i32::MAX), None);
    }
}
