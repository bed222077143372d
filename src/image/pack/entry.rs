//! Headers of archives: what a file is besides its content.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, Stat};

/// One entry of the archive.
pub(super) struct Entry {
    pub(super) kind: u8,
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: (i64, u32),
    pub(super) device: (u32, u32),
    pub(super) size: u64,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// Of something that is not opened: without attributes.
    pub(super) fn plain(kind: u8, path: Vec<u8>, stat: &Stat) -> Entry {
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
    pub(super) fn of(path: Vec<u8>, stat: &Stat, file: BorrowedFd<'_>) -> io::Result<Entry> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => b'5',
            _ => b'0',
        };
        let xattrs = attributes(file)?;
        Ok(Entry { xattrs, ..Entry::plain(kind, path, stat) })
    }

    pub(super) fn header(&self) -> tar::Header {
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
    pub(super) fn extended(&self) -> Vec<u8> {
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
pub(super) fn decimal(seconds: i64, nanoseconds: u32) -> String {
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

pub(super) fn finish(header: &mut tar::Header) {
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
