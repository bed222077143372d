//! Owner, mode, attributes and times of what was unpacked, with the fewest calls.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, Uid, XattrFlags};
use rustix::io::Errno;

use crate::sys;

use super::archive::Entry;
use super::extract::timestamps;

/// What a file has besides its content.
#[derive(Clone, Debug)]
pub struct Metadata {
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: (i64, u32),
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Metadata {
    /// Those of an entry. Overlay's own attributes are left out: in a lower layer they would tell
    /// the kernel to look for files elsewhere.
    pub fn of(entry: &Entry) -> Metadata {
        let foreign = |(name, _): &&(Vec<u8>, Vec<u8>)| {
            !name.starts_with(b"trusted.overlay.") && !name.starts_with(b"user.overlay.")
        };
        Metadata {
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            xattrs: entry.xattrs.iter().filter(foreign).cloned().collect(),
        }
    }

    /// The same with another owner and group.
    #[must_use]
    pub fn owned_by(self, (uid, gid): (u32, u32)) -> Metadata {
        Metadata { uid, gid, ..self }
    }

    /// Memory the attributes take.
    pub fn bytes(&self) -> usize {
        self.xattrs.iter().map(|(name, value)| name.len() + value.len() + 48).sum()
    }
}

/// Gives an open file or directory its metadata. `given` is the mode it has, if known.
///
/// Owner first, because changing it drops set-id bits and capabilities; times last.
///
/// # Errors
/// The file system refuses.
pub fn set(file: BorrowedFd<'_>, metadata: &Metadata, given: Option<u32>) -> io::Result<()> {
    if given.is_none() || (metadata.uid, metadata.gid) != (0, 0) {
        let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
        rustix::fs::fchown(file, Some(uid), Some(gid))?;
    }
    for (name, value) in &metadata.xattrs {
        bearable(rustix::fs::fsetxattr(file, &name[..], value, XattrFlags::empty()))?;
    }
    if given != Some(metadata.mode) {
        rustix::fs::fchmod(file, Mode::from_raw_mode(metadata.mode))?;
    }
    Ok(rustix::fs::futimens(file, &timestamps(metadata.mtime))?)
}

/// Gives what cannot be opened (links, devices, pipes) its metadata, by name. The name was just
/// made by us; where others can write, it may be a link by now, which nothing here follows
/// (CVE-2021-41089).
///
/// # Errors
/// The file system refuses.
pub fn set_at(
    dir: BorrowedFd<'_>,
    name: &[u8],
    metadata: &Metadata,
    is_link: bool,
) -> io::Result<()> {
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
    if (metadata.uid, metadata.gid) != (0, 0) {
        rustix::fs::chownat(dir, name, Some(uid), Some(gid), nofollow)?;
    }
    if !metadata.xattrs.is_empty() {
        let parent = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string());
        let path = parent.join(OsStr::from_bytes(name));
        for (key, value) in &metadata.xattrs {
            bearable(rustix::fs::lsetxattr(&path, &key[..], value, XattrFlags::empty()))?;
        }
    }
    if !is_link {
        sys::fs::set_mode_at(dir, name, metadata.mode)?;
    }
    Ok(rustix::fs::utimensat(dir, name, &timestamps(metadata.mtime), nofollow)?)
}

/// File systems without attributes, and links that may not have them, lose them (Docker: the
/// same); a full disk does not.
fn bearable(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Err(Errno::NOTSUP | Errno::PERM) => Ok(()),
        other => Ok(other?),
    }
}
