//! Making a group in one hierarchy: its directory and those above, ready to be limited.

use std::fs;
use std::io;
use std::path::Path;

use super::hierarchy::Hierarchy;
use super::{CgroupPath, Group};

/// Makes `path` below the root of `hierarchy`, and says whether it was not there before.
pub(super) fn make(hierarchy: &Hierarchy, path: &CgroupPath) -> io::Result<(Group, bool)> {
    let group = Group::new(hierarchy, path);
    let mut is_new = true;
    // Somebody may be removing the last other group, and the directory above with it.
    for _ in 0..100 {
        match fs::create_dir(&group.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_parents(hierarchy, path.as_path())?;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => is_new = false,
            result => result?,
        }
        break;
    }
    if group.controllers.iter().any(|name| name == "cpuset") && !group.unified {
        inherit_cpuset(&group.path)?;
    }
    // Groups above that somebody else made need not share what they have.
    if !group.is_offered(group.controllers.iter().map(String::as_str)) {
        make_parents(hierarchy, path.as_path())?;
    }
    Ok((group, is_new))
}

/// Makes the directories above `path`, ready to have limited groups in them.
fn make_parents(hierarchy: &Hierarchy, path: &Path) -> io::Result<()> {
    let mut parents: Vec<&Path> = path.ancestors().skip(1).collect();
    parents.reverse();
    for parent in parents {
        let directory = hierarchy.mount.join(parent);
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
        if hierarchy.unified {
            for controller in &hierarchy.controllers {
                // A controller that cannot be switched on is missed when its limit is set.
                let _ =
                    fs::write(directory.join("cgroup.subtree_control"), format!("+{controller}"));
            }
        } else if hierarchy.controllers.iter().any(|name| name == "cpuset") {
            inherit_cpuset(&directory)?;
        }
    }
    Ok(())
}

/// A new cpuset of v1 has neither CPUs nor memory, and takes no process before it has. Those above
/// may have been made by somebody who left them so.
fn inherit_cpuset(directory: &Path) -> io::Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let above = directory.ancestors().map(|it| fs::read_to_string(it.join(file)));
        let empty = above.take_while(|own| own.as_ref().is_ok_and(|own| own.trim().is_empty()));
        let empty = empty.count();
        let Some(full) = directory.ancestors().nth(empty) else { continue };
        let value = fs::read(full.join(file))?;
        let mut wanting: Vec<&Path> = directory.ancestors().take(empty).collect();
        while let Some(directory) = wanting.pop() {
            fs::write(directory.join(file), &value)?;
        }
    }
    Ok(())
}
