//! The path of a group below the root of each hierarchy: never the root itself, never outside.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use crate::base::{ContainerId, Error, Kind, Result};

/// The path of a control group, as in `compose/<id>`: at least one name, no `.` and no `..`.
///
/// Groups are killed and removed by their path. An empty path is the root of a hierarchy, which
/// holds every process of the machine, so it cannot be said in this type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPath(PathBuf);

impl GroupPath {
    /// The group at `path`, with or without a leading `/`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when the path is empty, is the root, or has a component that is no name.
    pub fn new(path: &Path) -> Result<GroupPath> {
        let below = path.strip_prefix("/").unwrap_or(path);
        let names = below.components().all(|part| matches!(part, Component::Normal(_)));
        if below.as_os_str().is_empty() || !names {
            let message = format!("`{}` is not the path of a control group", path.display());
            return Err(Error::new(Kind::Invalid, message)
                .hint("it needs at least one name, and neither `.` nor `..`"));
        }
        Ok(GroupPath(below.components().collect()))
    }

    /// The group of a container that is not put below a group of the user's choice.
    #[must_use]
    pub fn of_container(id: &ContainerId) -> GroupPath {
        GroupPath(Path::new("compose").join(id.as_str()))
    }

    /// The path, without a leading `/`.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for GroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_hierarchy_is_no_group_of_ours() {
        for wrong in ["", "/", "//", ".", "./", "..", "../x", "a/..", "a/../..", "/.", "./a/.."] {
            let result = GroupPath::new(Path::new(wrong));
            assert_eq!(result.unwrap_err().kind(), Kind::Invalid, "{wrong}");
        }
        for (text, path) in [("a", "a"), ("/a/b", "a/b"), ("a//b/", "a/b"), ("a/./b", "a/b")] {
            assert_eq!(GroupPath::new(Path::new(text)).unwrap().as_path(), Path::new(path));
        }
    }
}
