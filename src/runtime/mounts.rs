//! The mounts of a bundle: sources taken before the root changes, attached inside it after.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount;
use rustix::fs::{CWD, Mode, OFlags};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::mount::{self, Attributes, FileSystem};

use super::bundle::Rootfs;
use super::cgroup::Cgroup;
use super::copyup;
use super::idmap::{self, Mappings};
use super::namespaces::Namespaces;
use super::options::Options;
use super::root::{Make, Root, is_directory};
use super::rootfs;

/// `PROC_SUPER_MAGIC` of `linux/magic.h`.
pub const PROC_MAGIC: u64 = 0x9fa0;

/// What may be mounted inside `/proc`: files that LXCFS and its like replace (runc's list).
const OVER_PROC: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/net/dev",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

/// One mount, ready to be attached.
#[derive(Debug)]
pub struct Prepared {
    target: PathBuf,
    kind: String,
    options: Options,
    /// The detached mount; `None`: control groups, which are several.
    mount: Option<OwnedFd>,
    /// Its attributes are set already.
    settled: bool,
    /// For messages.
    source: PathBuf,
}

/// Takes the sources of bind mounts with the caller's privileges and not the container's, and
/// shows their owners as asked for; `None` for what is no bind mount. Their attributes are set,
/// too, since the container's users might not be allowed to.
///
/// # Errors
/// A source that does not exist.
pub fn take(
    mounts: &[Mount],
    namespaces: &Namespaces<'_>,
    container: Mappings<'_>,
) -> Result<Vec<Option<OwnedFd>>> {
    let take = |mount: &Mount| {
        let options = Options::parse(mount.options().as_deref().unwrap_or_default());
        if !is_bind(mount, &options) {
            return Ok(None);
        }
        let target = Path::new("/").join(mount.destination());
        let source = mount.source().clone().unwrap_or_default();
        let taken = bind_source(&source, &target, &options)?;
        idmap::map(mount, &options, container, namespaces, &taken)?;
        set_attributes(taken.as_fd(), &options)
            .context(|| format!("cannot mount {}", source.display()))?;
        Ok(Some(taken))
    };
    mounts.iter().map(take).collect()
}

/// Whether a mount has to be [taken](take) by the caller, whoever the container's users are.
#[must_use]
pub fn map_owners(mounts: &[Mount]) -> bool {
    mounts.iter().any(|mount| {
        let asks = |option: &String| option == "idmap" || option == "ridmap";
        mount.options().iter().flatten().any(asks)
            || mount.uid_mappings().as_ref().is_some_and(|mappings| !mappings.is_empty())
    })
}

fn is_bind(mount: &Mount, options: &Options) -> bool {
    options.bind || mount.typ().as_deref() == Some("bind")
}

/// Makes all mounts detached, with the sources' paths as the host has them; `taken` are those
/// that were [taken](take) before.
///
/// # Errors
/// A source that does not exist, or a file system that the kernel refuses.
pub fn prepare(mounts: &[Mount], taken: &mut [Option<OwnedFd>]) -> Result<Vec<Prepared>> {
    let mut taken = taken.iter_mut();
    mounts.iter().map(|mount| prepare_one(mount, taken.next().and_then(Option::take))).collect()
}

fn prepare_one(mount: &Mount, taken: Option<OwnedFd>) -> Result<Prepared> {
    let options = Options::parse(mount.options().as_deref().unwrap_or_default());
    let target = Path::new("/").join(mount.destination());
    let source = mount.source().clone().unwrap_or_default();
    let kind = mount.typ().clone().unwrap_or_default();
    let bind = is_bind(mount, &options);
    let settled = taken.is_some();
    let made = if let Some(taken) = taken {
        Some(taken)
    } else if bind {
        Some(bind_source(&source, &target, &options)?)
    } else if kind == "cgroup" || kind == "cgroup2" {
        None
    } else {
        let failed = || format!("cannot mount {kind} on {}", target.display());
        Some(match options.data.iter().any(|(key, _)| key == "lowerdir+") {
            true => layers(&options).context(failed)?,
            false => file_system(&kind, &source, &options).context(failed)?,
        })
    };
    let kind = if bind { "bind".to_owned() } else { kind };
    Ok(Prepared { target, kind, options, mount: made, settled, source })
}

