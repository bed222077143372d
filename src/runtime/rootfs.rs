//! The root file system: made as a detached mount, then made this process's root.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::mount::{self, Attributes, FileSystem};

use super::bundle::Rootfs;
use super::options;

/// A detached mount of the root file system, still writable.
///
/// # Errors
/// A layer is missing, or the kernel refuses the overlay.
pub fn make(rootfs: &Rootfs) -> Result<OwnedFd> {
    make_from(rootfs, in_namespace_of_thread)
}

/// As [`make`], for a process that is alone in its mount namespace, which changes for it.
///
/// # Errors
/// As [`make`].
pub fn make_alone(rootfs: &Rootfs) -> Result<OwnedFd> {
    make_from(rootfs, in_one_string)
}

/// Makes an overlay of [`Layers`] where the kernel cannot do it without a place.
type Otherwise = fn(&Layers<'_>) -> io::Result<OwnedFd>;

fn make_from(rootfs: &Rootfs, otherwise: Otherwise) -> Result<OwnedFd> {
    match rootfs {
        Rootfs::Directory { path } => {
            let copied = mount::copy(CWD, path, true);
            let root = copied.context(|| format!("cannot use {} as root", path.display()))?;
            let private = Attributes { propagation: libc::MS_PRIVATE, ..Attributes::default() };
            mount::change(root.as_fd(), true, private)
                .context(|| format!("cannot make {} private", path.display()))?;
            Ok(root)
        }
        Rootfs::Overlay { lowers, upper, work, volatile } => {
            let writable = upper.as_deref().zip(work.as_deref());
            overlay(&Layers { lowers, writable, volatile: *volatile }, otherwise)
        }
    }
}

/// What an overlay is made of.
struct Layers<'a> {
    /// The topmost first.
    lowers: &'a [PathBuf],
    /// Upper and work directory.
    writable: Option<(&'a Path, &'a Path)>,
    volatile: bool,
}

fn overlay(layers: &Layers<'_>, otherwise: Otherwise) -> Result<OwnedFd> {
    let Layers { lowers, writable, volatile } = *layers;
    if let ([only], None) = (lowers, writable) {
        // Overlay wants two layers to be read-only.
        return make_from(&Rootfs::Directory { path: only.clone() }, otherwise);
    }
    if lowers.is_empty() {
        return Err(Error::new(Kind::Invalid, "an image without layers cannot be a root"));
    }
    if let (true, Some((_, work))) = (volatile, writable) {
        forgive_last_time(work);
    }
    match layered(layers) {
        // Before Linux 6.5 there is no way to add one layer after the other.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => otherwise(layers),
        result => result,
    }
    .context(|| "cannot mount the image's layers".to_owned())
    .map_err(|error| match writable {
        // In a container of somebody else's, say.
        Some((upper, _)) if lies_on_overlay(upper) => error.hint(format!(
            "{} lies on an overlay itself, which cannot carry another: keep the data root on a volume or another disk",
            upper.display()
        )),
        _ => error,
    })
}

fn lies_on_overlay(path: &Path) -> bool {
    const OVERLAYFS_MAGIC: i64 = 0x794c_7630;
    rustix::fs::statfs(path).is_ok_and(|disk| disk.f_type == OVERLAYFS_MAGIC)
}

/// Overlay marks a volatile work directory and never mounts it again, since it cannot know what was
/// lost. Who asks for volatile knows that the host did not crash: the directory would be gone.
fn forgive_last_time(work: &Path) {
    let mark = work.join("work/incompat/volatile");
    // Missing the first time; anything else shows when it is mounted.
    let _ = std::fs::remove_file(mark.join("dirty")).and_then(|()| std::fs::remove_dir(mark));
}

fn layered(layers: &Layers<'_>) -> io::Result<OwnedFd> {
    let overlay = FileSystem::new("overlay")?;
    for lower in layers.lowers {
        overlay.set("lowerdir+", lower)?;
    }
    if let Some((upper, work)) = layers.writable {
        overlay.set("upperdir", upper)?;
        overlay.set("workdir", work)?;
        if layers.volatile {
            overlay.flag("volatile")?;
        }
    }
    overlay.mount(0)
}

