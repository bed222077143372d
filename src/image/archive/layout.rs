//! One image of an OCI layout in a directory, read as far as it is needed.

use std::path::Path;

use crate::base::{Digest, Error, Kind, Result};
use crate::image::{Platform, Store};
use crate::resource::Image;

use super::OCI_LIST;
use super::load::{Archived, add, add_layers, from_oci};
use super::parts::Parts;

/// An image in a layout, of which nothing was read but its configuration.
#[derive(Debug)]
pub struct Layout(Archived);

impl Layout {
    /// Finds the image that `name` means: a tag, a whole name or the digest of its manifest;
    /// `None`: the first. Of one for several platforms that for this machine.
    ///
    /// # Errors
    /// It is no layout, or has no such image.
    pub fn open(directory: &Path, name: Option<&str>) -> Result<Layout> {
        let parts = Parts::of_directory(directory);
        let place = directory.display();
        let list = parts.document(OCI_LIST)?;
        let list = list.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("there is no OCI layout in {place}"))
        })?;
        let images = from_oci(&parts, &list, &Platform::host())?;
        let is_meant = |it: &Archived| match name {
            None => true,
            Some(name) => {
                let is_name = it
                    .names
                    .iter()
                    .any(|known| known.tag() == Some(name) || known.familiar() == name);
                let is_digest = it.digest.as_ref().is_some_and(|it| it.to_string() == name);
                is_name || is_digest || it.marks.iter().any(|mark| mark == name)
            }
        };
        let found = images.into_iter().find(is_meant).ok_or_else(|| {
            let what = name.map_or("no image".to_owned(), |name| format!("no image `{name}`"));
            Error::new(Kind::NotFound, format!("the OCI layout in {place} has {what}"))
        });
        found.map(Layout)
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.0.config
    }

    /// Brings those of its layers into the store that are `wanted` and not there.
    ///
    /// # Errors
    /// A layer is damaged, or the disk is full.
    pub fn fetch(&self, store: &Store, wanted: &[Digest]) -> Result<()> {
        add_layers(store, &self.0, wanted)
    }

    /// Brings all of it into the store, where it gets no name.
    ///
    /// # Errors
    /// As [`Layout::fetch`]'s.
    pub fn load(self, store: &Store) -> Result<Image> {
        add(store, Archived { names: Vec::new(), ..self.0 }).map(|loaded| loaded.image)
    }
}
