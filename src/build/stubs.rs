//! Mount points that exist only because something was mounted there do not belong into a layer.

use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, OFlags};

use crate::base::{Digest, Result};
use crate::image::Store;
use crate::runtime::root::Root;

use super::layer;

/// Paths that did not exist before a step.
#[derive(Debug)]
pub struct Stubs {
    /// Deepest first.
    paths: Vec<PathBuf>,
    /// Directories they were made in, as these were before: path, mode, owner and group.
    parents: Vec<(PathBuf, u32, u32, u32)>,
}

impl Stubs {
    /// Those of `targets`, and of the directories above them, that these layers do not have.
    ///
    /// # Errors
    /// The layers cannot be looked at.
    pub fn missing(store: &Store, layers: &[Digest], targets: &[PathBuf]) -> Result<Stubs> {
        let root = Root::new(layer::view(store, layers)?);
        let mut paths = Vec::new();
        for target in targets {
            let above = target.ancestors().filter(|path| path.parent().is_some());
            paths.extend(
                above.take_while(|path| root.open(path, OFlags::PATH).is_err()).map(Path::to_owned),
            );
        }
        paths.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
        paths.dedup();
        let existing = targets.iter().filter_map(|target| target.parent());
        let parents = existing.filter(|path| path.parent().is_some()).filter_map(|path| {
            let stat = rustix::fs::fstat(root.open_plain(below(path), OFlags::PATH).ok()?).ok()?;
            Some((path.to_owned(), stat.st_mode, stat.st_uid, stat.st_gid))
        });
        Ok(Stubs { parents: parents.collect(), paths })
    }

    /// Removes what is still empty of them. No link is followed: the step may have put one in the
    /// way (CVE-2024-23652).
    pub fn remove(&self, upper: &Path) {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(root) = rustix::fs::open(upper, flags, rustix::fs::Mode::empty()) else { return };
        let root = Root::new(root);
        for path in &self.paths {
            let (Some(parent), Some(Component::Normal(name))) =
                (path.parent(), path.components().next_back())
            else {
                continue;
            };
            let Ok(directory) = root.open_plain(below(parent), flags) else { continue };
            let Ok(stat) = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let how = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => AtFlags::REMOVEDIR,
                FileType::RegularFile if stat.st_size == 0 => AtFlags::empty(),
                _ => continue,
            };
            // A directory that is not empty stays: the step has put something there.
            let _ = rustix::fs::unlinkat(&directory, name, how);
        }
        for parent in &self.parents {
            remove_copy(&root, parent);
        }
    }
}

/// A directory that overlay copied only to make a stub in it: empty now, and as it was before.
fn remove_copy(root: &Root, (path, mode, uid, gid): &(PathBuf, u32, u32, u32)) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
    let Ok(directory) = root.open_plain(below(path), flags) else { return };
    let Ok(stat) = rustix::fs::fstat(&directory) else { return };
    let mut value = [0; 1];
    let is_opaque =
        rustix::fs::fgetxattr(&directory, "trusted.overlay.opaque", &mut value[..]).is_ok();
    if is_opaque || (stat.st_mode, stat.st_uid, stat.st_gid) != (*mode, *uid, *gid) {
        return;
    }
    if let Ok(parent) = root.open_plain(below(parent), flags) {
        // It stays when the step has put something there.
        let _ = rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR);
    }
}

/// The path as seen from the root.
fn below(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}
