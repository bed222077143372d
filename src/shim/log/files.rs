//! The files that a log consists of: the current one, those put aside by rotation, and the older,
//! compressed ones.

use std::fs::File;
use std::io::{self, ErrorKind, Seek};
use std::os::unix::fs::MetadataExt;

use crate::state::ContainerDir;

use super::compress;
use super::decode::lines_of;

/// What a file is, whatever its name is by now.
pub(super) fn identity(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// The identity of the file that is written now; `None` right after a rotation.
pub(super) fn current(dir: &ContainerDir) -> io::Result<Option<(u64, u64)>> {
    match std::fs::metadata(dir.log()) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// All files that are not compressed, oldest first.
pub(super) fn files(dir: &ContainerDir) -> io::Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    for age in 0.. {
        let path = match age {
            0 => dir.log(),
            age => dir.rotated_log(age, false),
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            // Right after a rotation there is no current file.
            Err(error) if error.kind() == ErrorKind::NotFound && age == 0 => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        // A rotation meanwhile shows the same file under the next name again.
        let again = match files.last() {
            Some(last) => identity(last)? == identity(&file)?,
            None => false,
        };
        if !again {
            files.push(file);
        }
    }
    files.reverse();
    Ok(files)
}

/// A compressed file, and how many of its lines are not wanted.
#[derive(Debug)]
pub(super) struct Archive {
    pub file: File,
    pub skip: usize,
}

impl Archive {
    /// Its text from the first record on that has a wanted line, and how many lines of that are
    /// not wanted.
    pub fn read(&self) -> io::Result<(Vec<u8>, usize)> {
        (&self.file).rewind()?;
        let mut text = compress::read(&self.file)?;
        let (mut skip, mut end) = (self.skip, 0);
        for record in records(&text) {
            let lines = lines_of(record);
            if lines > skip {
                break;
            }
            skip -= lines;
            end += record.len() + 1;
        }
        text.drain(..end.min(text.len()));
        Ok((text, skip))
    }
}

/// The records in a file's text, each without its end.
pub(super) fn records(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let empty = text.is_empty();
    text.split(|byte| *byte == b'\n').filter(move |_| !empty)
}