/// As [`in_one_string`], on a thread with a mount namespace of its own, which ends with it: what
/// other threads and processes see stays as it is.
fn in_namespace_of_thread(layers: &Layers<'_>) -> io::Result<OwnedFd> {
    let made = std::thread::scope(|scope| {
        let work = || mount::leave_namespace().and_then(|()| in_one_string(layers));
        let thread = std::thread::Builder::new().name("overlay".to_owned());
        thread.spawn_scoped(scope, work).map(std::thread::ScopedJoinHandle::join)
    })?;
    made.unwrap_or_else(|_| Err(io::Error::other("the thread that mounts ended early")))
}

/// By one option string of at most a page: layers are named by descriptor, to be short and to
/// need no escaping. Mounted over a directory for a moment, in a mount namespace that nobody else
/// is in.
fn in_one_string(layers: &Layers<'_>) -> io::Result<OwnedFd> {
    let open = |path: &Path| {
        rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(io::Error::from)
    };
    let name = |fd: &OwnedFd| format!("/proc/thread-self/fd/{}", fd.as_raw_fd());
    let lowers = layers.lowers.iter().map(|lower| open(lower));
    let lowers = lowers.collect::<io::Result<Vec<OwnedFd>>>()?;
    let mut options = format!("lowerdir={}", lowers.iter().map(name).collect::<Vec<_>>().join(":"));
    let mut kept = Vec::new();
    if let Some((upper, work)) = layers.writable {
        kept = vec![open(upper)?, open(work)?];
        options.push_str(&format!(",upperdir={},workdir={}", name(&kept[0]), name(&kept[1])));
        if layers.volatile {
            options.push_str(",volatile");
        }
    }
    let over = layers.lowers.first().map_or(c"/".to_owned(), |lower| {
        CString::new(lower.as_os_str().as_encoded_bytes()).unwrap_or_default()
    });
    // Nothing of this may reach the host's mount table.
    mount::change_all_propagation(libc::MS_SLAVE)?;
    mount::classic("overlay", &over, "overlay", 0, &CString::new(options)?)?;
    drop(kept);
    let copied = mount::copy(CWD, over.as_c_str(), false);
    // What comes next finds the layer itself again.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    mount::detach(rustix::fs::open(&over, flags, Mode::empty())?.as_fd())?;
    copied
}

/// How a container gets its root directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance<'a> {
    /// Attached over the old one, which is left behind at once.
    Over,
    /// Attached on this directory, and entered later: programs of the host look at it before.
    On(&'a Path),
    /// Attached on this directory, and entered later by `chroot(2)`.
    Changed(&'a Path),
    /// Attached on this directory of a mount namespace that others use, which stays as it is.
    Shared(&'a Path),
}

/// Attaches `root`, which is a detached mount. Mounts made before keep their propagation from the
/// host, but none goes back to it.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`.
pub fn attach(root: &OwnedFd, entrance: Entrance<'_>) -> io::Result<()> {
    if !matches!(entrance, Entrance::Shared(_)) {
        mount::change_all_propagation(libc::MS_SLAVE)?;
    }
    let place = match entrance {
        Entrance::Over => Path::new("/"),
        Entrance::On(path) | Entrance::Changed(path) | Entrance::Shared(path) => path,
    };
    let place = rustix::fs::open(place, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    mount::attach(root.as_fd(), place.as_fd())
}

/// Makes the attached `root` this process's root directory; of the old one nothing is left, unless
/// others use it too.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`.
pub fn enter(root: &OwnedFd, entrance: Entrance<'_>) -> io::Result<()> {
    match entrance {
        Entrance::Over | Entrance::On(_) => mount::become_root(root),
        Entrance::Changed(_) | Entrance::Shared(_) => {
            rustix::process::fchdir(root)?;
            rustix::process::chroot(".")?;
            Ok(rustix::process::chdir("/")?)
        }
    }
}

/// Has mounts on the entered `root` propagate as `name` says, such as `rshared`.
///
/// # Errors
/// [`Kind::Invalid`] for another word.
pub fn propagate(root: &OwnedFd, name: &str) -> Result<()> {
    let (propagation, recursive) = options::propagation(name).ok_or_else(|| {
        let message =
            format!("rootfsPropagation `{name}` is none of shared, slave, private, unbindable");
        Error::new(Kind::Invalid, message)
    })?;
    mount::change(root.as_fd(), recursive, Attributes { propagation, ..Attributes::default() })
        .context(|| format!("cannot make the root's propagation {name}"))
}
