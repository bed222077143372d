//! Control groups: limits, accounting, and reaching all processes of a container at once.
//!
//! Works with what is mounted: v1 controllers, the unified hierarchy, or both. A container's group
//! has the same path in each. Nothing is mounted, remounted or moved; controllers of the unified
//! hierarchy are switched on for the directories above a group when it is made.

mod apart;
mod below;
mod devices;
mod hierarchy;
mod limits;
mod make;
mod memory;
mod path;
mod signal;
mod stats;

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use oci_spec::runtime::LinuxResources;
use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;

use crate::base::{Context, Error, Kind, Result};

use devices::Access;
use hierarchy::Hierarchy;
pub use hierarchy::is_v2;
use limits::Write;
use make::make;
pub use memory::MemoryWatch;
pub use path::CgroupPath;
pub use stats::Stats;

/// A container's control group, in every hierarchy that this machine has.
#[derive(Debug)]
pub struct Cgroup {
    groups: Vec<Group>,
    warnings: Vec<String>,
    /// All processes of it were killed once.
    killed: AtomicBool,
}

/// The group in one hierarchy.
#[derive(Debug)]
struct Group {
    /// Where its hierarchy is mounted.
    mount: PathBuf,
    path: PathBuf,
    controllers: Vec<String>,
    unified: bool,
}

impl Cgroup {
    /// Makes the group `path` (as in `compose/<id>`) and sets its limits. A group that is left
    /// over from before is used again if it is empty.
    ///
    /// Devices are denied but for those that `resources` allows, also when it names none.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when the group has processes or is frozen; a limit that the kernel refuses,
    /// named.
    pub fn create(path: &CgroupPath, resources: &LinuxResources) -> Result<Cgroup> {
        let mut cgroup = Cgroup::of(Vec::new());
        let shown = path.as_path().display();
        let mut busy = false;
        for hierarchy in hierarchy::detect()? {
            // Nobody knows what was done to one that is left over.
            if hierarchy.unified && hierarchy.mount.join(path.as_path()).is_dir() {
                cgroup.killed.store(true, Ordering::Relaxed);
            }
            let made = make(&hierarchy, path);
            let (group, is_new) = made.context(|| {
                format!("cannot make cgroup {shown} in {}", hierarchy.mount.display())
            })?;
            busy |= !is_new && group.is_busy();
            cgroup.groups.push(group);
        }
        if busy {
            let message = format!("cgroup {shown} is in use by other processes");
            return Err(Error::new(Kind::Conflict, message));
        }
        if cgroup.is_frozen() {
            let message = format!("cgroup {shown} is frozen: nothing would run in it");
            return Err(Error::new(Kind::Conflict, message));
        }
        let set = cgroup.set(resources).and_then(|()| cgroup.limit_devices(resources));
        match set {
            Ok(()) => Ok(cgroup),
            Err(error) => {
                // The first error is the one to tell.
                let _ = cgroup.remove();
                Err(error)
            }
        }
    }

    /// The existing group `path`; `None` when it does not exist.
    ///
    /// # Errors
    /// The hierarchies cannot be found.
    pub fn open(path: &CgroupPath) -> Result<Option<Cgroup>> {
        let groups: Vec<Group> = hierarchy::detect()?
            .into_iter()
            .map(|hierarchy| Group::new(&hierarchy, path))
            .filter(|group| group.path.is_dir())
            .collect();
        Ok((!groups.is_empty()).then_some(Cgroup::of(groups)))
    }

    /// The existing group with this name, wherever it is below the roots; `None` when there is
    /// none. Takes a look at every group: for when nothing says where it is.
    ///
    /// # Errors
    /// The hierarchies cannot be found.
    pub fn named(name: &str) -> Result<Option<Cgroup>> {
        let hierarchies = hierarchy::detect()?;
        let mut found = hierarchies.iter().filter_map(|it| path::find(&it.mount, name));
        found.next().map_or(Ok(None), |path| Cgroup::open(&path))
    }

    fn of(groups: Vec<Group>) -> Cgroup {
        Cgroup { groups, warnings: Vec::new(), killed: AtomicBool::new(false) }
    }

