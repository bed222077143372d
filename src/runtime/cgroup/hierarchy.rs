//! Which hierarchies of control groups this machine has, and where they are mounted.

use std::path::{Path, PathBuf};

use crate::base::{Context, Error, Kind, Result};

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where its root is.
    pub mount: PathBuf,
    /// The controllers in it: as in `memory` (v1), or those its root offers (v2).
    pub controllers: Vec<String>,
    /// It is the unified hierarchy.
    pub unified: bool,
}

/// Where systemd and everybody else mount control groups.
const USUAL: &str = "/sys/fs/cgroup";

/// v1 hierarchies without one of these are somebody's own and left alone.
const USED: &[&str] = &[
    "blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "net_cls",
    "net_prio", "pids", "rdma",
];

/// Finds all hierarchies: the unified one, single controllers (v1), or both (hybrid).
///
/// # Errors
/// [`Kind::NotFound`] when none is mounted.
pub fn detect() -> Result<Vec<Hierarchy>> {
    if is_v2() {
        return Ok(vec![unified(Path::new(USUAL))]);
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo");
    let found = parse(&mounts.context(|| "cannot read mounts".to_owned())?);
    if found.is_empty() {
        return Err(Error::new(Kind::NotFound, "no control groups are mounted")
            .hint("mount cgroup2 on /sys/fs/cgroup"));
    }
    Ok(found
        .into_iter()
        .map(|hierarchy| if hierarchy.unified { unified(&hierarchy.mount) } else { hierarchy })
        .collect())
}

/// Whether this machine has only the unified hierarchy, where everybody mounts it.
#[must_use]
pub fn is_v2() -> bool {
    /// `CGROUP2_SUPER_MAGIC` of `linux/magic.h`.
    const MAGIC: u64 = 0x6367_7270;
    rustix::fs::statfs(USUAL).is_ok_and(|stat| stat.f_type as u64 == MAGIC)
}

fn unified(mount: &Path) -> Hierarchy {
    // Unreadable means that no controller can be used; groups are still of use without.
    let offered = std::fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default();
    let controllers = offered.split_ascii_whitespace().map(str::to_owned).collect();
    Hierarchy { mount: mount.to_owned(), controllers, unified: true }
}

/// Hierarchies in the text of `mountinfo` whose root is the hierarchy's own (proc(5)).
fn parse(mountinfo: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (left, right): (Vec<&str>, Vec<&str>) =
            (left.split(' ').collect(), right.split(' ').collect());
        let (&[_, _, _, "/", mount, ..], &[kind @ ("cgroup" | "cgroup2"), _, options]) =
            (&left[..], &right[..])
        else {
            continue;
        };
        let controllers: Vec<String> =
            options.split(',').filter(|word| USED.contains(word)).map(str::to_owned).collect();
        let unified = kind == "cgroup2";
        let known = |other: &Hierarchy| {
            other.unified == unified && (unified || other.controllers == controllers)
        };
        if (unified || !controllers.is_empty()) && !found.iter().any(known) {
            found.push(Hierarchy { mount: PathBuf::from(mount), controllers, unified });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_controllers_and_the_unified_hierarchy_are_found() {
        let text = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct\n\
            35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            36 31 0:32 / /elsewhere rw - cgroup cgroup rw,memory\n\
            37 31 0:33 /docker/1 /inside rw - cgroup cgroup rw,pids\n\
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let found = parse(text);
        let shown: Vec<String> = found
            .iter()
            .map(|one| format!("{} {:?}", one.mount.display(), one.controllers))
            .collect();
        assert_eq!(
            shown,
            [
                "/sys/fs/cgroup/cpu,cpuacct [\"cpu\", \"cpuacct\"]",
                "/sys/fs/cgroup/memory [\"memory\"]",
                "/sys/fs/cgroup/unified []",
            ]
        );
    }
}
