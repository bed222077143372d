//! A layer's directory becomes its archive: the reverse of unpacking, and the same bytes each time.
//!
//! Entries are sorted by name, directories before what is in them. Times keep their nanoseconds,
//! overlay's whiteouts become OCI's, hard links stay links. Sockets are left out: nobody could
//! connect to them. The root itself gets an entry only when it is not a plain one, as in Docker.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};

use crate::base::{Context, Digest, Result};
use crate::sys;

use super::hash::Hashing;

mod entry;

use entry::{Entry, finish};

/// Bytes of a block; every header and every file is padded to it.
const BLOCK: usize = 512;

/// What packing gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Digest of the archive.
    pub diff_id: Digest,
    /// Bytes of the archive.
    pub archive_size: u64,
    /// Bytes of the files.
    pub size: u64,
}

/// Writes the archive of the layer in `root` to `out`.
///
/// # Errors
/// A file cannot be read, or `out` cannot be written.
pub fn pack(root: &Path, out: impl Write) -> Result<Packed> {
    pack_without(root, &|_, _| false, out)
}

/// As [`pack`], without the entries that `skip` holds for, and all below them.
///
/// # Errors
/// As [`pack`].
pub fn pack_without(
    root: &Path,
    skip: &dyn Fn(&[u8], &Stat) -> bool,
    out: impl Write,
) -> Result<Packed> {
    let describe = || format!("cannot pack layer {}", root.display());
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, root, flags, Mode::empty());
    let directory = directory.map_err(io::Error::from).context(describe)?;
    let mut packer = Packer::new(out, Rules { plain: false, skip });
    packer
        .root(&directory)
        .and_then(|()| packer.out.write_all(&[0; 2 * BLOCK]))
        .context(describe)?;
    packer.out.flush().context(describe)?;
    let size = packer.size;
    let (_, diff_id, archive_size) = packer.out.finish();
    Ok(Packed { diff_id, archive_size, size })
}

/// The digest that [`pack`] would give, without keeping the archive.
///
/// # Errors
/// A file cannot be read.
pub fn digest(root: &Path) -> Result<Packed> {
    // Small writes would be hashed one by one: larger pieces go through the hash faster.
    pack(root, io::sink())
}

/// Archives what an open directory shows, as it is: whiteouts are devices like others. Its own
/// entry is called `top`, and what is in it lies below that.
///
/// The tree may change meanwhile, by the hand of somebody who is not to be trusted: every file is
/// opened without following links, and is what the opened descriptor says it is.
///
/// # Errors
/// A file cannot be read, or `out` cannot be written. Files that vanish are left out.
pub fn archive_directory(directory: BorrowedFd<'_>, top: &[u8], out: impl Write) -> io::Result<()> {
    let mut packer = Packer::new(out, Rules { plain: true, skip: &|_, _| false });
    let stat = rustix::fs::fstat(directory)?;
    let path = [top, b"/"].concat();
    packer.header(&Entry::of(path.clone(), &stat, directory)?)?;
    packer.children(directory, &path)?;
    packer.end()
}

/// As [`archive_directory`], without an entry for the directory itself: names begin below it.
///
/// # Errors
/// As [`archive_directory`].
pub fn archive_root(directory: BorrowedFd<'_>, out: impl Write) -> io::Result<()> {
    let mut packer = Packer::new(out, Rules { plain: true, skip: &|_, _| false });
    packer.children(directory, b"")?;
    packer.end()
}

/// Archives the one file `name` in `parent`, under the name `top`. As [`archive_directory`].
///
/// # Errors
/// As [`archive_directory`]; there is no such file.
pub fn archive_file(
    parent: BorrowedFd<'_>,
    name: &CStr,
    top: &[u8],
    out: impl Write,
) -> io::Result<()> {
    let mut packer = Packer::new(out, Rules { plain: true, skip: &|_, _| false });
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    packer.item(parent, name, top.to_vec(), &stat)?;
    packer.end()
}

/// What becomes an entry.
#[derive(Clone, Copy)]
struct Rules<'a> {
    /// It is no layer: overlay's marks mean nothing.
    plain: bool,
    /// Paths to leave out.
    skip: &'a dyn Fn(&[u8], &Stat) -> bool,
}

struct Packer<'a, W> {
    rules: Rules<'a>,
    out: Hashing<W>,
    /// Files with several names: the first one.
    links: HashMap<(u64, u64), Vec<u8>>,
    size: u64,
}

