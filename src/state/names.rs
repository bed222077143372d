//! Container names: a name is a symbolic link to an id.
//!
//! One lock for all names: what a name belongs to is looked at and changed in one step. A name
//! belongs to a container that exists, or that a living process is making; any other is free.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use crate::base::{ContainerId, Context, Result};

use super::{Lock, Roots, lock};

/// All names, which nobody else changes as long as this lives.
#[derive(Debug)]
pub struct Names<'a> {
    roots: &'a Roots,
    _lock: Lock,
}

impl Names<'_> {
    /// Waits until nobody else changes names. Held for a few system calls, never across waiting.
    ///
    /// # Errors
    /// The lock cannot be opened.
    pub fn lock(roots: &Roots) -> Result<Names<'_>> {
        Ok(Names { roots, _lock: Lock::wait(&roots.lock("names"))? })
    }

    /// Gives `name` to the container `id`, unless another has it: then returns that one's id.
    ///
    /// # Errors
    /// The link cannot be made.
    pub fn take(&self, name: &str, id: &ContainerId) -> Result<Option<ContainerId>> {
        let link = self.roots.container_names().join(name);
        match symlink(id.as_str(), &link) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                return made.map(|()| None).context(|| format!("cannot reserve name {name}"));
            }
        }
        match owner(self.roots, name)? {
            Some(owner) if self.exists(&owner)? => Ok(Some(owner)),
            // Left by a process that died while it made or removed a container.
            _ => {
                let replaced = fs::remove_file(&link).and_then(|()| symlink(id.as_str(), &link));
                replaced.map(|()| None).context(|| format!("cannot reserve name {name}"))
            }
        }
    }

    /// Frees `name` if `id` has it.
    ///
    /// # Errors
    /// The link cannot be removed.
    pub fn free(&self, name: &str, id: &ContainerId) -> Result<()> {
        match owner(self.roots, name)?.as_ref() == Some(id) {
            true => self.remove(name),
            false => Ok(()),
        }
    }

    /// Frees the names of containers that do not exist.
    ///
    /// # Errors
    /// The names cannot be listed, or a link not be removed.
    pub fn free_dangling(&self) -> Result<()> {
        self.dangling()?.iter().try_for_each(|name| self.remove(name))
    }

    /// Names of containers that do not exist.
    ///
    /// # Errors
    /// The names cannot be listed.
    pub fn dangling(&self) -> Result<Vec<String>> {
        let mut dangling = Vec::new();
        for name in all(self.roots)? {
            let exists = match owner(self.roots, &name)? {
                Some(owner) => self.exists(&owner)?,
                None => false,
            };
            dangling.extend((!exists).then_some(name));
        }
        Ok(dangling)
    }

    fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.roots.container_names().join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.context(|| format!("cannot free name {name}")),
        }
    }

    /// Whether a container is there, or is being made.
    fn exists(&self, id: &ContainerId) -> Result<bool> {
        let place = self.roots.container(id);
        // It may be put in place between the first two looks.
        Ok(place.data().exists()
            || lock::is_held(&self.roots.container_staging(id))?
            || place.data().exists())
    }
}

/// The container that has `name`; `None` if none has.
///
/// # Errors
/// The link cannot be read.
pub fn owner(roots: &Roots, name: &str) -> Result<Option<ContainerId>> {
    match fs::read_link(roots.container_names().join(name)) {
        Ok(target) => Ok(target.to_str().and_then(|id| id.parse().ok())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {
            Ok(None)
        }
        Err(error) => Err(error).context(|| format!("cannot look up container {name}")),
    }
}

/// The name that belongs to `id`; `None` if none does. For when its record does not say.
#[must_use]
pub fn of(roots: &Roots, id: &ContainerId) -> Option<String> {
    let names = all(roots).ok()?;
    names.into_iter().find(|name| owner(roots, name).ok().flatten().as_ref() == Some(id))
}

/// Whether some name belongs to no container that is in place. A cheap look without the lock: what
/// is being made or removed counts, too.
///
/// # Errors
/// The names cannot be listed.
pub fn any_dangling(roots: &Roots) -> Result<bool> {
    for name in all(roots)? {
        if !owner(roots, &name)?.is_some_and(|id| roots.container(&id).data().exists()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all(roots: &Roots) -> Result<Vec<String>> {
    let entries = fs::read_dir(roots.container_names())
        .context(|| "cannot list container names".to_owned())?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.context(|| "cannot list container names".to_owned())?.file_name();
        names.extend(name.into_string().ok());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::roots::make_dir;

    fn id(digit: &str) -> ContainerId {
        format!("a{}", digit.repeat(63)).parse().unwrap()
    }

    fn roots(dir: &std::path::Path) -> Roots {
        let variable = |name: &str| Some(dir.join(name));
        Roots::open(variable).unwrap()
    }

    #[test]
    fn a_name_is_not_taken_from_a_container_that_is_being_made() {
        let dir = tempfile::tempdir().unwrap();
        let roots = roots(dir.path());
        let (first, second) = (id("1"), id("2"));
        let aside = roots.container_staging(&first);
        make_dir(&aside).unwrap();
        let making = Lock::of_directory(&aside).unwrap();
        let names = Names::lock(&roots).unwrap();

        assert_eq!(names.take("web", &first).unwrap(), None);
        assert_eq!(names.take("web", &second).unwrap(), Some(first.clone()));
        assert!(names.dangling().unwrap().is_empty());

        drop(making);
        assert_eq!(names.take("web", &second).unwrap(), None, "its maker has died");
        names.free("web", &first).unwrap();
        assert_eq!(
            owner(&roots, "web").unwrap(),
            Some(second),
            "it is not the first one's to free"
        );
    }
}
