//! What the kernel and the disk have of ours that no record explains. Looks, and changes nothing.

use std::collections::BTreeSet;
use std::fs;

use crate::base::{ContainerId, Context, Result};
use crate::network;
use crate::runtime::Bundle;
use crate::shim;
use crate::state::{self, Roots, lock};

use super::{names, observe};

/// Something that belongs to nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// What it is, as in `bridge`.
    pub kind: &'static str,
    /// Which one.
    pub name: String,
    /// Why nothing should be there.
    pub why: String,
}

impl Leftover {
    fn new(kind: &'static str, name: impl Into<String>, why: &str) -> Leftover {
        Leftover { kind, name: name.into(), why: why.to_owned() }
    }
}

/// Everything that is left over: processes, mounts, control groups, bridges, rules, files. Empty
/// when all that exists has a record, and all that runs has a shim.
///
/// What others begin or end meanwhile may be in it: look twice before believing it.
///
/// # Errors
/// The kernel cannot be asked, or the records not be read.
pub fn leftovers(roots: &Roots) -> Result<Vec<Leftover>> {
    let mut found = Vec::new();
    containers(roots, &mut found)?;
    files(roots, &mut found)?;
    mounts(roots, &mut found)?;
    for (kind, name, why) in network::leftovers(roots)? {
        found.push(Leftover::new(kind, name, why));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Containers that should run and have no shim, and control groups of those that do not run.
fn containers(roots: &Roots, found: &mut Vec<Leftover>) -> Result<()> {
    let known: BTreeSet<ContainerId> = observe::ids(roots)?.into_iter().collect();
    let live = observe::live_ids(roots)?;
    for id in known.iter().chain(&live) {
        let dir = roots.container(id);
        if lock::is_held(&dir.alive())? {
            if !known.contains(id) {
                found.push(Leftover::new("shim", id.short(), "its container has no record"));
            }
            continue;
        }
        if dir.status().exists() {
            let why = "it should run, but its shim is gone";
            found.push(Leftover::new("container", id.short(), why));
        }
        // Where its own is, which may be below a parent of the user's.
        let bundle: Option<Bundle> = state::read(&dir.bundle()).unwrap_or_default();
        if let Some(cgroup) = shim::cgroup(bundle.as_ref(), id)? {
            let processes = cgroup.processes()?.len();
            let why = format!("its container does not run; it has {processes} processes");
            found.push(Leftover::new("control group", id.short(), &why));
        }
    }
    Ok(())
}

/// Names of nobody, and files of work that was cut short.
fn files(roots: &Roots, found: &mut Vec<Leftover>) -> Result<()> {
    for name in names::dangling(roots)? {
        found.push(Leftover::new("name", name, "no container has it"));
    }
    for (dir, why) in [
        (roots.tmp(), "a container was being made by a process that is gone"),
        (roots.gc(), "it was being deleted by a process that is gone"),
    ] {
        let entries = fs::read_dir(&dir).context(|| format!("cannot list {}", dir.display()))?;
        for entry in entries.flatten() {
            found.push(Leftover::new("directory", entry.path().display().to_string(), why));
        }
    }
    Ok(())
}

/// Containers are mounted in mount namespaces of their own: none is to be seen from here.
fn mounts(roots: &Roots, found: &mut Vec<Leftover>) -> Result<()> {
    let table = fs::read_to_string("/proc/self/mountinfo")
        .context(|| "cannot read this machine's mounts".to_owned())?;
    let ours = roots.containers().display().to_string() + "/";
    let targets = table.lines().filter_map(|line| line.split(' ').nth(4));
    for target in targets.filter(|target| target.starts_with(&ours)) {
        found.push(Leftover::new("mount", target, "containers are mounted elsewhere"));
    }
    Ok(())
}