    /// A recorded tree's only group, as the unified hierarchy has it.
    #[cfg(test)]
    fn unified_at(path: &Path) -> Cgroup {
        let (mount, path) = (path.to_owned(), path.to_owned());
        Cgroup::of(vec![Group { mount, path, controllers: Vec::new(), unified: true }])
    }

    /// Limits that were asked for and that this machine's kernel does not have, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Changes limits; what is `None` stays. Devices stay as they are.
    ///
    /// # Errors
    /// As [`Cgroup::create`].
    pub fn update(&mut self, resources: &LinuxResources) -> Result<()> {
        self.set(resources)
    }

    fn set(&mut self, resources: &LinuxResources) -> Result<()> {
        let legacy = self.groups.iter().any(|group| !group.unified);
        let writes = if legacy { limits::v1(resources)? } else { limits::v2(resources)? };
        // Memory and swap limit each other: lowering goes one way round, raising the other.
        let mut late = Vec::new();
        for write in &writes {
            match self.write(write) {
                Err(_) if write.file.starts_with("memory.") => late.push(write),
                // A quota must fit its period, and both those above.
                Err(_) if write.file.starts_with("cpu.cfs") => late.push(write),
                result => result?,
            }
        }
        for write in late.into_iter().rev() {
            self.write(write)?;
        }
        Ok(())
    }

    fn write(&mut self, write: &Write) -> Result<()> {
        let group = self.groups.iter().find(|group| match write.controller {
            "" => group.unified,
            controller => group.controllers.iter().any(|other| other == controller),
        });
        let first = (write.file.as_str(), &write.value);
        let second = write.instead.as_ref().map(|(file, value)| (*file, value));
        let mut choices = [Some(first), second].into_iter().flatten();
        let found = group.and_then(|group| {
            choices.find_map(|(file, value)| {
                let path = group.path.join(file);
                path.exists().then_some((file, path, value))
            })
        });
        let Some((file, path, value)) = found else {
            let missing = group.filter(|group| {
                !write.controller.is_empty() && !group.is_offered([write.controller].into_iter())
            });
            self.warnings.push(match missing {
                Some(group) => format!(
                    "the group above {} does not share its `{}` controller, so {} has no effect",
                    group.path.display(),
                    write.controller,
                    write.file
                ),
                None => {
                    format!("this kernel has no {}, so that limit has no effect", write.file)
                }
            });
            return Ok(());
        };
        fs::write(&path, value).context(|| format!("cannot set {file} to {value}"))
    }

    fn limit_devices(&self, resources: &LinuxResources) -> Result<()> {
        let access = Access::new(resources.devices().as_deref().unwrap_or_default())?;
        let has_devices = |group: &&Group| group.controllers.iter().any(|name| name == "devices");
        if let Some(group) = self.groups.iter().find(has_devices) {
            for lines in access.lines().chunk_by(|one, next| one.0 == next.0) {
                let mut open = None;
                for (file, line) in lines {
                    // The kernel takes one rule a write.
                    write_to(&mut open, &group.path.join(file), line)
                        .context(|| format!("cannot limit devices: {file}: {line}"))?;
                }
            }
            return Ok(());
        }
        match self.unified() {
            Some(group) => {
                let directory = group.open().context(|| "cannot limit devices".to_owned())?;
                crate::sys::bpf::attach_device_program(&access.program(), directory.as_fd())
                    .context(|| "cannot limit devices".to_owned())
            }
            None => Err(Error::other("cannot limit devices: no cgroup can")),
        }
    }

    /// The hierarchies it is in: name of the mount point, controllers, whether it is unified.
    pub(super) fn hierarchies(&self) -> Vec<(String, &[String], bool)> {
        let name = |group: &Group| {
            let name = group.mount.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let all = self.groups.iter();
        all.map(|group| (name(group), &group.controllers[..], group.unified)).collect()
    }

    /// Its directory in each hierarchy, in the order of [`Cgroup::hierarchies`].
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.groups.iter().map(|group| group.path.as_path())
    }

    /// Where the unified hierarchy is mounted, if it is the only one.
    pub(super) fn unified_mount(&self) -> Option<&Path> {
        match &self.groups[..] {
            [group] if group.unified => Some(&group.mount),
            _ => None,
        }
    }

