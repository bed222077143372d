//! Paths of `/proc` and `/sys` that are hidden or read-only, by descriptor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;

use crate::base::{Context, Error, Result};
use crate::sys::mount::{self, Attributes, FileSystem};

use super::mounts::PROC_MAGIC;
use super::root::{Root, is_directory};

/// `SYSFS_MAGIC` of `linux/magic.h`.
const SYS_MAGIC: u64 = 0x6265_6572;

/// Hidden from containers and build steps: what Docker, containerd or Podman hide.
pub const HIDDEN: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/pagetypeinfo",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/slabinfo",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/dev/block",
    "/sys/devices/system/cpu/cpu*/thermal_throttle",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
];

/// Read-only in containers and build steps.
pub const READ_ONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"];

/// Hides `paths`: files by the null device, directories by one empty read-only tmpfs for all.
/// What does not exist need not be hidden; anything else that goes wrong is an error.
///
/// # Errors
/// A path cannot be hidden, or is not where its name says.
pub fn hide(root: &Root, paths: &[String], null: &OwnedFd) -> Result<()> {
    let mut cover = Cover { null, null_attached: false, empty: None };
    for path in paths {
        let hidden = expand(root, path).and_then(|paths| {
            paths.iter().try_for_each(|path| match place(root, path)? {
                Some(place) => cover.put(&place),
                None => Ok(()),
            })
        });
        hidden.context(|| format!("cannot hide {path}"))?;
    }
    Ok(())
}

/// What is put over paths. The first use attaches the mount itself, others attach copies of it.
struct Cover<'a> {
    null: &'a OwnedFd,
    null_attached: bool,
    empty: Option<OwnedFd>,
}

impl Cover<'_> {
    fn put(&mut self, place: &OwnedFd) -> io::Result<()> {
        if is_directory(place)? {
            if let Some(empty) = &self.empty {
                let copy = mount::copy(empty.as_fd(), "", false)?;
                return mount::attach(copy.as_fd(), place.as_fd());
            }
            let tmpfs = FileSystem::new("tmpfs")?;
            tmpfs.set("nr_inodes", "1")?;
            tmpfs.set("mode", "555")?;
            let attributes = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
            let attributes = attributes | libc::MOUNT_ATTR_NOEXEC | libc::MOUNT_ATTR_RDONLY;
            let empty = self.empty.insert(tmpfs.mount(attributes)?);
            return mount::attach(empty.as_fd(), place.as_fd());
        }
        if self.null_attached {
            let copy = mount::copy(self.null.as_fd(), "", false)?;
            return mount::attach(copy.as_fd(), place.as_fd());
        }
        self.null_attached = true;
        mount::attach(self.null.as_fd(), place.as_fd())
    }
}

/// Makes `paths` and all below them read-only.
///
/// # Errors
/// As [`hide`].
pub fn make_read_only(root: &Root, paths: &[String]) -> Result<()> {
    for path in paths {
        let made = place(root, Path::new(path)).and_then(|place| {
            let Some(place) = place else { return Ok(()) };
            let copy = mount::copy(place.as_fd(), "", true)?;
            let read_only = Attributes::set(libc::MOUNT_ATTR_RDONLY);
            mount::change(copy.as_fd(), true, read_only)?;
            mount::attach(copy.as_fd(), place.as_fd())
        });
        made.context(|| format!("cannot make {path} read-only"))?;
    }
    Ok(())
}

/// Makes read-only what `/proc` has besides processes: modes and owners of those files are the
/// kernel's own, so that root inside could change them for the host and for every container.
///
/// # Errors
/// As [`hide`].
pub fn freeze_proc(root: &Root) -> Result<()> {
    freeze(root).context(|| "cannot make /proc read-only".to_owned())
}

fn freeze(root: &Root) -> io::Result<()> {
    let top = Path::new("/proc");
    let directory = match root.open_plain(top, OFlags::RDONLY | OFlags::DIRECTORY) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => {
            return Ok(());
        }
        result => result?,
    };
    if rustix::fs::fstatfs(&directory)?.f_type as u64 != PROC_MAGIC {
        return Ok(());
    }
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let first = name.to_bytes().first().copied().unwrap_or_default();
        // Processes are the container's own, links have nothing to change.
        if first.is_ascii_digit() || first == b'.' || entry.file_type() == FileType::Symlink {
            continue;
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = match rustix::fs::openat(&directory, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => continue,
            result => result?,
        };
        let read_only = rustix::fs::fstatvfs(&place)?.f_flag.contains(StatVfsMountFlags::RDONLY);
        // What is mounted there is asked for, such as files of LXCFS.
        if !read_only && rustix::fs::fstatfs(&place)?.f_type as u64 == PROC_MAGIC {
            let copy = mount::copy(place.as_fd(), "", true)?;
            mount::change(copy.as_fd(), true, Attributes::set(libc::MOUNT_ATTR_RDONLY))?;
            mount::attach(copy.as_fd(), place.as_fd())?;
        }
    }
    Ok(())
}

/// The place `path` names, inside the root; `None` when there is nothing. No link leads below
/// `/proc`, `/sys` and `/dev`. What is below
/// `/proc` and `/sys` must lie on those file systems (CVE-2025-31133, CVE-2025-52881).
fn place(root: &Root, path: &Path) -> io::Result<Option<OwnedFd>> {
    let kernel = ["/proc", "/sys", "/dev"].iter().any(|top| path.starts_with(top));
    let opened = match kernel {
        true => root.open_plain(path, OFlags::PATH | OFlags::NOFOLLOW),
        false => root.open(path, OFlags::PATH),
    };
    let place = match opened {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => {
            return Ok(None);
        }
        result => result?,
    };
    let expected = [("/proc", PROC_MAGIC), ("/sys", SYS_MAGIC)];
    if let Some((_, magic)) = expected.iter().find(|(top, _)| path.starts_with(top))
        && rustix::fs::fstatfs(&place)?.f_type as u64 != *magic
        && !path.starts_with("/sys/fs")
    {
        return Err(io::Error::other(format!("{} is not the kernel's", path.display())));
    }
    Ok(Some(place))
}

/// Replaces a `*` at the end of one component by what is there.
fn expand(root: &Root, path: &str) -> io::Result<Vec<PathBuf>> {
    let Some((before, after)) = path.split_once('*') else { return Ok(vec![PathBuf::from(path)]) };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Some(directory) = place(root, Path::new(parent))? else { return Ok(Vec::new()) };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(&directory, c".", flags, Mode::empty())?;
    let mut found = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(prefix) && !name.starts_with('.') {
            found.push(PathBuf::from(format!("{parent}/{name}{after}")));
        }
    }
    Ok(found)
}

/// Makes the root itself read-only, but nothing that is mounted in it.
///
/// # Errors
/// A file on it is open for writing.
pub fn lock_root(root: &Root) -> Result<()> {
    mount::change(root.as_fd(), false, Attributes::set(libc::MOUNT_ATTR_RDONLY))
        .map_err(|error| Error::other("cannot make the root read-only").with_source(error))
}