fn bind_source(source: &Path, target: &Path, options: &Options) -> Result<OwnedFd> {
    let failed = || format!("cannot mount {} on {}", source.display(), target.display());
    let copied = match &options.subpath {
        None => mount::copy(CWD, source, options.bind_recursive),
        Some(subpath) => part(source, subpath, options.bind_recursive),
    };
    let copied = match copied {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let source = options.subpath.iter().fold(source.to_owned(), |all, it| all.join(it));
            let message = format!("bind source path does not exist: {}", source.display());
            return Err(Error::new(Kind::NotFound, message)).context(failed);
        }
        result => result.context(failed)?,
    };
    // Where nothing is said, mounts of host and container do not see each other's.
    let (propagation, recursively) = match options.propagation {
        0 => (libc::MS_PRIVATE, true),
        asked => (asked, options.propagation_recursive),
    };
    let propagation = Attributes { propagation, ..Attributes::default() };
    mount::change(copied.as_fd(), recursively, propagation).context(failed)?;
    Ok(copied)
}

/// A part of a bind mount's source; links in it do not lead out of it.
fn part(source: &Path, subpath: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = Root::new(rustix::fs::open(source, flags, Mode::empty())?);
    mount::copy(root.open(subpath, OFlags::PATH)?.as_fd(), "", recursive)
}

fn file_system(kind: &str, source: &Path, options: &Options) -> io::Result<OwnedFd> {
    let system = FileSystem::new(kind)?;
    if !source.as_os_str().is_empty() {
        system.set("source", source)?;
    }
    for (key, value) in &options.data {
        match value {
            Some(value) => system.set(key, value.as_str())?,
            None => system.flag(key)?,
        }
    }
    with_propagation(system.mount(initial(kind, options))?, options)
}

/// The layers of an image, which not every kernel takes one by one.
fn layers(options: &Options) -> Result<OwnedFd> {
    let lowers = options.data.iter().filter(|(key, _)| key == "lowerdir+");
    let lowers = lowers.filter_map(|(_, value)| value.as_ref().map(PathBuf::from)).collect();
    let made = rootfs::make(&Rootfs::Overlay { lowers, upper: None, work: None, volatile: false })?;
    let attributes = Attributes::set(options.attributes.set | options.recursive.set);
    let changed = mount::change(made.as_fd(), false, attributes);
    let settled = changed.and_then(|()| with_propagation(made, options));
    settled.context(|| "cannot mount the image's layers".to_owned())
}

fn with_propagation(made: OwnedFd, options: &Options) -> io::Result<OwnedFd> {
    if options.propagation != 0 {
        let propagation = Attributes { propagation: options.propagation, ..Attributes::default() };
        mount::change(made.as_fd(), false, propagation)?;
    }
    Ok(made)
}

/// Attaches all of `prepared` inside `root`, in order; missing mount points are made.
///
/// `fill` names targets whose source is filled with what they cover, if it is empty. `groups` are
/// control groups taken from the host, for a container without a view of its own.
///
/// # Errors
/// A mount point that cannot be made, or lies where none may.
pub fn attach(
    root: &Root,
    prepared: &[Prepared],
    fill: &[PathBuf],
    cgroup: &Cgroup,
    groups: &[OwnedFd],
) -> Result<()> {
    for one in prepared {
        let fills = fill.contains(&one.target) || one.options.copy_up;
        // What the image does not have leaves the volume as it is.
        let fills = fills && root.open(&one.target, OFlags::PATH).is_ok();
        let part = one.part(root)?;
        let source = part.as_ref().or(one.mount.as_ref());
        let target = one.target(root, source)?;
        match source {
            Some(source) => {
                if fills {
                    copyup::fill(source.as_fd(), target.as_fd()).context(|| {
                        format!("cannot copy {} of the image to its volume", one.target.display())
                    })?;
                }
                one.attach(source.as_fd(), target.as_fd())?;
            }
            None => super::cgroupfs::mount(root, &one.target, &one.options, cgroup, groups)?,
        }
    }
    Ok(())
}

/// Attributes that a file system begins with. A tmpfs is empty: `/dev` gets its nodes and mount
/// points before [`lock`] makes it read-only.
fn initial(kind: &str, options: &Options) -> u64 {
    let asked = options.attributes.set | options.recursive.set;
    if kind == "tmpfs" { asked & !libc::MOUNT_ATTR_RDONLY } else { asked }
}

/// Makes those read-only that were to be and had to be filled first.
///
/// # Errors
/// Those of `mount_setattr(2)`.
pub fn lock(prepared: &[Prepared]) -> Result<()> {
    for one in prepared.iter().filter(|one| one.kind == "tmpfs") {
        let asked = one.options.attributes.set | one.options.recursive.set;
        if let (Some(mount), true) = (&one.mount, asked & libc::MOUNT_ATTR_RDONLY != 0) {
            mount::change(mount.as_fd(), false, Attributes::set(libc::MOUNT_ATTR_RDONLY))
                .context(|| format!("cannot make {} read-only", one.target.display()))?;
        }
    }
    Ok(())
}

