//! Files go from a tree into a root file system, by descriptor: no link leads out of either.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use crate::base::{Context, Result};
use crate::runtime::root::{Make, Root};
use crate::sys;

use super::mode::Change;
use super::tree::{Item, Names, Tree};

/// What copied files get instead of what they have.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Owner and group; `None`: as in the tree, which is 0:0 for a directory of the host.
    pub owner: Option<(u32, u32)>,
    /// Mode.
    pub mode: Option<Change>,
}

impl Marks {
    /// What a directory gets that a tree is copied into and that was not there: nothing of the
    /// tree's own directory (Docker).
    fn of_destination(&self) -> (u32, (u32, u32)) {
        let mode = match self.mode {
            Some(Change::Set(mode)) => mode,
            Some(Change::Clauses(_)) | None => 0o755,
        };
        (mode, self.owner.unwrap_or((0, 0)))
    }
}

/// Where files go.
pub struct Target<'a> {
    /// The root file system.
    pub root: &'a Root,
    /// What they get.
    pub marks: &'a Marks,
    /// They are an archive's: the destination gets what the archive says of its root, and all keep
    /// the archive's modes (Docker).
    pub unpacked: bool,
}

/// Files of a tree that have several names there, and where the first of them was copied to, as a
/// path and the new file's number: they have several names in the copy, too (Docker).
type Copied = HashMap<Names, (PathBuf, u64)>;

/// Longest chain of links that is followed, as in the kernel.
const MAX_LINKS: usize = 40;

