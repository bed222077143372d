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

use super::hash::Hashing;

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
    let describe = || format!("cannot pack layer {}", root.display());
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, root, flags, Mode::empty());
    let directory = directory.map_err(io::Error::from).context(describe)?;
    let mut packer = Packer { out: Hashing::new(out), links: HashMap::new(), size: 0 };
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

struct Packer<W> {
    out: Hashing<W>,
    /// Files with several names: the first one.
    links: HashMap<(u64, u64), Vec<u8>>,
    size: u64,
}

impl<W: Write> Packer<W> {
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
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let full = [path, name.to_bytes()].concat();
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.directory(parent, name, full, &stat),
            FileType::RegularFile => self.file(parent, name, full, &stat),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, Vec::new())?;
                let entry = Entry { link: target.into_bytes(), ..Entry::plain(b'2', full, &stat) };
                self.header(&entry)
            }
            // Overlay's whiteout; its metadata means nothing.
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                self.whiteout([path, b".wh.", name.to_bytes()].concat(), &stat)
            }
            FileType::CharacterDevice => self.linkable(&Entry::plain(b'3', full, &stat), &stat),
            FileType::BlockDevice => self.linkable(&Entry::plain(b'4', full, &stat), &stat),
            FileType::Fifo => self.linkable(&Entry::plain(b'6', full, &stat), &stat),
            _ => Ok(()),
        }
    }

    fn directory(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        mut path: Vec<u8>,
        stat: &Stat,
    ) -> io::Result<()> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(parent, name, flags, Mode::empty())?;
        path.push(b'/');
        let entry = Entry::of(path.clone(), stat, directory.as_fd())?;
        self.header(&entry)?;
        if is_opaque(directory.as_fd())? {
            self.whiteout([&path[..], b".wh..wh..opq"].concat(), stat)?;
        }
        self.children(directory.as_fd(), &path)
    }

    fn file(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        path: Vec<u8>,
        stat: &Stat,
    ) -> io::Result<()> {
        if self.is_known_link(&path, stat)? {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(parent, name, flags, Mode::empty())?);
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

/// One entry of the archive.
struct Entry {
    kind: u8,
    path: Vec<u8>,
    link: Vec<u8>,
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: (i64, u32),
    device: (u32, u32),
    size: u64,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// Of something that is not opened: without attributes.
    fn plain(kind: u8, path: Vec<u8>, stat: &Stat) -> Entry {
        let device = match kind {
            b'3' | b'4' => (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
            _ => (0, 0),
        };
        Entry {
            kind,
            path,
            link: Vec::new(),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
            device,
            size: 0,
            xattrs: Vec::new(),
        }
    }

    /// Of an open file or directory.
    fn of(path: Vec<u8>, stat: &Stat, file: BorrowedFd<'_>) -> io::Result<Entry> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => b'5',
            _ => b'0',
        };
        let xattrs = attributes(file)?;
        Ok(Entry { xattrs, ..Entry::plain(kind, path, stat) })
    }

    fn header(&self) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        let bytes = header.as_mut_bytes();
        let copy = |target: &mut [u8], text: &[u8]| {
            let length = text.len().min(target.len());
            target[..length].copy_from_slice(&text[..length]);
        };
        copy(&mut bytes[..100], &self.path);
        copy(&mut bytes[157..257], &self.link);
        bytes[156] = self.kind;
        header.set_mode(self.mode);
        header.set_uid(u64::from(self.uid).min(MAX_OCTAL));
        header.set_gid(u64::from(self.gid).min(MAX_OCTAL));
        header.set_mtime(self.mtime.0.clamp(0, MAX_TIME) as u64);
        header.set_size(if self.size > MAX_TIME as u64 { 0 } else { self.size });
        if matches!(self.kind, b'3' | b'4') {
            // Both fields hold seven octal digits, as many as the kernel's numbers have.
            let _ = header.set_device_major(self.device.0);
            let _ = header.set_device_minor(self.device.1);
        }
        header.set_cksum();
        header
    }

    /// Records for what the header has no room for.
    fn extended(&self) -> Vec<u8> {
        let mut records = Vec::new();
        if self.path.len() > 100 {
            record(&mut records, b"path", &self.path);
        }
        if self.link.len() > 100 {
            record(&mut records, b"linkpath", &self.link);
        }
        for (name, id) in [("uid", self.uid), ("gid", self.gid)] {
            if u64::from(id) > MAX_OCTAL {
                record(&mut records, name.as_bytes(), id.to_string().as_bytes());
            }
        }
        if self.size > MAX_TIME as u64 {
            record(&mut records, b"size", self.size.to_string().as_bytes());
        }
        let (seconds, nanoseconds) = self.mtime;
        if nanoseconds > 0 || !(0..=MAX_TIME).contains(&seconds) {
            record(&mut records, b"mtime", decimal(seconds, nanoseconds).as_bytes());
        }
        for (name, value) in &self.xattrs {
            record(&mut records, &[b"SCHILY.xattr.", &name[..]].concat(), value);
        }
        records
    }
}

/// Largest number of seven octal digits.
const MAX_OCTAL: u64 = 0o7_777_777;

/// Largest number of eleven octal digits.
const MAX_TIME: i64 = 0o77_777_777_777;

/// Seconds with a fraction, without zeros at its end. Nanoseconds count upwards also before 1970.
fn decimal(seconds: i64, nanoseconds: u32) -> String {
    let (sign, whole, rest) = match (seconds < 0, nanoseconds) {
        (true, 1..) => ("-", -(seconds + 1), 1_000_000_000 - nanoseconds),
        (true, 0) => ("-", -seconds, 0),
        (false, rest) => ("", seconds, rest),
    };
    let fraction = format!("{rest:09}");
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// `length key=value\n`; the length counts itself.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} ").as_bytes());
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn finish(header: &mut tar::Header) {
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
}

/// The attributes that belong into an archive, sorted: not overlay's, nor labels of this host.
fn attributes(file: BorrowedFd<'_>) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut names = vec![0; 64 << 10];
    let length = match rustix::fs::flistxattr(file, &mut names[..]) {
        Ok(length) => length,
        Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let kept = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.")
            || name == b"security.capability";
        if kept {
            let mut value = vec![0; 64 << 10];
            let length = rustix::fs::fgetxattr(file, name, &mut value[..])?;
            value.truncate(length);
            found.push((name.to_vec(), value));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether overlay shows nothing of lower layers in this directory.
fn is_opaque(directory: BorrowedFd<'_>) -> io::Result<bool> {
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