impl<'a, W: Write> Packer<'a, W> {
    fn new(out: W, rules: Rules<'a>) -> Packer<'a, W> {
        Packer { rules, out: Hashing::new(out), links: HashMap::new(), size: 0 }
    }

    fn end(mut self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()
    }

    fn root(&mut self, directory: &OwnedFd) -> io::Result<()> {
        let stat = rustix::fs::fstat(directory)?;
        if (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) != (0o755, 0, 0) {
            let entry = Entry::of(b"./".to_vec(), &stat, directory.as_fd())?;
            self.header(&entry)?;
        }
        if is_opaque(directory.as_fd())? {
            self.whiteout(b".wh..wh..opq".to_vec(), &stat)?;
        }
        self.children(directory.as_fd(), b"")
    }

    /// Everything in a directory, sorted.
    fn children(&mut self, directory: BorrowedFd<'_>, path: &[u8]) -> io::Result<()> {
        let mut names: Vec<CString> = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort();
        for name in names {
            self.entry(directory, path, &name)?;
        }
        Ok(())
    }

    fn entry(&mut self, parent: BorrowedFd<'_>, path: &[u8], name: &CStr) -> io::Result<()> {
        let stat = match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) if self.rules.plain => return Ok(()),
            stat => stat?,
        };
        let full = [path, name.to_bytes()].concat();
        if (self.rules.skip)(&full, &stat) {
            return Ok(());
        }
        let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
        if is_device && stat.st_rdev == 0 && !self.rules.plain {
            // Overlay's whiteout; its metadata means nothing.
            return self.whiteout([path, b".wh.", name.to_bytes()].concat(), &stat);
        }
        match self.item(parent, name, full, &stat) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.rules.plain => Ok(()),
            result => result,
        }
    }

    /// One entry, and all below it.
    fn item(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        full: Vec<u8>,
        stat: &Stat,
    ) -> io::Result<()> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.directory(parent, name, full),
            FileType::RegularFile => self.file(parent, name, full),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, Vec::new())?;
                let entry = Entry { link: target.into_bytes(), ..Entry::plain(b'2', full, stat) };
                self.header(&entry)
            }
            FileType::CharacterDevice => self.linkable(&Entry::plain(b'3', full, stat), stat),
            FileType::BlockDevice => self.linkable(&Entry::plain(b'4', full, stat), stat),
            FileType::Fifo => self.linkable(&Entry::plain(b'6', full, stat), stat),
            _ => Ok(()),
        }
    }

    fn directory(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        mut path: Vec<u8>,
    ) -> io::Result<()> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(parent, name, flags, Mode::empty())?;
        // Of what was opened, which need not be what had the name before.
        let stat = rustix::fs::fstat(&directory)?;
        path.push(b'/');
        let entry = Entry::of(path.clone(), &stat, directory.as_fd())?;
        self.header(&entry)?;
        if !self.rules.plain && is_opaque(directory.as_fd())? {
            self.whiteout([&path[..], b".wh..wh..opq"].concat(), &stat)?;
        }
        self.children(directory.as_fd(), &path)
    }

    fn file(&mut self, parent: BorrowedFd<'_>, name: &CStr, path: Vec<u8>) -> io::Result<()> {
        // Neither a pipe that somebody puts there meanwhile may hold us up, nor is a device opened.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = rustix::fs::openat(parent, name, flags, Mode::empty())?;
        let file = File::from(sys::fs::open_file(place.as_fd()).map_err(replaced)?);
        let stat = &rustix::fs::fstat(&file)?;
        if self.is_known_link(&path, stat)? {
            return Ok(());
        }
        let length = stat.st_size as u64;
        let entry = Entry { size: length, ..Entry::of(path, stat, file.as_fd())? };
        self.header(&entry)?;
        let copied = io::copy(&mut (&file).take(length), &mut self.out)?;
        if copied != length {
            return Err(io::Error::other("a file changed while it was read"));
        }
        self.size += length;
        self.pad(length)
    }

    /// Writes a link if another name of the file was written before.
    fn is_known_link(&mut self, path: &[u8], stat: &Stat) -> io::Result<bool> {
        if stat.st_nlink < 2 {
            return Ok(false);
        }
        match self.links.get(&(stat.st_dev, stat.st_ino)) {
            Some(first) => {
                let link = first.clone();
                let entry = Entry { link, ..Entry::plain(b'1', path.to_vec(), stat) };
                self.header(&entry)?;
                Ok(true)
            }
            None => {
                self.links.insert((stat.st_dev, stat.st_ino), path.to_vec());
                Ok(false)
            }
        }
    }

    fn linkable(&mut self, entry: &Entry, stat: &Stat) -> io::Result<()> {
        match self.is_known_link(&entry.path, stat)? {
            true => Ok(()),
            false => self.header(entry),
        }
    }

    /// An empty file with the name that says so; owner and mode are always the same.
    fn whiteout(&mut self, path: Vec<u8>, stat: &Stat) -> io::Result<()> {
        let mut entry = Entry::plain(b'0', path, stat);
        (entry.mode, entry.uid, entry.gid, entry.mtime) = (0o600, 0, 0, (0, 0));
        self.header(&entry)
    }

    fn header(&mut self, entry: &Entry) -> io::Result<()> {
        let extended = entry.extended();
        if !extended.is_empty() {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::XHeader);
            header.as_mut_bytes()[..11].copy_from_slice(b"PaxHeaders.");
            header.set_size(extended.len() as u64);
            finish(&mut header);
            self.out.write_all(header.as_bytes())?;
            self.out.write_all(&extended)?;
            self.pad(extended.len() as u64)?;
        }
        self.out.write_all(entry.header().as_bytes())
    }

    fn pad(&mut self, length: u64) -> io::Result<()> {
        let over = (length % BLOCK as u64) as usize;
        match over {
            0 => Ok(()),
            over => self.out.write_all(&[0; BLOCK][over..]),
        }
    }
}

/// What cannot be opened any more for what it was a moment ago.
fn replaced(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => error,
        _ => io::Error::other("a file was replaced while it was read"),
    }
}

/// Whether overlay shows nothing of lower layers in this directory.
///
/// # Errors
/// Those of `fgetxattr(2)`.
pub fn is_opaque(directory: BorrowedFd<'_>) -> io::Result<bool> {
    let mut value = [0; 1];
    match rustix::fs::fgetxattr(directory, "trusted.overlay.opaque", &mut value[..]) {
        Ok(length) => Ok(length == 1 && value[0] == b'y'),
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP | rustix::io::Errno::RANGE) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
