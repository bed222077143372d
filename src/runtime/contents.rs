//! Files with given content (secrets, configs): in a tmpfs of the container's own.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Gid, Mode, OFlags, Uid};

use crate::base::{Context, Result};
use crate::sys::mount::{self, Attributes, FileSystem};

use super::bundle::Content;
use super::root::{Make, Root};

/// Writes `contents` and mounts each on its target, read-only.
///
/// # Errors
/// A target that cannot be made, such as one below a file.
pub fn mount(root: &Root, contents: &[Content]) -> Result<()> {
    if contents.is_empty() {
        return Ok(());
    }
    let store = attached(root).context(|| "cannot make a tmpfs for secrets".to_owned())?;
    for (index, content) in contents.iter().enumerate() {
        put(root, &store, index, content)
            .context(|| format!("cannot put a file on {}", content.target.display()))?;
    }
    mount::detach(store.as_fd()).context(|| "cannot detach the tmpfs for secrets".to_owned())
}

/// A tmpfs, attached over the root directory while files of it are mounted elsewhere: before
/// Linux 6.15 a mount can only be copied while it is attached.
fn attached(root: &Root) -> io::Result<OwnedFd> {
    let store = store()?;
    mount::attach(store.as_fd(), root.as_fd())?;
    Ok(store)
}

/// A tmpfs that is not written to disk, not attached yet.
///
/// # Errors
/// The kernel refuses.
pub fn store() -> io::Result<OwnedFd> {
    let attributes = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let tmpfs = FileSystem::new("tmpfs")?;
    tmpfs.set("mode", "700")?;
    match tmpfs.flag("noswap") {
        Ok(()) => tmpfs.mount(attributes),
        // Before Linux 6.4. A system that refused an option takes no more.
        Err(_) => {
            let tmpfs = FileSystem::new("tmpfs")?;
            tmpfs.set("mode", "700")?;
            tmpfs.mount(attributes)
        }
    }
}

/// Writes a file of `store`, with its owner and mode.
///
/// # Errors
/// The name is taken, or there is no room.
pub fn write(store: &OwnedFd, name: &str, content: &Content) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(store, name, flags, Mode::from_raw_mode(0o600))?;
    let (uid, gid) = (Uid::from_raw(content.uid), Gid::from_raw(content.gid));
    let mut file = std::fs::File::from(file);
    file.write_all(&content.data)?;
    rustix::fs::fchown(&file, Some(uid), Some(gid))?;
    Ok(rustix::fs::fchmod(&file, Mode::from_raw_mode(content.mode & 0o7777))?)
}

fn put(root: &Root, store: &OwnedFd, index: usize, content: &Content) -> io::Result<()> {
    let name = index.to_string();
    write(store, &name, content)?;
    let one = mount::copy(store.as_fd(), &name, false)?;
    let exec = if content.is_executable() { 0 } else { libc::MOUNT_ATTR_NOEXEC };
    mount::change(one.as_fd(), false, Attributes::set(libc::MOUNT_ATTR_RDONLY | exec))?;
    let target = root.make(&Path::new("/").join(&content.target), Make::File)?;
    mount::attach(one.as_fd(), target.as_fd())
}
