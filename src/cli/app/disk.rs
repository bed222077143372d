//! The real disk, as the Compose language reads it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cli::app::environment::Environment;
use crate::cli::files::remote;
use crate::compose::{Files, Remote};
use crate::engine::read_text_bounded;

/// Nothing larger is a file of variables or a compose file; `/dev/zero` never ends.
const MAX_BYTES: u64 = 32 << 20;

/// A whole text, if it is not too long for one.
fn bounded(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MAX_BYTES {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(text),
    }
}

/// Files on disk; `-` is standard input.
#[derive(Clone, Copy, Debug)]
pub struct Disk<'a> {
    /// Where fetched files go, and what programs and registries need.
    pub environment: &'a Environment,
}

impl Files for Disk<'_> {
    fn fetch(&self, remote: &Remote) -> io::Result<PathBuf> {
        remote::fetch(self.environment, remote)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match path.file_name().is_some_and(|name| name == "-") {
            true => bounded(io::stdin()),
            false => read_text_bounded(path, MAX_BYTES),
        }
    }

    fn is_file(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir())
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::canonicalize(path)
    }
}
