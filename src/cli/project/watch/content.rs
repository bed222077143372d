//! What files contain, so that touching one, or saving it unchanged, changes nothing.

use std::collections::{BTreeSet, HashMap};
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Larger files are compared by size and time only.
const LARGEST: u64 = 8 << 20;

/// What a path was when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Print {
    File { mode: u32, content: Content },
    Link(PathBuf),
    Directory,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Hash([u8; 32]),
    /// Size and time of the last change, in nanoseconds since 1970.
    Stamp(u64, i128),
}

/// What is known of all watched files.
#[derive(Debug, Default)]
pub struct Contents {
    known: HashMap<PathBuf, Print>,
}

impl Contents {
    /// Looks at a path; whether it is another thing than it was, or has other content.
    pub fn changed(&mut self, path: &Path) -> bool {
        match print(path) {
            Some(print) => self.known.insert(path.to_owned(), print.clone()) != Some(print),
            None => self.known.remove(path).is_some(),
        }
    }

    /// Paths that were below this one (itself too) and are not any more.
    #[must_use]
    pub fn vanished(&self, path: &Path) -> BTreeSet<PathBuf> {
        let below = self.known.keys().filter(|known| known.starts_with(path));
        below.filter(|known| known.symlink_metadata().is_err()).cloned().collect()
    }

    /// Files and links that are known.
    #[must_use]
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let files =
            self.known.iter().filter(|(_, it)| matches!(it, Print::File { .. } | Print::Link(_)));
        files.map(|(path, _)| path.clone()).collect()
    }
}

/// `None`: there is nothing, or it cannot be read, which changes as soon as it can.
fn print(path: &Path) -> Option<Print> {
    let metadata = path.symlink_metadata().ok()?;
    let kind = metadata.file_type();
    Some(if kind.is_file() {
        Print::File { mode: metadata.permissions().mode(), content: content(path, &metadata)? }
    } else if kind.is_symlink() {
        Print::Link(std::fs::read_link(path).ok()?)
    } else if kind.is_dir() {
        Print::Directory
    } else {
        Print::Other
    })
}

fn content(path: &Path, metadata: &Metadata) -> Option<Content> {
    if metadata.len() > LARGEST {
        let time = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        return Some(Content::Stamp(metadata.len(), time));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // It may grow while it is read.
    std::fs::File::open(path).ok()?.take(LARGEST + 1).read_to_end(&mut bytes).ok()?;
    Some(Content::Hash(Sha256::digest(&bytes).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_content_or_mode_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        let mut contents = Contents::default();
        assert!(!contents.changed(&file), "there is nothing, and was nothing");
        std::fs::write(&file, "one").unwrap();
        assert!(contents.changed(&file) && !contents.changed(&file));
        std::fs::write(&file, "one").unwrap();
        assert!(!contents.changed(&file), "saved unchanged");
        std::fs::write(&file, "two").unwrap();
        assert!(contents.changed(&file));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(contents.changed(&file));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(contents.vanished(dir.path()), BTreeSet::from([file.clone()]));
        assert!(contents.changed(&file) && !contents.changed(&file));
    }
}
