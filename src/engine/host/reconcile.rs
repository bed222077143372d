//! What dead processes left: found by every command before it does anything else.
//!
//! The kernel's inventory by our tags, minus what living locks hold. Cheap when nothing is to be
//! done: a few directory listings and one lock test for each container that should run.

use std::fs;
use std::path::Path;

use crate::base::{Context, Result};
use crate::state::{Lock, lock};
use crate::{network, shim};

use super::containers::delete;
use super::{Host, names, observe};

/// Puts right what `kill -9` left behind.
pub(super) fn all(host: &Host) -> Result<()> {
    lost_shims(host)?;
    network::reconcile(host.roots())?;
    leftovers(host)
}

/// Containers whose shim died: their processes are ended, and their end is recorded.
fn lost_shims(host: &Host) -> Result<()> {
    let roots = host.roots();
    for id in observe::live_ids(roots)? {
        let dir = roots.container(&id);
        // One container that cannot be put right stops no command of others; `system check` and
        // its own removal tell what is wrong with it.
        let held = lock::is_held(&dir.alive()).unwrap_or(true);
        if !held {
            let _ = shim::recover(&dir, &id);
        }
    }
    Ok(())
}

/// Files of creations and removals that were cut short. Skipped while another command creates.
fn leftovers(host: &Host) -> Result<()> {
    let roots = host.roots();
    let (tmp, gc) = (roots.tmp(), roots.gc());
    if is_empty(&tmp)? && is_empty(&gc)? && !names::any_dangling(roots)? {
        return Ok(());
    }
    let Some(_lock) = Lock::try_take(&roots.lock("containers"))? else { return Ok(()) };
    for dir in [&tmp, &gc] {
        for entry in fs::read_dir(dir).context(|| format!("cannot list {}", dir.display()))? {
            delete(&entry.context(|| format!("cannot list {}", dir.display()))?.path())?;
        }
    }
    names::free_dangling(roots)
}

/// Whether a directory has no entries.
fn is_empty(dir: &Path) -> Result<bool> {
    let mut entries = fs::read_dir(dir).context(|| format!("cannot list {}", dir.display()))?;
    Ok(entries.next().is_none())
}