impl Target<'_> {
    /// Copies items below the path `to`; missing directories on the way are made.
    ///
    /// # Errors
    /// A file is where a directory must go, or the other way round; the disk is full.
    pub fn copy(&self, tree: &Tree, items: &[Item], to: &Path) -> Result<()> {
        let mut copied = Copied::new();
        for item in items {
            let path =
                if item.to.as_os_str().is_empty() { to.to_owned() } else { to.join(&item.to) };
            self.item(tree, item, &path, &mut copied)
                .context(|| format!("cannot copy {} to {}", item.from.display(), path.display()))?;
        }
        // Directories get their times last: what was put into them changed those.
        for item in items.iter().rev().filter(|item| item.kind() == FileType::Directory) {
            let path = to.join(&item.to);
            self.root
                .open(&path, OFlags::RDONLY | OFlags::DIRECTORY)
                .and_then(|fd| Ok(rustix::fs::futimens(fd, &times(&item.stat))?))
                .context(|| format!("cannot set the time of {}", path.display()))?;
        }
        Ok(())
    }

    fn item(&self, tree: &Tree, item: &Item, path: &Path, copied: &mut Copied) -> io::Result<()> {
        if item.kind() == FileType::Directory {
            return self.directory(tree, item, path);
        }
        let path = match item.to.as_os_str().is_empty() {
            true => self.followed(path)?,
            false => path.to_owned(),
        };
        let (parent, name) = self.place(&path)?;
        remove_file(parent.as_fd(), &name)?;
        match item.kind() {
            FileType::RegularFile => {
                let names = item.names();
                if let Some(first) = names.and_then(|it| copied.get(&it))
                    && self.link(first, parent.as_fd(), &name).is_some()
                {
                    return Ok(());
                }
                let inode = self.file(tree, item, parent.as_fd(), &name)?;
                copied.extend(names.map(|it| (it, (path, inode))));
                Ok(())
            }
            FileType::Symlink => {
                rustix::fs::symlinkat(&item.link[..], &parent, &name)?;
                self.finish_at(tree, item, parent.as_fd(), &name)
            }
            kind => {
                let mode = Mode::from_raw_mode(item.stat.st_mode & 0o7777);
                rustix::fs::mknodat(&parent, &name, kind, mode, item.stat.st_rdev)?;
                self.finish_at(tree, item, parent.as_fd(), &name)
            }
        }
    }

    /// Gives a file that was copied a further name; `None`: it must be copied again, since another
    /// file took its place, or it has as many names as a file can have.
    fn link(&self, (path, inode): &(PathBuf, u64), to: BorrowedFd<'_>, name: &Path) -> Option<()> {
        let (parent, first) = self.place(path).ok()?;
        let stat = rustix::fs::statat(&parent, &first, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if stat.st_ino != *inode {
            return None;
        }
        rustix::fs::linkat(&parent, &first, to, name, AtFlags::empty()).ok()
    }

    /// Where a file goes that is copied to this path and no other: a link that is there is followed
    /// (Docker), also when it leads nowhere yet.
    fn followed(&self, path: &Path) -> io::Result<PathBuf> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Ok(path);
            };
            let Ok(directory) = self.root.open(parent, OFlags::PATH | OFlags::DIRECTORY) else {
                return Ok(path);
            };
            match rustix::fs::readlinkat(&directory, name, Vec::new()) {
                Ok(link) => path = parent.join(OsStr::from_bytes(link.to_bytes())),
                Err(Errno::INVAL | Errno::NOENT) => return Ok(path),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Errno::LOOP.into())
    }

    /// The directory that a file goes into, and its name there.
    fn place(&self, path: &Path) -> io::Result<(OwnedFd, PathBuf)> {
        let name = path.file_name().map(PathBuf::from);
        let name = name.ok_or_else(|| io::Error::from(Errno::ISDIR))?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        Ok((self.make_directory(parent)?, name))
    }

    /// A directory and those above it; new ones belong to whom the copied files belong to.
    ///
    /// # Errors
    /// A file is in the way.
    pub fn make_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let mut missing = Vec::new();
        for above in path.ancestors() {
            match self.root.open(above, OFlags::PATH) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(above),
                Err(error) => return Err(error),
            }
        }
        let directory = self.root.make(path, Make::Directory)?;
        if let Some((uid, gid)) = self.marks.owner.filter(|owner| *owner != (0, 0)) {
            for path in missing {
                let fd = self.root.open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
                rustix::fs::fchown(&fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
            }
        }
        Ok(directory)
    }

    fn directory(&self, tree: &Tree, item: &Item, path: &Path) -> io::Result<()> {
        let is_destination = item.to.as_os_str().is_empty();
        if !is_destination {
            // In the tree itself a link to a directory does not stand for it (Docker).
            let (parent, name) = self.place(path)?;
            match rustix::fs::statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Directory => {
                    return Err(io::Error::other("cannot copy a directory over a file or link"));
                }
                _ => {}
            }
        }
        let exists = self.root.open(path, OFlags::PATH | OFlags::DIRECTORY).is_ok();
        self.make_directory(path)?;
        // What a whole tree is copied into keeps its own owner and mode (Docker).
        if is_destination && exists {
            return Ok(());
        }
        let fd = self.root.open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        if !is_destination || self.unpacked {
            return self.finish(tree, item, fd.as_fd());
        }
        let (mode, (uid, gid)) = self.marks.of_destination();
        rustix::fs::fchown(&fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        Ok(rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode))?)
    }

    /// Returns the new file's number.
    fn file(
        &self,
        tree: &Tree,
        item: &Item,
        parent: BorrowedFd<'_>,
        name: &Path,
    ) -> io::Result<u64> {
        let mut source = tree.file(&item.from)?;
        let mut target = create(parent, name)?;
        io::copy(&mut source, &mut target)?;
        self.finish(tree, item, target.as_fd())?;
        if tree.owned {
            copy_capabilities(source.as_fd(), target.as_fd())?;
            // Setting an attribute changes no time but that of the change.
        }
        Ok(rustix::fs::fstat(&target)?.st_ino)
    }

    /// Writes a file with this content. A link that is there is followed if `follow` says so.
    ///
    /// # Errors
    /// A directory is in the way, or the disk is full.
    pub fn write(&self, path: &Path, content: &[u8], mode: u32, follow: bool) -> io::Result<()> {
        let path = if follow { self.followed(path)? } else { path.to_owned() };
        let (parent, name) = self.place(&path)?;
        remove_file(parent.as_fd(), &name)?;
        let mut file = create(parent.as_fd(), &name)?;
        file.write_all(content)?;
        let (uid, gid) = self.marks.owner.unwrap_or((0, 0));
        rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        let mode = self.marks.mode.as_ref().map_or(mode, |change| change.apply(mode, false));
        Ok(rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?)
    }

    fn owner(&self, tree: &Tree, stat: &Stat) -> (Option<Uid>, Option<Gid>) {
        let kept = if tree.owned { (stat.st_uid, stat.st_gid) } else { (0, 0) };
        let (uid, gid) = self.marks.owner.unwrap_or(kept);
        (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
    }

    fn mode(&self, item: &Item) -> Mode {
        let mode = item.stat.st_mode & 0o7777;
        let is_directory = item.kind() == FileType::Directory;
        let change = self.marks.mode.as_ref().filter(|_| !self.unpacked);
        let changed = change.map(|change| change.apply(mode, is_directory));
        Mode::from_raw_mode(changed.unwrap_or(mode))
    }

    /// Owner, mode and times of an open file. Owner first: changing it drops set-id bits.
    fn finish(&self, tree: &Tree, item: &Item, file: BorrowedFd<'_>) -> io::Result<()> {
        let (uid, gid) = self.owner(tree, &item.stat);
        rustix::fs::fchown(file, uid, gid)?;
        rustix::fs::fchmod(file, self.mode(item))?;
        Ok(rustix::fs::futimens(file, &times(&item.stat))?)
    }

    /// The same for what cannot be opened.
    fn finish_at(
        &self,
        tree: &Tree,
        item: &Item,
        parent: BorrowedFd<'_>,
        name: &Path,
    ) -> io::Result<()> {
        let (uid, gid) = self.owner(tree, &item.stat);
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(parent, name, uid, gid, nofollow)?;
        if item.kind() != FileType::Symlink {
            let mode = self.mode(item).as_raw_mode();
            sys::fs::set_mode_at(parent, name.as_os_str().as_encoded_bytes(), mode)?;
        }
        Ok(rustix::fs::utimensat(parent, name, &times(&item.stat), nofollow)?)
    }
}

fn create(parent: BorrowedFd<'_>, name: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600))?))
}

/// What is there goes, unless it is a directory.
fn remove_file(parent: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) => Err(io::Error::other("cannot copy a file over a directory")),
        Err(error) => Err(error.into()),
    }
}

fn times(stat: &Stat) -> Timestamps {
    let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
    Timestamps { last_access: time, last_modification: time }
}

/// A program's capabilities, if it has some.
fn copy_capabilities(source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let name = "security.capability";
    let mut value = [0; 64];
    match rustix::fs::fgetxattr(source, name, &mut value[..]) {
        Ok(length) => {
            let flags = rustix::fs::XattrFlags::empty();
            Ok(rustix::fs::fsetxattr(target, name, &value[..length], flags)?)
        }
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a destination is written as a directory.
#[must_use]
pub fn is_written_as_directory(destination: &str) -> bool {
    destination.ends_with('/') || destination.ends_with("/.") || destination == "."
}
