//! What differs between the files of two images.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::base::{Context, Result};
use crate::resource::Image;

use super::Store;

/// How a file differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the second image has it.
    Added,
    /// Both have it, but not the same.
    Changed,
    /// Only the first image has it.
    Deleted,
}

/// A line for each change: a letter for how it differs, and the path (Docker: `docker diff`).
#[must_use]
pub fn lines(changes: &[(Change, PathBuf)]) -> String {
    let line = |(change, path): &(Change, PathBuf)| {
        let letter = match change {
            Change::Added => 'A',
            Change::Changed => 'C',
            Change::Deleted => 'D',
        };
        format!("{letter} {}\n", path.display())
    };
    changes.iter().map(line).collect()
}

/// A file of an image: where its layer has it, and what it is.
#[derive(Debug)]
struct Found {
    real: PathBuf,
    metadata: Metadata,
}

/// The files of an image by their paths inside.
type Tree = BTreeMap<PathBuf, Found>;

/// The paths that differ from image `one` to image `other`, absolute and sorted. Times do not
/// count, nor do directories that differ only in what they contain.
///
/// # Errors
/// A layer cannot be read.
pub fn diff(store: &Store, one: &Image, other: &Image) -> Result<Vec<(Change, PathBuf)>> {
    let (before, after) = (tree(store, one)?, tree(store, other)?);
    let mut changes = Vec::new();
    for (path, old) in &before {
        match after.get(path) {
            None => changes.push((Change::Deleted, path.clone())),
            Some(new) if !same(old, new)? => changes.push((Change::Changed, path.clone())),
            Some(_) => {}
        }
    }
    let added = after.keys().filter(|path| !before.contains_key(*path));
    changes.extend(added.map(|path| (Change::Added, path.clone())));
    changes.sort_by(|(_, one), (_, other)| one.cmp(other));
    Ok(changes)
}

/// All files of an image, as its layers on top of each other show them.
fn tree(store: &Store, image: &Image) -> Result<Tree> {
    let mut tree = Tree::new();
    for layer in store.lower_dirs(image).iter().rev() {
        add(&mut tree, layer, Path::new("/"))?;
    }
    Ok(tree)
}

/// Puts what one directory of a layer has on top of `tree`.
fn add(tree: &mut Tree, layer: &Path, inside: &Path) -> Result<()> {
    let real = layer.join(inside.strip_prefix("/").unwrap_or(inside));
    let failed = || format!("cannot read {}", real.display());
    for entry in fs::read_dir(&real).context(failed)? {
        let entry = entry.context(failed)?;
        let metadata = entry.metadata().context(failed)?;
        let (path, real) = (inside.join(entry.file_name()), entry.path());
        let is_directory = metadata.is_dir();
        // What is no directory hides all below it; so does a directory that says so.
        if !is_directory || is_opaque(&real) {
            remove(tree, &path);
        }
        if metadata.file_type().is_char_device() && metadata.rdev() == 0 {
            continue;
        }
        tree.insert(path.clone(), Found { real, metadata });
        if is_directory {
            add(tree, layer, &path)?;
        }
    }
    Ok(())
}

fn remove(tree: &mut Tree, path: &Path) {
    let below = tree.range(path.to_owned()..).map(|(path, _)| path.clone());
    let below: Vec<PathBuf> = below.take_while(|it| it.starts_with(path)).collect();
    for path in below {
        tree.remove(&path);
    }
}

/// Overlay's mark for a directory that hides those below it.
fn is_opaque(directory: &Path) -> bool {
    let mut value = [0_u8; 1];
    let length = rustix::fs::lgetxattr(directory, "trusted.overlay.opaque", &mut value[..]);
    length == Ok(1) && value == *b"y"
}

fn same(one: &Found, other: &Found) -> Result<bool> {
    if one.real == other.real {
        return Ok(true);
    }
    let (old, new) = (&one.metadata, &other.metadata);
    let about = |it: &Metadata| (it.mode(), it.uid(), it.gid(), it.rdev());
    if about(old) != about(new) {
        return Ok(false);
    }
    if old.is_symlink() {
        let target = |it: &Found| {
            fs::read_link(&it.real).context(|| format!("cannot read {}", it.real.display()))
        };
        return Ok(target(one)?.as_os_str().as_bytes() == target(other)?.as_os_str().as_bytes());
    }
    if !old.is_file() {
        return Ok(true);
    }
    Ok(old.len() == new.len() && same_content(&one.real, &other.real)?)
}

fn same_content(one: &Path, other: &Path) -> Result<bool> {
    const PIECE: u64 = 64 << 10;
    let open = |path: &Path| {
        File::open(path).map(BufReader::new).context(|| format!("cannot open {}", path.display()))
    };
    let (mut left, mut right) = (open(one)?, open(other)?);
    let piece = |file: &mut BufReader<File>, path: &Path| {
        let mut bytes = Vec::new();
        let read = file.by_ref().take(PIECE).read_to_end(&mut bytes);
        read.map(|_| bytes).context(|| format!("cannot read {}", path.display()))
    };
    loop {
        let (here, there) = (piece(&mut left, one)?, piece(&mut right, other)?);
        if here != there {
            return Ok(false);
        }
        if here.is_empty() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::store::tests::world;
    use crate::image::{ImportOptions, import};

    #[test]
    fn files_come_go_and_change() {
        let world = world();
        let image = |files: &[(&str, &str)]| {
            let mut builder = tar::Builder::new(Vec::new());
            for (path, content) in files {
                let mut header = tar::Header::new_ustar();
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                header.set_uid(0);
                header.set_gid(0);
                builder.append_data(&mut header, path, content.as_bytes()).unwrap();
            }
            let bytes = builder.into_inner().unwrap();
            import(&world.store, &bytes[..], None, &ImportOptions::default()).unwrap()
        };
        let one = image(&[("a", "1"), ("b", "1"), ("d/x", "1"), ("s", "same")]);
        let other = image(&[("b", "2"), ("c", "1"), ("d/x", "12"), ("s", "same")]);
        let changes = diff(&world.store, &one, &other).unwrap();
        let changes: Vec<_> =
            changes.iter().map(|(it, path)| (*it, path.to_str().unwrap())).collect();
        assert_eq!(
            changes,
            [
                (Change::Deleted, "/a"),
                (Change::Changed, "/b"),
                (Change::Added, "/c"),
                (Change::Changed, "/d/x")
            ]
        );
        assert_eq!(diff(&world.store, &one, &one).unwrap(), []);
    }
}
