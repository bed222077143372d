//! How much a container has written.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use crate::base::{ContainerId, Context, Result};

use super::Host;

/// Bytes of all files in the container's own layer; a file with several names counts once.
///
/// Files that go while they are counted are not there, which is no error.
pub(super) fn written(host: &Host, id: &ContainerId) -> Result<u64> {
    let (mut total, mut seen) = (0, BTreeSet::new());
    let mut todo = vec![host.roots().container(id).upper()];
    while let Some(dir) = todo.pop() {
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.context(|| format!("cannot read {}", dir.display()))?,
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                todo.push(entry.path());
            } else if metadata.is_file() && (metadata.nlink() < 2 || seen.insert(metadata.ino())) {
                total += metadata.len();
            }
        }
    }
    Ok(total)
}
