//! The directories of a layer while it is unpacked: found by name from the root, and kept open.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use crate::base::{Context, Result};
use crate::sys::fs::open_dir_in;

/// How many directories stay open.
const MAX_OPEN: usize = 64;

/// Mode of parents that the archive has no entry for.
const PARENT_MODE: u32 = 0o755;

/// Overlay: a directory with this attribute hides the one below it.
const OPAQUE: &str = "trusted.overlay.opaque";

/// Directories by their path below the root.
pub struct Directories {
    root: Rc<OwnedFd>,
    open: HashMap<Vec<u8>, Rc<OwnedFd>>,
}

impl Directories {
    pub fn new(root: OwnedFd) -> Directories {
        Directories { root: Rc::new(root), open: HashMap::new() }
    }

    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The directory at `path`, made with its parents where they are missing.
    ///
    /// # Errors
    /// Something on the way is neither a directory nor a link to one.
    pub fn open(&mut self, path: &[u8]) -> Result<Rc<OwnedFd>> {
        if path.is_empty() {
            return Ok(Rc::clone(&self.root));
        }
        if let Some(dir) = self.open.get(path) {
            return Ok(Rc::clone(dir));
        }
        let opened = match self.resolve(path) {
            // A whiteout on the way is not a directory either.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => {
                self.make(path)?;
                self.resolve(path)
            }
            other => other,
        };
        let dir = opened
            .map(Rc::new)
            .context(|| format!("cannot open directory /{}", String::from_utf8_lossy(path)))?;
        if self.open.len() >= MAX_OPEN {
            self.open.clear();
        }
        self.open.insert(path.to_vec(), Rc::clone(&dir));
        Ok(dir)
    }

    /// The directory at `path`, if there is one.
    ///
    /// # Errors
    /// There is none.
    pub fn open_existing(&self, path: &[u8]) -> io::Result<Rc<OwnedFd>> {
        match self.open.get(path) {
            Some(dir) => Ok(Rc::clone(dir)),
            None => self.resolve(path).map(Rc::new),
        }
    }

    fn resolve(&self, path: &[u8]) -> io::Result<OwnedFd> {
        open_dir_in(self.root.as_fd(), path, OFlags::PATH)
    }

    /// Makes `path` and its parents.
    fn make(&mut self, path: &[u8]) -> Result<()> {
        let split = path.iter().rposition(|byte| *byte == b'/');
        let (parent, name) = match split {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], path),
        };
        let dir = self.open(parent)?;
        (|| {
            let make = || rustix::fs::mkdirat(&dir, name, Mode::from_raw_mode(PARENT_MODE));
            match make() {
                Err(Errno::EXIST) if self.is_whiteout(&dir, name)? => {
                    rustix::fs::unlinkat(&dir, name, AtFlags::empty())?;
                    make()?;
                    self.make_opaque(path)
                }
                // A link that leads nowhere, or a file: opening the directory will say so.
                Err(Errno::EXIST) => Ok(()),
                other => Ok(other?),
            }
        })()
        .context(|| format!("cannot make directory /{}", String::from_utf8_lossy(path)))
    }

    /// What `name` in `dir` is; `None`: there is no such thing.
    pub fn kind_of(&self, dir: &OwnedFd, name: &[u8]) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether `name` in `dir` is overlay's mark for "not there": a character device 0:0.
    pub fn is_whiteout(&self, dir: &OwnedFd, name: &[u8]) -> io::Result<bool> {
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0)
    }

    /// Marks the directory at `path`, so that nothing of lower layers shows in it.
    pub fn make_opaque(&self, path: &[u8]) -> io::Result<()> {
        let dir = open_dir_in(self.root.as_fd(), path, OFlags::RDONLY)?;
        Ok(rustix::fs::fsetxattr(&dir, OPAQUE, b"y", XattrFlags::empty())?)
    }

    /// Removes `name` from `dir`, a directory with all that is in it.
    pub fn remove_name(&mut self, dir: &OwnedFd, name: &[u8]) -> io::Result<()> {
        match self.kind_of(dir, name)? {
            None => return Ok(()),
            Some(FileType::Directory) => {
                // Through the descriptor, whatever happened to its path. Below it, the standard
                // library removes by descriptor and follows no link.
                let parent = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string());
                std::fs::remove_dir_all(parent.join(OsStr::from_bytes(name)))?;
            }
            Some(_) => rustix::fs::unlinkat(dir, name, AtFlags::empty())?,
        }
        // Names that led through it may now lead elsewhere.
        self.open.clear();
        Ok(())
    }
}
