//! Writes an archive's entries below one directory, and nowhere else.
//!
//! Every name is resolved from the directory's descriptor as if it were the root, the last
//! component never follows a link, and what is there already is unlinked, not opened. So neither a
//! link in the archive nor one that somebody puts there meanwhile leads outside.

use std::io::{self, BufRead};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timestamps};
use rustix::io::Errno;

use crate::base::{Context, Error, Result};
use crate::sys;

use super::archive::{Archive, Entry, EntryKind};
use super::directories::Directories;
use super::header::invalid;
use super::limits::Limits;
use super::metadata::{self, Metadata};
use super::path::{Below, Whiteout, whiteout};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes of all files, without holes.
    pub bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
}

/// Unpacks `archive` into the directory `root`, which should be empty.
///
/// # Errors
/// The archive is damaged, hostile or over the limits; a file cannot be written. What was written
/// until then stays: callers unpack into a directory that nobody sees.
pub fn extract<R: BufRead>(
    archive: &mut Archive<R>,
    root: &Path,
    limits: &Limits,
) -> Result<Written> {
    let root = rustix::fs::open(root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(io::Error::from)
        .context(|| format!("cannot open {}", root.display()))?;
    extract_into(archive, root, &Placement::default(), limits)
}

/// Where an archive goes, and how.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// Directory below the root that all names are below; empty: the root itself.
    pub below: Vec<u8>,
    /// It is no layer: names of whiteouts are names like others, files replace files only, and the
    /// directory itself stays as it is.
    pub plain: bool,
    /// Owner of everything; `None`: as the archive says.
    pub owner: Option<(u32, u32)>,
}

/// Unpacks `archive` where `placement` says, as seen from the directory `root`.
///
/// # Errors
/// As [`extract`].
pub fn extract_into<R: BufRead>(
    archive: &mut Archive<R>,
    root: OwnedFd,
    placement: &Placement,
    limits: &Limits,
) -> Result<Written> {
    let umask = sys::fs::umask().context(|| "cannot read the umask".to_owned())?;
    let mut extractor = Extractor {
        placement,
        dirs: Directories::new(root),
        late: Vec::new(),
        late_bytes: 0,
        umask,
        written: Written::default(),
    };
    while let Some(entry) = archive.next_entry()? {
        extractor.written.entries += 1;
        limits.check_entries(extractor.written.entries)?;
        extractor.entry(&entry, archive, limits)?;
    }
    extractor.finish()
}

struct Extractor<'a> {
    placement: &'a Placement,
    dirs: Directories,
    /// Directories get owner, mode and times at the end: writing into them would change their
    /// times, and a set-group-id bit would change the group of what is made in them.
    late: Vec<(Below, Metadata)>,
    late_bytes: usize,
    umask: u32,
    written: Written,
}

