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

/// How often a listing is made anew because files moved on meanwhile. A container that rotates its
/// log with each line must not keep its readers here forever.
const LISTINGS: usize = 100;

/// All files that are not compressed, oldest first.
///
/// A rotation renames one file after the other, and may be anywhere in that, so only two listings
/// that agree are believed.
pub(super) fn files(dir: &ContainerDir) -> io::Result<Vec<File>> {
    let mut listing = list(dir)?;
    for _ in 1..LISTINGS {
        let next = list(dir)?;
        let agree = next.iter().map(Aged::key).eq(listing.iter().map(Aged::key));
        listing = next;
        if agree {
            break;
        }
    }
    Ok(listing.into_iter().map(|aged| aged.file).collect())
}

/// A file that was found under a name.
struct Aged {
    /// How often it was rotated.
    age: usize,
    identity: (u64, u64),
    file: File,
}

impl Aged {
    fn key(&self) -> (usize, (u64, u64)) {
        (self.age, self.identity)
    }
}

/// What has the name of a log file, oldest first. A log that was never written has no directory.
fn list(dir: &ContainerDir) -> io::Result<Vec<Aged>> {
    let entries = match std::fs::read_dir(dir.log_dir()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let age = match path.extension().and_then(|age| age.to_str()?.parse().ok()) {
            _ if path == dir.log() => 0,
            Some(age) if path == dir.rotated_log(age, false) => age,
            _ => continue,
        };
        let file = match File::open(&path) {
            // It moved on just now.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file?,
        };
        files.push(Aged { age, identity: identity(&file)?, file });
    }
    files.sort_unstable_by_key(|aged| std::cmp::Reverse(aged.age));
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_rotation_that_is_under_way_hides_no_older_file() {
        let root = tempfile::tempdir().unwrap();
        let dir = ContainerDir::new(root.path().join("data"), root.path().join("run"));
        assert_eq!(files(&dir).unwrap().len(), 0);
        std::fs::create_dir_all(dir.log_dir()).unwrap();
        for (path, text) in [
            (dir.log(), "e"),
            (dir.rotated_log(1, false), "d"),
            // The second one has just become the third.
            (dir.rotated_log(3, false), "c"),
            (dir.rotated_log(4, false), "b"),
            (dir.rotated_log(10, false), "a"),
            (dir.rotated_log(11, true), "compressed"),
            (dir.log_dir().join("notes.1"), "not ours"),
        ] {
            std::fs::write(path, text).unwrap();
        }
        let mut text = String::new();
        for mut file in files(&dir).unwrap() {
            file.read_to_string(&mut text).unwrap();
        }
        assert_eq!(text, "abcde");
    }

    #[test]
    fn rotation_while_files_are_listed_changes_no_order() {
        let root = tempfile::tempdir().unwrap();
        let dir = &ContainerDir::new(root.path().join("data"), root.path().join("run"));
        std::fs::create_dir_all(dir.log_dir()).unwrap();
        let write = |number: usize| std::fs::write(dir.log(), number.to_string()).unwrap();
        write(0);
        // A rotation begins while files are listed, but not a hundred of them.
        let (begun, allowed) = std::sync::mpsc::sync_channel(0);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in 1..1000 {
                    allowed.recv().unwrap();
                    for age in (1..10).rev() {
                        let path = |age| dir.rotated_log(age, false);
                        let _ = std::fs::rename(path(age), path(age + 1));
                    }
                    std::fs::rename(dir.log(), dir.rotated_log(1, false)).unwrap();
                    write(number);
                }
            });
            while begun.send(()).is_ok() {
                let numbers = files(dir).unwrap().into_iter().map(|mut file| {
                    let mut text = String::new();
                    file.read_to_string(&mut text).unwrap();
                    // It was made, and not written yet.
                    text.parse::<usize>().unwrap_or(usize::MAX)
                });
                let numbers: Vec<_> = numbers.collect();
                assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
                let gaps = numbers.windows(2).filter(|pair| pair[1] != usize::MAX);
                gaps.for_each(|pair| assert_eq!(pair[1], pair[0] + 1, "{numbers:?}"));
            }
        });
    }
}
