//! Control groups of the machine that tests run on, of either version.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};

/// The machine has the unified hierarchy alone.
pub fn unified() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// One of two texts: for a machine with hierarchies of v1, or with the unified one alone.
pub fn either<T>(separate: T, alone: T) -> T {
    if unified() { alone } else { separate }
}

/// Directories of the group `path` (as in `compose/<id>`) that exist, one for each hierarchy.
pub fn directories(path: impl AsRef<Path>) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = match unified() {
        true => vec![root.to_owned()],
        false => std::fs::read_dir(root).unwrap().flatten().map(|entry| entry.path()).collect(),
    };
    let paths = hierarchies.into_iter().map(|hierarchy| hierarchy.join(path.as_ref()));
    paths.filter(|path| path.exists()).collect()
}
