//! The end of a container that is removed when it ends (`--rm`).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::{ContainerId, Context, Result};
use crate::resource::ContainerSpec;
use crate::resource::mount::MountSource;
use crate::state::{self, ContainerDir, Found, Lock, Names, Roots};

/// Removes the container and its anonymous volumes: all of it at once.
///
/// # Errors
/// As [`vanish`], or a file cannot be deleted.
pub(super) fn container(dir: &ContainerDir, roots: &Roots, id: &ContainerId) -> Result<()> {
    rest(&vanish(dir, roots, id)?)
}

/// Makes the container vanish with one rename, and removes its anonymous volumes. Returns where its
/// files are now, the [rest] to be deleted when nobody waits for it: if that is cut short, the next
/// reconciliation finds it.
///
/// # Errors
/// The container cannot be renamed, or a volume cannot be deleted.
pub(super) fn vanish(dir: &ContainerDir, roots: &Roots, id: &ContainerId) -> Result<PathBuf> {
    // The name may have changed since the start.
    let spec: Option<ContainerSpec> = state::read(&dir.spec())?;
    let spec = spec.unwrap_or_default();
    let gone = roots.gc().join(id.as_str());
    fs::rename(dir.data(), &gone).context(|| format!("cannot remove container {}", id.short()))?;
    // Not before the container: two would have one name, if this process died in between.
    Names::lock(roots)?.free(&spec.name, id)?;
    delete(fs::remove_dir_all(dir.run()), dir.run())?;
    for mount in spec.all_mounts() {
        if let MountSource::Volume { name, anonymous: true, .. } = &mount.source {
            volume(roots, name)?;
        }
    }
    Ok(gone)
}

/// Deletes what is left of a container that vanished.
///
/// # Errors
/// A file cannot be deleted.
pub(super) fn rest(gone: &Path) -> Result<()> {
    delete(fs::remove_dir_all(gone), gone)
}

/// Removes an anonymous volume, unless another container has inherited it.
fn volume(roots: &Roots, name: &str) -> Result<()> {
    let _lock = Lock::wait(&roots.lock("volumes"))?;
    let containers = roots.containers();
    let entries =
        fs::read_dir(&containers).context(|| format!("cannot list {}", containers.display()))?;
    for entry in entries.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|id| id.parse().ok()) else { continue };
        // One that cannot be read may use it.
        let spec = match state::look::<ContainerSpec>(&roots.container(&id).spec()) {
            Found::Absent => continue,
            Found::Record(spec) if !spec.name.is_empty() => spec,
            Found::Record(_) | Found::Damaged(_) => return Ok(()),
        };
        let uses = |source: &MountSource| matches!(source, MountSource::Volume { name: used, .. } if used == name);
        if spec.all_mounts().iter().any(|mount| uses(&mount.source)) {
            return Ok(());
        }
    }
    let gone = roots.gc().join(format!("volume-{name}-{}", std::process::id()));
    match fs::rename(roots.volume_dir(name)?, &gone) {
        Ok(()) => delete(fs::remove_dir_all(&gone), &gone),
        renamed => delete(renamed, &gone),
    }
}

/// The result of a deletion; what is gone already is fine.
fn delete(result: std::io::Result<()>, path: &Path) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.context(|| format!("cannot delete {}", path.display())),
    }
}
