//! What `COPY`, `ADD` and mounts read: a directory that no path leads out of, minus ignored files.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use sha2::{Digest as _, Sha256};

use crate::base::{Context, Error, Kind, Result};
use crate::runtime::root::Root;
use crate::sys;

use super::glob::Glob;
use super::ignore::{Ignore, clean};
use super::key::Key;

/// A tree of files.
#[derive(Debug)]
pub struct Tree {
    root: Root,
    ignore: Ignore,
    /// For messages.
    name: String,
    /// Owners are kept: it is an image's tree, not a directory of the host.
    pub owned: bool,
}

/// One file of a tree that a step takes.
#[derive(Debug)]
pub struct Item {
    /// Its path in the tree.
    pub from: PathBuf,
    /// Its path below the destination; empty: the destination itself.
    pub to: PathBuf,
    /// What it is.
    pub stat: Stat,
    /// Where a link leads.
    pub link: Vec<u8>,
}

/// Device and number of a file: the same for all of its names.
pub type Names = (u64, u64);

impl Item {
    /// Tells whether another item is the same file; `None`: it has no other name.
    #[must_use]
    pub fn names(&self) -> Option<Names> {
        (self.stat.st_nlink > 1).then_some((self.stat.st_dev, self.stat.st_ino))
    }

    /// What kind of file it is.
    #[must_use]
    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

/// One source of a copy, resolved.
#[derive(Debug)]
pub struct Source {
    /// The last component of its path; empty for the root of the tree.
    pub name: PathBuf,
    /// Its path in the tree.
    pub path: PathBuf,
    /// It is a directory.
    pub is_directory: bool,
}

impl Tree {
    /// The tree at a directory of the host.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path, ignore: Ignore) -> Result<Tree> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, path, flags, Mode::empty());
        let root = root.map_err(io::Error::from);
        let root = root.context(|| format!("cannot open build context {}", path.display()))?;
        Ok(Tree { root: Root::new(root), ignore, name: path.display().to_string(), owned: false })
    }

    /// An image's tree.
    #[must_use]
    pub fn of_image(root: OwnedFd, name: &str) -> Tree {
        let (ignore, name) = (Ignore::default(), name.to_owned());
        Tree { root: Root::new(root), ignore, name, owned: true }
    }

    /// Opens a file of the tree, and nothing else that is there.
    ///
    /// # Errors
    /// It does not exist, or is no regular file.
    pub fn file(&self, path: &Path) -> io::Result<std::fs::File> {
        let place = self.root.open(path, OFlags::PATH)?;
        sys::fs::open_file(place.as_fd()).map(std::fs::File::from)
    }

    /// The text of a file that tells how to build. Of a hostile tree it is read as a file of that
    /// tree, no pipe or device is, and no more than `most` bytes.
    ///
    /// # Errors
    /// It does not exist, is no file or no text, or is longer ([`io::ErrorKind::FileTooLarge`]).
    pub fn text(&self, path: &Path, most: usize) -> io::Result<String> {
        let mut text = String::new();
        match self.file(path)?.take(most as u64 + 1).read_to_string(&mut text)? > most {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(text),
        }
    }

    /// What of it does not exist for the build.
    #[must_use]
    pub fn ignore(&self) -> &Ignore {
        &self.ignore
    }

    /// What a source word of `COPY` means: one path, or all that a pattern matches.
    ///
    /// # Errors
    /// Nothing is there. A pattern may match nothing (Docker).
    pub fn sources(&self, word: &str) -> Result<Vec<Source>> {
        let clean = clean(word);
        let missing = || {
            let error = Error::new(Kind::NotFound, format!("`{word}` is not in {}", self.name));
            match self.ignore.excludes(&clean)
                && self.root.open(Path::new(&clean), OFlags::PATH).is_ok()
            {
                true => error.hint("it is there, but .dockerignore excludes it"),
                false => error,
            }
        };
        if !Glob::is_pattern(&clean) {
            return Ok(vec![self.source(&clean).ok_or_else(missing)?]);
        }
        let mut found = vec![String::new()];
        let mut may_be_empty = false;
        for part in clean.split('/') {
            let invalid = |text: String| Error::new(Kind::Invalid, text);
            let glob = Glob::new(part, false).map_err(invalid)?;
            may_be_empty |= !glob.is_plain();
            let mut next = Vec::new();
            for parent in &found {
                next.extend(self.matching(parent, &glob));
            }
            found = next;
        }
        let sources: Vec<Source> = found.iter().filter_map(|path| self.source(path)).collect();
        match sources.is_empty() && !may_be_empty {
            true => Err(missing()),
            false => Ok(sources),
        }
    }

