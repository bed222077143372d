//! The only thing the language needs from a file system: to look at files.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::remote::Remote;

/// Read access to files. The command line gives it the disk, tests give it a [`Memory`].
///
/// Paths are absolute. `-` is standard input.
pub trait Files {
    /// The whole text of a file.
    ///
    /// # Errors
    /// As opening and reading a file; `InvalidData` for what is not UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Whether it exists and is not a directory.
    fn is_file(&self, path: &Path) -> bool;

    /// Whether it exists and is a directory.
    fn is_dir(&self, path: &Path) -> bool;

    /// The path with every symbolic link in it resolved.
    ///
    /// # Errors
    /// Where it does not exist.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;

    /// The local copy of what is elsewhere: a compose file, or a directory that has one. It has
    /// the same path as long as it has the same content.
    ///
    /// # Errors
    /// It cannot be fetched; `Unsupported` where nothing is ever fetched.
    fn fetch(&self, _: &Remote) -> io::Result<PathBuf> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Files that exist only in memory. A directory exists when a file is below it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, String>,
    elsewhere: HashMap<Remote, PathBuf>,
}

impl Memory {
    /// No files at all.
    #[must_use]
    pub fn new() -> Memory {
        Memory::default()
    }

    /// The same files and one more.
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Memory {
        self.files.insert(path.into(), text.into());
        self
    }
}

impl Memory {
    /// The same, and what `remote` names is at `path`.
    #[must_use]
    pub fn with_remote(mut self, remote: Remote, path: impl Into<PathBuf>) -> Memory {
        self.elsewhere.insert(remote, path.into());
        self
    }
}

impl Files for Memory {
    fn fetch(&self, remote: &Remote) -> io::Result<PathBuf> {
        self.elsewhere.get(remote).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone()),
            None if self.is_dir(path) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file != path && file.starts_with(path))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        match self.is_file(path) || self.is_dir(path) {
            true => Ok(path.to_owned()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