/// Attaches bind mounts inside `root`, in order, as [`attach`] does.
///
/// # Errors
/// As [`attach`].
pub fn attach_binds(root: &Root, prepared: &[Prepared]) -> Result<()> {
    for one in prepared {
        if let Some(source) = &one.mount {
            one.attach(source.as_fd(), one.target(root, Some(source))?.as_fd())?;
        }
    }
    Ok(())
}

/// The mount on this target, if it is of a type of its own.
#[must_use]
pub fn on<'a>(prepared: &'a [Prepared], target: &str, kind: &str) -> Option<BorrowedFd<'a>> {
    let fits = |one: &&Prepared| one.kind == kind && one.target == Path::new(target);
    prepared.iter().rev().find(fits)?.mount.as_ref().map(AsFd::as_fd)
}

/// Whether something is mounted on this target.
#[must_use]
pub fn has(prepared: &[Prepared], target: &str) -> bool {
    prepared.iter().any(|one| one.target == Path::new(target))
}

impl Prepared {
    /// The detached mount, its attributes not set yet; `None`: control groups, which are several.
    /// `root` is attached in this mount namespace.
    ///
    /// # Errors
    /// The part of it that is wanted does not exist.
    pub fn into_mount(self, root: &Root) -> Result<Option<OwnedFd>> {
        Ok(self.part(root)?.or(self.mount))
    }

    /// The directory or file of a new file system that alone is wanted.
    ///
    /// A mount that is not attached cannot be copied (before Linux 6.15), so it is over the root
    /// for a moment, which nobody else looks at.
    fn part(&self, root: &Root) -> Result<Option<OwnedFd>> {
        let (Some(subpath), Some(whole), false) =
            (&self.options.subpath, &self.mount, self.kind == "bind")
        else {
            return Ok(None);
        };
        let failed = || format!("cannot mount {} on {}", subpath.display(), self.target.display());
        mount::attach(whole.as_fd(), root.as_fd()).context(failed)?;
        let found = whole.try_clone().and_then(|it| Root::new(it).open(subpath, OFlags::PATH));
        let copied = found.and_then(|found| mount::copy(found.as_fd(), "", false));
        mount::detach(whole.as_fd()).context(failed)?;
        copied.map(Some).context(failed)
    }

    /// The place where `source` is attached.
    fn target(&self, root: &Root, source: Option<&OwnedFd>) -> Result<OwnedFd> {
        let failed = || format!("cannot make mount point {}", self.target.display());
        let own = ["/proc", "/sys", "/dev"].map(Path::new).contains(&self.target.as_path());
        let make = match source {
            Some(source) if !is_directory(source).context(failed)? => Make::File,
            _ => Make::Directory,
        };
        let target = if own {
            // A link there would lead what is written to /proc, /sys and /dev elsewhere
            // (CVE-2019-19921, CVE-2025-54867, CVE-2026-41579).
            match root.open_plain(&self.target, OFlags::PATH) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    root.make(&self.target, make)
                }
                Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                    let message = "it must be mounted on ordinary directory, not a link";
                    return Err(Error::new(Kind::Invalid, message)).context(failed);
                }
                result => result,
            }
        } else {
            root.make(&self.target, make)
        };
        let target = target.context(failed)?;
        self.refuse_over_proc(&target)?;
        Ok(target)
    }

    fn refuse_over_proc(&self, target: &OwnedFd) -> Result<()> {
        let on_proc =
            rustix::fs::fstatfs(target).is_ok_and(|stat| stat.f_type as u64 == PROC_MAGIC);
        let hides_proc = self.target == Path::new("/proc") && self.kind != "proc";
        let allowed = OVER_PROC.iter().any(|path| self.target == Path::new(path));
        if hides_proc || (on_proc && !allowed) {
            let message = format!(
                "cannot mount {} on {}: nothing can be mounted inside /proc",
                self.source.display(),
                self.target.display()
            );
            return Err(Error::new(Kind::Invalid, message));
        }
        Ok(())
    }

    fn attach(&self, source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
        let failed =
            || format!("cannot mount {} on {}", self.source.display(), self.target.display());
        if is_directory(source).context(failed)? != is_directory(target).context(failed)? {
            let message = "not a directory: Are you trying to mount a directory onto a file \
                (or vice-versa)? Check if the specified host path exists and is the expected type";
            return Err(Error::new(Kind::Invalid, message)).context(failed);
        }
        if self.kind == "bind" && !self.settled {
            // Not before: a volume that is read-only here may just have been filled.
            set_attributes(source, &self.options).context(failed)?;
        }
        mount::attach(source, target).context(failed)
    }
}

fn set_attributes(mount: BorrowedFd<'_>, options: &Options) -> io::Result<()> {
    for (recursive, attributes) in [(true, options.recursive), (false, options.attributes)] {
        if !attributes.is_empty() {
            mount::change(mount, recursive, attributes)?;
        }
    }
    Ok(())
}
