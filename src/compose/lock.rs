//! `compose.lock`: the digest of every image, so that a project runs the same everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use crate::base::{Digest, Error, Kind, Result};

use super::model::{Project, Service};

/// The file's name, beside the first compose file.
pub const FILE_NAME: &str = "compose.lock";

/// Digests by image, as the compose files name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// What each name stands for.
    pub images: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default)]
    images: BTreeMap<String, String>,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what is no lock file, or one of a later version.
    pub fn parse(text: &str) -> Result<Lock> {
        let invalid = |reason: &str| {
            Error::new(Kind::Invalid, format!("{FILE_NAME} cannot be read: {reason}"))
                .hint("`compose lock --update` writes it anew")
        };
        let written: Written =
            serde_yaml::from_str(text).map_err(|error| invalid(&error.to_string()))?;
        if written.version != 1 {
            return Err(invalid(&format!("its version is {}, not 1", written.version)));
        }
        let digest = |(name, text): (String, String)| match text.parse() {
            Ok(digest) => Ok((name, digest)),
            Err(_) => Err(invalid(&format!("`{text}` is not a digest"))),
        };
        Ok(Lock { images: written.images.into_iter().map(digest).collect::<Result<_>>()? })
    }

    /// Images of the project that need a digest: all that are pulled, and not named by one.
    #[must_use]
    pub fn images_of(project: &Project) -> Vec<String> {
        pulled(project.services.values())
    }

    /// The same, with those of services whose profiles are not active.
    #[must_use]
    pub fn all_images_of(project: &Project) -> Vec<String> {
        pulled(project.services.values().chain(project.disabled.values()))
    }

    /// Images of the project that the lock file does not have, those of services whose profiles
    /// are not active included.
    #[must_use]
    pub fn missing(&self, project: &Project) -> Vec<String> {
        let names = Lock::all_images_of(project).into_iter();
        names.filter(|name| !self.images.contains_key(name)).collect()
    }

    /// Takes over new digests, and forgets images that the project does not have any more.
    pub fn renew(&mut self, project: &Project, resolved: BTreeMap<String, Digest>) {
        let names = Lock::all_images_of(project);
        self.images.extend(resolved);
        self.images.retain(|name, _| names.contains(name));
    }

    /// Names every image of the project by its digest (`up --locked`).
    ///
    /// # Errors
    /// [`Kind::Conflict`] when an image is not in the lock file.
    pub fn apply(&self, project: &mut Project) -> Result<()> {
        let mut missing = Lock::images_of(project);
        missing.retain(|name| !self.images.contains_key(name));
        if !missing.is_empty() {
            let message = format!("{FILE_NAME} does not have {}", missing.join(", "));
            return Err(
                Error::new(Kind::Conflict, message).hint("`compose lock` adds what is missing")
            );
        }
        for service in project.services.values_mut().filter(|it| it.build.is_none()) {
            let Some(image) = &mut service.image else { continue };
            if let Some(digest) = self.images.get(image) {
                *image = format!("{}@{digest}", without_tag(image));
            }
        }
        Ok(())
    }
}

/// Names of the images that services pull by a tag, sorted.
fn pulled<'a>(services: impl Iterator<Item = &'a Service>) -> Vec<String> {
    let pulled = services.filter(|it| it.build.is_none());
    let names: BTreeSet<String> =
        pulled.filter_map(|it| it.image.clone()).filter(|it| !it.contains('@')).collect();
    names.into_iter().collect()
}

/// `nginx` of `nginx:1.27`; a colon before the last slash belongs to a port.
fn without_tag(image: &str) -> &str {
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    image[name..].find(':').map_or(image, |colon| &image[..name + colon])
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# Digests of this project's images. Written by `compose lock`; keep it in git.\n",
        )?;
        f.write_str("version: 1\nimages:\n")?;
        for (name, digest) in &self.images {
            writeln!(f, "  {}: {digest}", serde_json::Value::from(name.as_str()))?;
        }
        match self.images.is_empty() {
            true => f.write_str("  {}\n"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{LoadRequest, Memory, load};

    fn project() -> Project {
        let text = "services:\n  web: {image: \"host:5000/nginx:1.27\"}\n  db: {image: mysql}\n  own: {build: ., image: own}\n";
        let files = Memory::new().with("/p/compose.yaml", text);
        let request = LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() };
        load(&request, &files).project.unwrap()
    }

    fn digest(letter: char) -> Digest {
        format!("sha256:{}", String::from(letter).repeat(64)).parse().unwrap()
    }

    #[test]
    fn a_lock_is_read_as_it_was_written_and_names_images_by_digest() {
        let (mut project, mut lock) = (project(), Lock::default());
        assert_eq!(lock.missing(&project), ["host:5000/nginx:1.27", "mysql"]);
        assert_eq!(lock.apply(&mut project).unwrap_err().kind(), Kind::Conflict);
        let resolved = [("host:5000/nginx:1.27", 'a'), ("mysql", 'b'), ("gone", 'c')];
        lock.renew(&project, resolved.map(|(name, it)| (name.to_owned(), digest(it))).into());
        assert_eq!(Lock::parse(&lock.to_string()).unwrap(), lock);
        assert_eq!(lock.images.len(), 2);
        lock.apply(&mut project).unwrap();
        let image = project.services["web"].image.clone().unwrap();
        assert_eq!(image, format!("host:5000/nginx@{}", digest('a')));
        assert_eq!(project.services["own"].image.as_deref(), Some("own"));
        assert_eq!(Lock::parse(&Lock::default().to_string()).unwrap(), Lock::default());
        assert!(Lock::parse("version: 2\n").is_err() && Lock::parse("[").is_err());
    }
}
