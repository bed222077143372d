//! Where the fake engine's images come from.

use std::collections::BTreeMap;

use crate::base::{Error, Kind, Result};
use crate::engine::PullPolicy;
use crate::resource::Image;

use super::world::World;

impl World {
    pub(super) fn pull(&mut self, name: &str, policy: PullPolicy) -> Result<Image> {
        match (self.observed.images.get(name), policy) {
            (Some(found), PullPolicy::Missing | PullPolicy::Never) => Ok(found.clone()),
            (None, PullPolicy::Never) => {
                Err(Error::new(Kind::NotFound, format!("no such image: {name}")))
            }
            _ => {
                let found = self.registry.get(name).cloned().unwrap_or_else(|| image(name));
                self.observed.images.insert(name.to_owned(), found.clone());
                Ok(found)
            }
        }
    }
}

/// An image as a registry would have it, with an id that its name decides.
#[must_use]
pub fn image(name: &str) -> Image {
    use sha2::{Digest as _, Sha256};
    let id = crate::base::Digest::from_sha256(&Sha256::digest(name.as_bytes()));
    let config = crate::resource::ImageConfig {
        cmd: vec!["serve".to_owned()],
        ..crate::resource::ImageConfig::default()
    };
    Image {
        id,
        tags: vec![name.to_owned()],
        digests: Vec::new(),
        created_at: None,
        size: 1 << 20,
        tagged_at: None,
        diff_ids: Vec::new(),
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        config,
    }
}

/// Images by name, each as of [`image`].
#[must_use]
pub fn images<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Image> {
    names.into_iter().map(|name| (name.to_owned(), image(name))).collect()
}
