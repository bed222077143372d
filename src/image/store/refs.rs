//! What names point to: the store's one record, and the rules for changing it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{Digest, Error, Kind, Result};

use super::super::Reference;

/// Format of the record; another number is another program's file.
const VERSION: u32 = 1;

/// Every image and every name. Small: it is read by each command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refs {
    version: u32,
    /// Images by id.
    pub images: BTreeMap<Digest, Entry>,
    /// Full names with a tag, as in `docker.io/library/nginx:latest`, to image ids.
    pub tags: BTreeMap<String, Digest>,
    /// Full names with the manifest's or index's digest, as registries know them, to image ids.
    pub digests: BTreeMap<String, Digest>,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The manifest it was pulled with; `None`: made here, its manifest is made when needed.
    pub manifest: Option<Digest>,
    /// Bytes of all layers, unpacked.
    pub size: u64,
    /// When a name was last given to it.
    pub tagged_at: Option<Timestamp>,
}

impl Default for Refs {
    fn default() -> Refs {
        let (images, tags, digests) = Default::default();
        Refs { version: VERSION, images, tags, digests }
    }
}

impl Refs {
    /// Whether this program understands the record.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.version == VERSION
    }

    /// Points `name` to `id`; what the name pointed to before keeps existing.
    pub fn point(&mut self, name: &Reference, id: &Digest, now: Timestamp) {
        match (name.digest(), name.tag()) {
            (None, _) => {
                self.tags.insert(name.clone().or_latest().to_string(), id.clone());
                if let Some(entry) = self.images.get_mut(id) {
                    entry.tagged_at = Some(now);
                }
            }
            (Some(digest), _) => {
                self.digests.insert(name.pinned(digest.clone()).to_string(), id.clone());
            }
        }
    }

    /// The image that `text` means: a name, an id, or the unique beginning of an id
    /// (Docker: names go before short ids).
    ///
    /// # Errors
    /// Several ids begin so.
    pub fn find(&self, text: &str) -> Result<Option<&Digest>> {
        if let Ok(id) = text.parse::<Digest>() {
            return Ok(self.images.get_key_value(&id).map(|(id, _)| id));
        }
        if let Ok(reference) = text.parse::<Reference>()
            && let Some(id) = self.named(&reference)
        {
            return Ok(Some(id));
        }
        let prefix = text.strip_prefix("sha256:").unwrap_or(text);
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if prefix.is_empty() || !prefix.bytes().all(is_hex) {
            return Ok(None);
        }
        let mut matches = self.images.keys().filter(|id| id.hex().starts_with(prefix));
        match (matches.next(), matches.next()) {
            (Some(_), Some(_)) => Err(Error::new(
                Kind::Conflict,
                format!("image id `{prefix}` is ambiguous: more than one begins so"),
            )),
            (found, _) => Ok(found),
        }
    }

    /// The image this name points to. A digest decides alone, whatever the tag beside it says.
    #[must_use]
    pub fn named(&self, reference: &Reference) -> Option<&Digest> {
        match reference.digest() {
            Some(digest) => {
                let key = reference.pinned(digest.clone()).to_string();
                self.digests.get(&key)
            }
            None => self.tags.get(&reference.clone().or_latest().to_string()),
        }
    }

    /// Short forms of the tags and of the digests that point to `id`.
    #[must_use]
    pub fn names_of(&self, id: &Digest) -> (Vec<String>, Vec<String>) {
        let of = |names: &BTreeMap<String, Digest>| -> Vec<String> {
            let names = names.iter().filter(|(_, target)| *target == id);
            names.map(|(name, _)| familiar(name)).collect()
        };
        (of(&self.tags), of(&self.digests))
    }

    /// Takes away the names that `untag` lists, in their full form, and the images in `delete`.
    pub fn apply(&mut self, removal: &Removal) {
        for name in &removal.untag {
            self.tags.remove(name);
            self.digests.remove(name);
        }
        for id in &removal.delete {
            self.images.remove(id);
        }
    }
}

/// What removing an image comes to: decided here, done by the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Full names that go.
    pub untag: Vec<String>,
    /// Images that go.
    pub delete: Vec<Digest>,
}

/// Who needs images and layers: what containers were made from, as the engine knows.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Containers by the image they were made from.
    pub images: BTreeMap<Digest, Vec<User>>,
    /// Layers (diff ids) that containers stand on.
    pub layers: BTreeSet<Digest>,
}

/// A container that uses an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its short id.
    pub container: String,
    /// Running or paused.
    pub running: bool,
}

/// There is no image that `text` means (Docker: a name gets its tag).
pub(super) fn missing(text: &str) -> Error {
    let name = text.parse::<Reference>().map(|name| name.or_latest().familiar());
    Error::new(Kind::NotFound, format!("No such image: {}", name.unwrap_or(text.to_owned())))
}

