//! The files of an archive of images: staged from a tar archive, or where they lie in a directory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::base::{Context, Error, Kind, Result};
use crate::image::Store;
use crate::image::manifest::MAX_DOCUMENT;
use crate::image::store::NewLayer;
use crate::image::unpack::archive::{Archive, Entry, EntryKind};
use crate::image::unpack::{Limits, inflate};

/// More files than any archive of images has.
const MAX_FILES: usize = 100_000;

/// Links that lead on to links end after so many.
const MAX_LINKS: usize = 8;

/// How much is read at once.
const READ: usize = 256 << 10;

/// Named files.
#[derive(Debug)]
pub struct Parts(Place);

#[derive(Debug)]
enum Place {
    Directory(PathBuf),
    Staged {
        files: BTreeMap<String, PathBuf>,
        links: BTreeMap<String, String>,
        #[expect(dead_code, reason = "its directory goes when it is dropped")]
        staging: NewLayer,
    },
}

impl Parts {
    /// The files of a directory, which stay where they are.
    #[must_use]
    pub fn of_directory(directory: &Path) -> Parts {
        Parts(Place::Directory(directory.to_owned()))
    }

    /// The files of a tar archive, compressed or not, staged on the store's disk.
    ///
    /// # Errors
    /// The archive is damaged, hostile or larger than the disk; reading it fails.
    pub fn of_archive<R: Read + Send>(store: &Store, source: R) -> Result<Parts> {
        let failed = || "cannot read the archive".to_owned();
        let staging = store.begin_unknown_layer("load")?;
        let mut room = Limits::for_disk(&staging.files()).inflated;
        let (reader, _) = inflate::inflating(source).context(failed)?;
        let mut archive = Archive::new(BufReader::with_capacity(READ, reader));
        let (mut files, mut links) = (BTreeMap::new(), BTreeMap::new());
        while let Some(entry) = archive.next_entry()? {
            let Some(name) = normal("", &String::from_utf8_lossy(&entry.path)) else {
                return Err(invalid("the archive has a file outside of itself"));
            };
            if files.len() + links.len() >= MAX_FILES {
                return Err(invalid("the archive has too many files to be one of images"));
            }
            if let Some(target) = link(&entry, &name) {
                files.remove(&name);
                links.insert(name, target);
            } else if entry.kind == EntryKind::File && entry.regions.is_none() {
                room = room.checked_sub(entry.size).ok_or_else(|| {
                    Error::other("the archive does not fit on the disk of the images")
                })?;
                let path = staging.beside(&format!("part-{}", files.len() + links.len()));
                write(&mut archive, &path)?;
                links.remove(&name);
                files.insert(name, path);
            }
        }
        Ok(Parts(Place::Staged { files, links, staging }))
    }

    /// Where the file with this name lies; `None` if there is none.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let mut name = normal("", name)?;
        match &self.0 {
            // A link that leads out of the directory is not there (CVE-2026-48749).
            Place::Directory(directory) => {
                let (inside, path) =
                    (directory.canonicalize().ok()?, directory.join(name).canonicalize().ok()?);
                Some(path).filter(|path| path.starts_with(&inside) && path.is_file())
            }
            Place::Staged { files, links, .. } => {
                for _ in 0..MAX_LINKS {
                    match links.get(&name) {
                        Some(target) => name.clone_from(target),
                        None => break,
                    }
                }
                files.get(&name).cloned()
            }
        }
    }

    /// Like [`Parts::path`], but a missing file is an error.
    ///
    /// # Errors
    /// There is no such file.
    pub fn need(&self, name: &str) -> Result<PathBuf> {
        let missing = || invalid(&format!("the archive is not complete: `{name}` is missing"));
        self.path(name).ok_or_else(missing)
    }

    /// A small file's content; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is larger than 4 MiB.
    pub fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes))
            .context(|| format!("cannot read {name}"))?;
        match bytes.len() as u64 > MAX_DOCUMENT {
            true => Err(invalid(&format!("`{name}` is larger than 4 MiB"))),
            false => Ok(Some(bytes)),
        }
    }
}

fn write<R: std::io::BufRead>(archive: &mut Archive<R>, path: &Path) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut file = File::create(path).context(failed)?;
    loop {
        let piece = archive.data()?;
        let length = piece.len();
        if length == 0 {
            return Ok(());
        }
        file.write_all(piece).context(failed)?;
        archive.used(length);
    }
}

/// What a link stands for (Docker before 25: a layer that several images share).
fn link(entry: &Entry, name: &str) -> Option<String> {
    let target = String::from_utf8_lossy(&entry.link);
    match entry.kind {
        EntryKind::Symlink => {
            normal(name.rsplit_once('/').map_or("", |(directory, _)| directory), &target)
        }
        EntryKind::HardLink => normal("", &target),
        _ => None,
    }
}

/// `path` as seen from `directory`, without dots; `None` if it leads out of the archive.
fn normal(directory: &str, path: &str) -> Option<String> {
    let start = if path.starts_with('/') { "" } else { directory };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

pub(super) fn invalid(message: &str) -> Error {
    Error::new(Kind::Invalid, message)
}