    /// Names in a directory that match, sorted; none when it is no directory.
    fn matching(&self, parent: &str, glob: &Glob) -> Vec<String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let Ok(directory) = self.root.open(Path::new(parent), flags) else { return Vec::new() };
        let Ok(names) = names(directory.as_fd()) else { return Vec::new() };
        let names = names.into_iter().filter_map(|name| name.into_string().ok());
        let join = |name: String| match parent {
            "" => name,
            parent => format!("{parent}/{name}"),
        };
        names.filter(|name| glob.matches(name)).map(join).collect()
    }

    fn source(&self, path: &str) -> Option<Source> {
        let fd = self.root.open(Path::new(path), OFlags::PATH).ok()?;
        let stat = rustix::fs::fstat(&fd).ok()?;
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let root = matches!(path, "" | ".");
        let excluded = !root && self.ignore.excludes(path);
        if excluded && !(is_directory && self.ignore.may_bring_back()) {
            return None;
        }
        let path = if root { PathBuf::new() } else { PathBuf::from(path) };
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        Some(Source { name, path, is_directory })
    }

    /// Every file of a source: of a directory all that is in it, else the file itself.
    /// `exclude` sees paths below the source.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn items(&self, source: &Source, to: &Path, exclude: &Ignore) -> Result<Vec<Item>> {
        let describe = || format!("cannot read {} in {}", source.path.display(), self.name);
        let mut items = Vec::new();
        if !source.is_directory {
            let name = source.name.to_string_lossy();
            if exclude.excludes(&name) {
                return Ok(items);
            }
            // A link that is named itself is followed (Docker).
            let fd = self.root.open(&source.path, OFlags::PATH).context(describe)?;
            let stat = rustix::fs::fstat(&fd).map_err(io::Error::from).context(describe)?;
            let (from, to) = (source.path.clone(), to.to_owned());
            items.push(Item { from, to, stat, link: Vec::new() });
            return Ok(items);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = self.root.open(&source.path, flags).context(describe)?;
        let stat = rustix::fs::fstat(&directory).map_err(io::Error::from).context(describe)?;
        items.push(Item { from: source.path.clone(), to: to.to_owned(), stat, link: Vec::new() });
        let mut walk = Walk { tree: self, exclude, items };
        let below = Below { from: source.path.clone(), to: to.to_owned(), inner: PathBuf::new() };
        walk.directory(directory.as_fd(), &below).context(describe)?;
        Ok(walk.items)
    }

    /// Adds what decides the result of copying these items to a key: names, modes, owners and
    /// content, and not times.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn add_to(&self, key: &mut Key, items: &[Item]) -> Result<()> {
        let mut hashes: HashMap<Names, Vec<u8>> = HashMap::new();
        for item in items {
            let stat = &item.stat;
            key.part(item.to.as_os_str().as_bytes()).part(stat.st_mode.to_le_bytes());
            if self.owned {
                key.part(stat.st_uid.to_le_bytes()).part(stat.st_gid.to_le_bytes());
            }
            match item.kind() {
                FileType::RegularFile => {
                    let names = item.names();
                    if let Some(hash) = names.and_then(|names| hashes.get(&names)) {
                        key.part(hash);
                        continue;
                    }
                    let hash = self.hash(&item.from);
                    let hash = hash.context(|| {
                        format!("cannot read {} in {}", item.from.display(), self.name)
                    })?;
                    key.part(&hash);
                    hashes.extend(names.map(|names| (names, hash)));
                }
                FileType::Symlink => {
                    key.part(&item.link);
                }
                FileType::CharacterDevice | FileType::BlockDevice => {
                    key.part(stat.st_rdev.to_le_bytes());
                }
                _ => {}
            }
        }
        key.part((items.len() as u64).to_le_bytes());
        Ok(())
    }

    fn hash(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = self.file(path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hash.finalize().to_vec()),
                count => hash.update(&buffer[..count]),
            }
        }
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    exclude: &'a Ignore,
    items: Vec<Item>,
}

/// A directory on the way: where it is, where it goes, and its path below the source.
struct Below {
    from: PathBuf,
    to: PathBuf,
    inner: PathBuf,
}

impl Walk<'_> {
    fn directory(&mut self, directory: BorrowedFd<'_>, at: &Below) -> io::Result<()> {
        for name in names(directory)? {
            let next = Below {
                from: at.from.join(&name),
                to: at.to.join(&name),
                inner: at.inner.join(&name),
            };
            self.entry(directory, &name, &next)?;
        }
        Ok(())
    }

    fn entry(&mut self, parent: BorrowedFd<'_>, name: &OsStr, at: &Below) -> io::Result<()> {
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let ignored = self.tree.ignore.excludes(&at.from.to_string_lossy());
        let left_out = self.exclude.excludes(&at.inner.to_string_lossy());
        let hidden = ignored || left_out;
        let may_return = ignored && self.tree.ignore.may_bring_back()
            || left_out && self.exclude.may_bring_back();
        if kind == FileType::Socket || hidden && !(kind == FileType::Directory && may_return) {
            return Ok(());
        }
        let link = match kind {
            FileType::Symlink => rustix::fs::readlinkat(parent, name, Vec::new())?.into_bytes(),
            _ => Vec::new(),
        };
        let count = self.items.len();
        self.items.push(Item { from: at.from.clone(), to: at.to.clone(), stat, link });
        if kind == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let directory = rustix::fs::openat(parent, name, flags, Mode::empty())?;
            self.directory(directory.as_fd(), at)?;
            // Nothing in it was brought back, so neither is the directory.
            if hidden && self.items.len() == count + 1 {
                self.items.pop();
            }
        }
        Ok(())
    }
}

/// Names in a directory, sorted.
fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort();
    Ok(names)
}