    fn unified(&self) -> Option<&Group> {
        self.groups.iter().find(|group| group.unified)
    }

    /// What a child enters: the unified group's directory, to be cloned into, and the v1 groups'
    /// `tasks`, which it writes itself to while it has one thread.
    ///
    /// Not by `cgroup.procs`: that takes a lock against new threads, for which the kernel waits
    /// until every CPU has come by, 10 ms and more each time. But what is cloned into a group that
    /// was ever killed dies at once (since Linux 6.14), so the next run of a container waits.
    pub(super) fn doors(&self) -> Result<Doors> {
        let killed = self.killed.load(Ordering::Relaxed);
        let directory = self.unified().filter(|_| !killed).map(Group::open).transpose();
        let directory = directory.context(|| "cannot open the cgroup".to_owned())?;
        let open = |group: &Group| {
            let path = group.path.join(if group.unified { "cgroup.procs" } else { "tasks" });
            rustix::fs::open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
                .map_err(io::Error::from)
                .context(|| format!("cannot open {}", path.display()))
        };
        let written = self.groups.iter().filter(|group| killed || !group.unified);
        let files = written.map(open).collect::<Result<Vec<OwnedFd>>>()?;
        Ok(Doors { directory, files })
    }

    /// Moves a process into the group.
    ///
    /// # Errors
    /// The process does not exist.
    pub fn add(&self, pid: Pid) -> Result<()> {
        for group in &self.groups {
            fs::write(group.path.join("cgroup.procs"), pid.as_raw_nonzero().to_string())
                .context(|| format!("cannot move a process into {}", group.path.display()))?;
        }
        Ok(())
    }

    /// Ids of all processes in it and in groups below it, as this process sees them.
    ///
    /// # Errors
    /// The group is gone.
    pub fn processes(&self) -> Result<Vec<Pid>> {
        let group = self.unified().or(self.groups.first());
        let Some(group) = group else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        signal::collect(&group.path, &mut found)
            .context(|| format!("cannot read processes of {}", group.path.display()))?;
        Ok(found)
    }

    /// Removes the group and those below it; fine if it is gone. Waits for processes that are
    /// just ending, at most a second.
    ///
    /// # Errors
    /// [`Kind::Conflict`] while processes are in it.
    pub fn remove(self) -> Result<()> {
        for group in &self.groups {
            signal::remove(&group.path)?;
        }
        Ok(())
    }
}

/// What a child enters its control group by.
pub(super) struct Doors {
    /// To be cloned into.
    pub directory: Option<OwnedFd>,
    /// To be written to, each by a process with one thread.
    pub files: Vec<OwnedFd>,
}

impl Group {
    fn new(hierarchy: &Hierarchy, path: &CgroupPath) -> Group {
        Group {
            mount: hierarchy.mount.clone(),
            path: hierarchy.mount.join(path.as_path()),
            controllers: hierarchy.controllers.clone(),
            unified: hierarchy.unified,
        }
    }

    fn open(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.path, flags, Mode::empty())?)
    }

    /// The group above lets it have all of `controllers`.
    fn is_offered<'a>(&self, mut controllers: impl Iterator<Item = &'a str>) -> bool {
        if !self.unified {
            // v1 has all controllers of a hierarchy in every group of it.
            return true;
        }
        // Unreadable is as good as empty: groups are still of use without.
        let text = fs::read_to_string(self.path.join("cgroup.controllers")).unwrap_or_default();
        controllers.all(|wanted| text.split_whitespace().any(|name| name == wanted))
    }

    fn is_busy(&self) -> bool {
        // Unreadable as in a threaded group: then limits fail to be set, which tells why.
        fs::read(self.path.join("cgroup.procs")).is_ok_and(|processes| !processes.is_empty())
    }
}

/// Writes to the file at `path`, which stays open for the next time.
fn write_to(open: &mut Option<fs::File>, path: &Path, text: &str) -> io::Result<()> {
    let file = match open {
        Some(file) => file,
        None => open.insert(fs::File::options().write(true).open(path)?),
    };
    file.write_all(text.as_bytes())
}
