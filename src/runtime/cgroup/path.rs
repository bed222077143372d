//! The path of one control group, as the only thing that groups are made, killed and removed by.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::{Error, Kind, Result};

/// A path below the root of each hierarchy, as in `compose/<id>`: never empty, never the root, and
/// without `.` and `..`.
///
/// The root has every process of the machine in it, so a path that comes to it is refused where it
/// is read and not where it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PathBuf", into = "PathBuf")]
pub struct CgroupPath(PathBuf);

impl CgroupPath {
    /// The group at `path`; a leading `/` is the root of the hierarchy.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when the path is empty, the root, or has a component that is not a name.
    pub fn new(path: &Path) -> Result<CgroupPath> {
        let relative = path.strip_prefix("/").unwrap_or(path);
        let named = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !named || relative.as_os_str().is_empty() {
            let message = format!("\"{}\" is not the path of a control group", path.display());
            return Err(Error::new(Kind::Invalid, message));
        }
        // Collected anew: `a//b` and `a/./b` are one group with `a/b`.
        Ok(CgroupPath(relative.components().collect()))
    }

    /// A group below this one; an empty path is this one.
    ///
    /// # Errors
    /// As [`CgroupPath::new`].
    pub fn below(&self, path: &Path) -> Result<CgroupPath> {
        CgroupPath::new(&self.0.join(path.strip_prefix("/").unwrap_or(path)))
    }

    /// The path, without a leading `/`.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<PathBuf> for CgroupPath {
    type Error = Error;

    fn try_from(path: PathBuf) -> Result<CgroupPath> {
        CgroupPath::new(&path)
    }
}

impl From<CgroupPath> for PathBuf {
    fn from(path: CgroupPath) -> PathBuf {
        path.0
    }
}

/// The first group called `name` below the hierarchy mounted at `mount`.
pub(super) fn find(mount: &Path, name: &str) -> Option<CgroupPath> {
    let mut waiting = vec![mount.to_owned()];
    while let Some(directory) = waiting.pop() {
        // Groups come and go: one that cannot be listed is gone.
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.file_name() == *name {
                return CgroupPath::new(entry.path().strip_prefix(mount).ok()?).ok();
            }
            waiting.push(entry.path());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_comes_to_the_root_of_all_groups_is_none() {
        for path in ["", "/", ".", "./", "..", "a/..", "a/../..", "/..", "//", "../a"] {
            assert!(CgroupPath::new(Path::new(path)).is_err(), "{path}");
            let json = serde_json::to_string(path).unwrap();
            assert!(serde_json::from_str::<CgroupPath>(&json).is_err(), "{path}");
        }
    }

    #[test]
    fn one_group_has_one_path() {
        for path in ["/a/b", "a/b", "a//b/", "a/./b"] {
            assert_eq!(CgroupPath::new(Path::new(path)).unwrap().as_path(), Path::new("a/b"));
        }
        let group = CgroupPath::new(Path::new("a")).unwrap();
        assert_eq!(group.below(Path::new("/b")).unwrap().as_path(), Path::new("a/b"));
        assert!(group.below(Path::new("../b")).is_err());
    }

    #[test]
    fn a_group_is_found_by_its_name_wherever_it_is() {
        let mount = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(mount.path().join("batch/nightly/0123")).unwrap();
        let found = find(mount.path(), "0123").unwrap();
        assert_eq!(found.as_path(), Path::new("batch/nightly/0123"));
        assert_eq!(find(mount.path(), "4567"), None);
    }
}
