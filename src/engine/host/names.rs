//! Container names: a name is a symbolic link to an id, made in one step, so it is unique.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::state::Roots;

/// Gives `name` to the container `id`.
///
/// # Errors
/// `Kind::Invalid` for a bad name, `Kind::Conflict` if another container has it.
pub(super) fn take(roots: &Roots, name: &str, id: &ContainerId) -> Result<()> {
    check(name)?;
    let link = roots.container_names().join(name);
    for _ in 0..2 {
        match symlink(id.as_str(), &link) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).context(|| format!("cannot reserve name {name}")),
        }
        let owner = owner(roots, name)?;
        if let Some(owner) = owner.filter(|owner| roots.container(owner).data().exists()) {
            // Docker: the same words.
            let message = format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{owner}\". \
                 You have to remove (or rename) that container to be able to reuse that name."
            );
            return Err(Error::new(Kind::Conflict, message));
        }
        // Left by a process that died between two steps of `create` or `remove`.
        let removed = fs::remove_file(&link);
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).context(|| format!("cannot free name {name}"));
            }
            _ => {}
        }
    }
    Err(Error::new(Kind::Conflict, format!("the container name {name} was just taken")))
}

/// The container that has `name`; `None` if none has.
///
/// # Errors
/// The link cannot be read.
pub(super) fn owner(roots: &Roots, name: &str) -> Result<Option<ContainerId>> {
    match fs::read_link(roots.container_names().join(name)) {
        Ok(target) => Ok(target.to_str().and_then(|id| id.parse().ok())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {
            Ok(None)
        }
        Err(error) => Err(error).context(|| format!("cannot look up container {name}")),
    }
}

/// The name that belongs to `id`; `None` if none does. For when its record does not say.
pub(super) fn of(roots: &Roots, id: &ContainerId) -> Option<String> {
    let entries = fs::read_dir(roots.container_names()).ok()?.flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.find(|name| owner(roots, name).ok().flatten().as_ref() == Some(id))
}

/// Frees `name` if `id` has it.
///
/// # Errors
/// The link cannot be removed.
pub(super) fn free(roots: &Roots, name: &str, id: &ContainerId) -> Result<()> {
    if owner(roots, name)?.as_ref() != Some(id) {
        return Ok(());
    }
    match fs::remove_file(roots.container_names().join(name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(|| format!("cannot free name {name}"))
        }
        _ => Ok(()),
    }
}

/// Whether some name belongs to a container that does not exist.
///
/// # Errors
/// The names cannot be listed.
pub(super) fn any_dangling(roots: &Roots) -> Result<bool> {
    Ok(!dangling(roots)?.is_empty())
}

/// Frees the names of containers that do not exist. Only while nobody creates one.
///
/// # Errors
/// A name cannot be removed.
pub(super) fn free_dangling(roots: &Roots) -> Result<()> {
    for name in dangling(roots)? {
        let removed = fs::remove_file(roots.container_names().join(&name));
        removed.context(|| format!("cannot free name {name}"))?;
    }
    Ok(())
}

/// Names of containers that do not exist.
///
/// # Errors
/// The names cannot be listed.
pub(super) fn dangling(roots: &Roots) -> Result<Vec<String>> {
    let entries = fs::read_dir(roots.container_names())
        .context(|| "cannot list container names".to_owned())?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.context(|| "cannot list container names".to_owned())?.file_name();
        let Some(name) = name.to_str() else { continue };
        let owner = owner(roots, name)?;
        if !owner.is_some_and(|id| roots.container(&id).data().exists()) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Docker: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
fn check(name: &str) -> Result<()> {
    let mut letters = name.bytes();
    let first = letters.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    // A link's name is limited by the file system.
    match first && name.len() >= 2 && name.len() <= 255 && letters.all(inner) {
        true => Ok(()),
        false => Err(Error::new(
            Kind::Invalid,
            format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        )),
    }
}