/// Decides what removing `text` does (Docker: daemon/images/image_delete.go).
///
/// A tag that is not the image's last only goes itself. The last one takes the image along,
/// unless a container needs it. An id takes the image and its names, if those are of one
/// repository or with `force`.
///
/// # Errors
/// The image does not exist, or its use forbids it.
pub fn removal(refs: &Refs, text: &str, force: bool, usage: &Usage) -> Result<Removal> {
    let Some(id) = refs.find(text)?.cloned() else {
        return Err(missing(text));
    };
    let mut names = full_names(refs, &id);
    let reference = text.parse::<Reference>().ok();
    let by_name = reference.filter(|reference| refs.named(reference) == Some(&id));
    let users = usage.images.get(&id).map(Vec::as_slice).unwrap_or_default();
    let mut plan = Removal::default();
    if let Some(reference) = &by_name {
        if let (false, true, Some(user)) = (force, one_repository(&names), users.first()) {
            return Err(conflict(&format!(
                "unable to remove repository reference \"{text}\" (must force) - container {} is using its referenced image {}",
                user.container,
                id.short()
            )));
        }
        plan.untag = names_with(&names, reference);
        names.retain(|name| !plan.untag.contains(name));
        if !names.is_empty() {
            return Ok(plan);
        }
    }
    if let Some(user) = users.iter().find(|user| user.running) {
        // The name goes, the image of a running container stays (Docker: the same).
        if by_name.is_some() && force {
            return Ok(plan);
        }
        return Err(conflict(&format!(
            "unable to delete {} (cannot be forced) - image is being used by running container {}",
            id.short(),
            user.container
        )));
    }
    if !force {
        may_delete(&id, &names, users)?;
    }
    plan.untag.extend(names);
    plan.delete.push(id);
    Ok(plan)
}

/// What only `force` may do: delete what stopped containers or several names need.
fn may_delete(id: &Digest, names: &[String], users: &[User]) -> Result<()> {
    if !one_repository(names) {
        return Err(conflict(&format!(
            "unable to delete {} (must be forced) - image is referenced in multiple repositories",
            id.short()
        )));
    }
    match users.first() {
        Some(user) => Err(conflict(&format!(
            "unable to delete {} (must be forced) - image is being used by stopped container {}",
            id.short(),
            user.container
        ))),
        None => Ok(()),
    }
}

/// Every image without a tag, or with `all` every image, that no container uses.
#[must_use]
pub fn unused(refs: &Refs, all: bool, usage: &Usage, keep: impl Fn(&Digest) -> bool) -> Removal {
    let mut plan = Removal::default();
    for id in refs.images.keys() {
        let tagged = refs.tags.values().any(|target| target == id);
        let used = usage.images.get(id).is_some_and(|users| !users.is_empty());
        if used || (tagged && !all) || keep(id) {
            continue;
        }
        plan.untag.extend(full_names(refs, id));
        plan.delete.push(id.clone());
    }
    plan
}

/// The names that go when `reference` does: itself, and with a repository's last tag its digests.
fn names_with(names: &[String], reference: &Reference) -> Vec<String> {
    let itself = match reference.digest() {
        Some(digest) => reference.pinned(digest.clone()).to_string(),
        None => reference.clone().or_latest().to_string(),
    };
    let same_repository =
        |name: &&String| parsed(name).is_some_and(|n| n.name() == reference.name());
    let other_tag = names
        .iter()
        .filter(same_repository)
        .any(|name| **name != itself && !name.contains("@sha256:"));
    let mut gone = vec![itself.clone()];
    if reference.digest().is_none() && !other_tag {
        gone.extend(names.iter().filter(same_repository).filter(|name| **name != itself).cloned());
    }
    gone
}

/// At most one tag, and no digest of another repository (Docker: isSingleReference).
fn one_repository(names: &[String]) -> bool {
    let tags = names.iter().filter(|name| !name.contains("@sha256:")).count();
    let repositories: BTreeSet<_> =
        names.iter().filter_map(|name| parsed(name)).map(|name| name.name()).collect();
    tags <= 1 && repositories.len() <= 1
}

fn full_names(refs: &Refs, id: &Digest) -> Vec<String> {
    let names = refs.tags.iter().chain(&refs.digests);
    names.filter(|(_, target)| *target == id).map(|(name, _)| name.clone()).collect()
}

fn parsed(full: &str) -> Option<Reference> {
    full.parse().ok()
}

/// The short form of a full name.
#[must_use]
pub fn familiar(full: &str) -> String {
    parsed(full).map_or_else(|| full.to_owned(), |name| name.familiar())
}

fn conflict(message: &str) -> Error {
    Error::new(Kind::Conflict, format!("conflict: {message}"))
}

#[cfg(test)]
#[path = "refs_tests.rs"]
mod tests;