impl Extractor<'_> {
    fn entry<R: BufRead>(
        &mut self,
        entry: &Entry,
        archive: &mut Archive<R>,
        limits: &Limits,
    ) -> Result<()> {
        let below = Below::parse(&entry.path)?;
        if below.name.is_empty() && self.placement.plain {
            return Ok(());
        }
        let below = below.within(&self.placement.below);
        if below.name.is_empty() {
            return match entry.kind {
                EntryKind::Directory => self.remember(below, entry, limits),
                _ => Err(invalid("archive replaces its root directory by something else")),
            };
        }
        if !self.placement.plain
            && let Some(kind) = whiteout(&below.name)?
        {
            return self.whiteout(&below, &kind).context(|| hide_failed(&below));
        }
        let parent = self.dirs.open(&below.parent)?;
        let made = match entry.kind {
            EntryKind::File => return self.file(&parent, &below, entry, archive),
            EntryKind::Directory => {
                self.directory(&parent, &below).context(|| failed(&below))?;
                return self.remember(below, entry, limits);
            }
            EntryKind::HardLink => return self.hard_link(&parent, &below, entry),
            EntryKind::Symlink => self.make(&parent, &below, |dir, name| {
                rustix::fs::symlinkat(&entry.link[..], dir, name)
            }),
            EntryKind::CharDevice => self.node(&parent, &below, entry, FileType::CharacterDevice),
            EntryKind::BlockDevice => self.node(&parent, &below, entry, FileType::BlockDevice),
            EntryKind::Fifo => self.node(&parent, &below, entry, FileType::Fifo),
        };
        made.context(|| failed(&below))?;
        let metadata = self.metadata(entry);
        metadata::set_at(parent.as_fd(), &below.name, &metadata, entry.kind == EntryKind::Symlink)
            .context(|| failed(&below))
    }

    fn metadata(&self, entry: &Entry) -> Metadata {
        let metadata = Metadata::of(entry);
        self.placement.owner.map_or(metadata.clone(), |owner| metadata.owned_by(owner))
    }

    /// Runs `create`; if the name is taken, removes what has it and runs `create` again.
    fn make<T>(
        &mut self,
        parent: &OwnedFd,
        below: &Below,
        create: impl Fn(&OwnedFd, &[u8]) -> Result<T, Errno>,
    ) -> io::Result<T> {
        match create(parent, &below.name) {
            Err(Errno::EXIST) => {
                let kind = self.dirs.kind_of(parent, &below.name)?;
                if self.placement.plain && kind == Some(FileType::Directory) {
                    return Err(io::Error::other("cannot overwrite directory with non-directory"));
                }
                self.dirs.remove_name(parent, &below.name)?;
                Ok(create(parent, &below.name)?)
            }
            other => Ok(other?),
        }
    }

    fn file<R: BufRead>(
        &mut self,
        parent: &OwnedFd,
        below: &Below,
        entry: &Entry,
        archive: &mut Archive<R>,
    ) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        let create = |dir: &OwnedFd, name: &[u8]| {
            rustix::fs::openat(dir, name, flags | OFlags::CLOEXEC, mode)
        };
        let file = self.make(parent, below, create).context(|| failed(below))?;
        match &entry.regions {
            None => self.copy(&file, archive, entry.size, None, below)?,
            Some(regions) => {
                for (offset, length) in regions {
                    self.copy(&file, archive, *length, Some(*offset), below)?;
                }
                rustix::fs::ftruncate(&file, entry.size)
                    .map_err(io::Error::from)
                    .context(|| failed(below))?;
            }
        }
        if entry.size >= LARGE && !self.placement.plain {
            // A hint: what cannot be written is told when the layer is settled.
            let _ = sys::fs::begin_write_back(file.as_fd());
        }
        let given = entry.mode & 0o777 & !self.umask;
        metadata::set(file.as_fd(), &self.metadata(entry), Some(given)).context(|| failed(below))
    }

    /// Writes `length` bytes of the entry's data, from `offset` if the file is sparse.
    fn copy<R: BufRead>(
        &mut self,
        file: &OwnedFd,
        archive: &mut Archive<R>,
        length: u64,
        offset: Option<u64>,
        below: &Below,
    ) -> Result<()> {
        let mut done = 0;
        while done < length {
            let piece = archive.data()?;
            let limit = usize::try_from(length - done).unwrap_or(usize::MAX);
            let piece = &piece[..piece.len().min(limit)];
            if piece.is_empty() {
                return Err(invalid("archive is cut off"));
            }
            let count = match offset {
                None => rustix::io::write(file, piece),
                Some(offset) => rustix::io::pwrite(file, piece, offset + done),
            };
            match count {
                Ok(count) => {
                    archive.used(count);
                    done += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error)).context(|| failed(below)),
            }
        }
        self.written.bytes += length;
        Ok(())
    }

    /// A directory that is there already stays, with its content; anything else gives way.
    fn directory(&mut self, parent: &OwnedFd, below: &Below) -> io::Result<()> {
        let make = || rustix::fs::mkdirat(parent, &below.name[..], Mode::RWXU);
        match make() {
            Err(Errno::EXIST) => match self.dirs.kind_of(parent, &below.name)? {
                Some(FileType::Directory) => Ok(()),
                _ if self.placement.plain => {
                    Err(io::Error::other("cannot overwrite non-directory with directory"))
                }
                _ => {
                    let hides = self.dirs.is_whiteout(parent, &below.name)?;
                    self.dirs.remove_name(parent, &below.name)?;
                    make()?;
                    // Hidden below and made anew here: nothing of the old one may show through.
                    if hides { self.dirs.make_opaque(&below.full()) } else { Ok(()) }
                }
            },
            other => Ok(other?),
        }
    }

    fn hard_link(&mut self, parent: &OwnedFd, below: &Below, entry: &Entry) -> Result<()> {
        let target = Below::parse(&entry.link)?.within(&self.placement.below);
        if target.name.is_empty() {
            return Err(invalid(format!("{} in the archive is a link to its root", below.shown())));
        }
        if target == *below {
            return Ok(());
        }
        let linked = self.dirs.open_existing(&target.parent).and_then(|from| {
            // Without AT_SYMLINK_FOLLOW: a link to a symbolic link is one to the link itself.
            self.make(parent, below, |dir, name| {
                rustix::fs::linkat(&from, &target.name[..], dir, name, AtFlags::empty())
            })
        });
        linked.map_err(|error| match is_gone(&error) {
            true => {
                let message =
                    format!("{}, which is not in the archive", link_failed(below, &target));
                // Docker's overlay2 and Podman refuse it, too: a layer's files are its own, whatever
                // image it belongs to.
                invalid(message).hint(
                    "a layer cannot have hard links to files of the layers below: \
                     build the image anew, or flatten it",
                )
            }
            false => Error::other(link_failed(below, &target)).with_source(error),
        })
    }

    fn node(
        &mut self,
        parent: &OwnedFd,
        below: &Below,
        entry: &Entry,
        kind: FileType,
    ) -> io::Result<()> {
        let (major, minor) = entry.device;
        let device = rustix::fs::makedev(major, minor);
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        self.make(parent, below, |dir, name| rustix::fs::mknodat(dir, name, kind, mode, device))
    }

    /// Whiteouts hide what lower layers have, never what this layer has (OCI: layer.md).
    fn whiteout(&mut self, below: &Below, whiteout: &Whiteout<'_>) -> io::Result<()> {
        let parent = match whiteout {
            Whiteout::Nothing => return Ok(()),
            _ => self.dirs.open(&below.parent).map_err(io::Error::other)?,
        };
        let Whiteout::Name(name) = whiteout else {
            return self.dirs.make_opaque(&below.parent);
        };
        let (kind, none) = (FileType::CharacterDevice, Mode::empty());
        match rustix::fs::mknodat(&parent, *name, kind, none, 0) {
            Err(Errno::EXIST) => match self.dirs.kind_of(&parent, name)? {
                Some(FileType::Directory) => {
                    let hidden = Below { parent: below.parent.clone(), name: name.to_vec() };
                    self.dirs.make_opaque(&hidden.full())
                }
                _ => Ok(()),
            },
            other => Ok(other?),
        }
    }

    fn remember(&mut self, below: Below, entry: &Entry, limits: &Limits) -> Result<()> {
        let metadata = self.metadata(entry);
        self.late_bytes += 128 + entry.path.len() + metadata.bytes();
        limits.check_memory(self.late_bytes)?;
        self.late.push((below, metadata));
        Ok(())
    }

    /// Gives the directories their metadata. One that was replaced since has none to get.
    fn finish(self) -> Result<Written> {
        for (below, metadata) in &self.late {
            let opened = match below.name.is_empty() {
                true => sys::fs::open_dir_in(self.dirs.root(), b"", OFlags::RDONLY),
                false => self.dirs.open_existing(&below.parent).and_then(|parent| {
                    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    Ok(rustix::fs::openat(&parent, &below.name[..], flags, Mode::empty())?)
                }),
            };
            match opened {
                Ok(dir) => metadata::set(dir.as_fd(), metadata, None).context(|| failed(below))?,
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error).context(|| failed(below)),
            }
        }
        Ok(self.written)
    }
}

/// Files of so many bytes are worth writing back at once, while the rest still inflates.
const LARGE: u64 = 128 << 10;

/// Something else, or nothing, stands where the directory or file should be.
fn is_gone(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [libc::ENOENT, libc::ENOTDIR, libc::ELOOP].map(Some).contains(&code)
}

fn failed(below: &Below) -> String {
    format!("cannot unpack {}", below.shown())
}

fn hide_failed(below: &Below) -> String {
    format!("cannot unpack the whiteout {}", below.shown())
}

fn link_failed(below: &Below, target: &Below) -> String {
    format!("cannot unpack {}, a link to {}", below.shown(), target.shown())
}

/// Times as utimensat takes them: access time as modification time.
pub(super) fn timestamps((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: i64::from(nanoseconds) };
    Timestamps { last_access: time, last_modification: time }
}
