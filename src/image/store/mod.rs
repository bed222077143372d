//! The store: blobs by digest, unpacked layers by diff id, and names.
//!
//! Everything becomes visible by one rename or by one write of the names' record, after it was
//! verified; whatever a crash leaves lies in the staging directory or is reachable by no name, and
//! the next collection deletes it. Looking an image up reads two small files and no layer.
//!
//! Locks: `image-refs` for changes of names, a moment each; `image-use` shared by those who add or
//! use layers (pull, import, creation of a container) and taken alone by the collector; one lock
//! for each layer being made, so that two pulls unpack it once.

mod archive;
mod build_cache;
mod collect;
mod inspect;
mod layers;
mod privileges;
mod refs;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::base::{Context, Digest, Error, Kind, Result};
use crate::resource::Image;
use crate::resource::event::{Event, EventKind};
use crate::state::roots::make_dir;
use crate::state::{self, Durability, Found, ImageStore, Lock, Roots, journal};

pub use build_cache::BuildRecord;
pub use collect::{Reclaimed, Removed};
pub use layers::{Begun, LayerBlob, LayerRecord, NewLayer};
pub use refs::{Entry, Refs, Usage, User};

use super::manifest::{self, Manifest};
use super::{Reference, config, hash};

/// The images of one data root. Cheap to clone; every call opens what it needs.
#[derive(Clone, Debug)]
pub struct Store {
    roots: Roots,
    paths: ImageStore,
}

/// A held right to use layers: no collection runs as long as it lives.
#[derive(Debug)]
pub struct Pin(#[expect(dead_code, reason = "held for its drop")] Lock);

impl Store {
    /// The store below `roots`; makes its directories when they are missing.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn open(roots: &Roots) -> Result<Store> {
        let paths = roots.images();
        let (steps, caches) = (paths.build_records(), paths.build_caches());
        for dir in [paths.blobs(), paths.layers(), paths.partials(), paths.staging(), steps, caches]
        {
            make_dir(&dir)?;
        }
        Ok(Store { roots: roots.clone(), paths })
    }

    /// Tells those who follow events what happened to an image: `tag`, `pull`, `delete`, … `name` is
    /// how it is known to whoever did it.
    pub fn announce(&self, action: &str, id: &str, name: &str) {
        let event = Event::now(EventKind::Image, action, id).with("name", name);
        // What was done is done, also when nobody can be told.
        let _ = journal::append(&self.roots, &event);
    }

    /// Keeps every layer that exists now from being deleted until the pin is dropped. Whoever
    /// creates a container holds one from looking the image up until its record names the layers.
    ///
    /// # Errors
    /// The lock cannot be opened.
    pub fn pin(&self) -> Result<Pin> {
        Lock::wait_shared(&self.roots.lock("image-use")).map(Pin)
    }

    /// The image that `text` means: a name, an id, or the unique beginning of an id; `None` if
    /// there is none.
    ///
    /// # Errors
    /// The beginning fits several ids, or the store cannot be read.
    pub fn find(&self, text: &str) -> Result<Option<Image>> {
        let refs = self.refs()?;
        match refs.find(text)?.cloned() {
            Some(id) => self.image(&refs, &id).map(Some),
            None => Ok(None),
        }
    }

    /// The image with this name; `None` if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn named(&self, name: &Reference) -> Result<Option<Image>> {
        let refs = self.refs()?;
        match refs.named(name).cloned() {
            Some(id) => self.image(&refs, &id).map(Some),
            None => Ok(None),
        }
    }

    /// Like [`Store::find`], but an absent image is an error as Docker words it.
    ///
    /// # Errors
    /// There is no such image, or the store cannot be read.
    pub fn get(&self, text: &str) -> Result<Image> {
        let missing = || refs::missing(text);
        self.find(text)?.ok_or_else(missing)
    }

    /// All images, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn list(&self) -> Result<Vec<Image>> {
        let refs = self.refs()?;
        let mut images = Vec::new();
        for id in refs.images.keys() {
            match self.image(&refs, id) {
                Ok(image) => images.push(image),
                // Another command has removed it since the names were read.
                Err(_) if !self.refs()?.images.contains_key(id) => {}
                Err(error) => return Err(error),
            }
        }
        images.sort_by(|a, b| (b.created_at, &a.id).cmp(&(a.created_at, &b.id)));
        Ok(images)
    }

    /// Gives the image `text` another name; returns the image that had it until now.
    ///
    /// # Errors
    /// There is no such image; `name` has a digest; the record cannot be written.
    pub fn tag(&self, text: &str, name: &Reference) -> Result<()> {
        if name.digest().is_some() {
            return Err(Error::new(
                Kind::Invalid,
                "refusing to create a tag with a digest reference",
            ));
        }
        self.change(|refs| {
            let missing = || refs::missing(text);
            let id = refs.find(text)?.cloned().ok_or_else(missing)?;
            refs.point(name, &id, Timestamp::now());
            self.announce("tag", &id.to_string(), &name.familiar());
            Ok(())
        })
    }

    /// All tags here of `reference`'s repository, sorted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn tags_of(&self, reference: &Reference) -> Result<Vec<Reference>> {
        let refs = self.refs()?;
        let names = refs.tags.keys().filter_map(|name| name.parse::<Reference>().ok());
        Ok(names.filter(|name| name.name() == reference.name()).collect())
    }

    /// Lower directories for the image's overlay, the topmost first.
    #[must_use]
    pub fn lower_dirs(&self, image: &Image) -> Vec<PathBuf> {
        self.layer_dirs(&image.diff_ids)
    }

    /// Lower directories of these layers (given base first), the topmost first.
    ///
    /// A layer that occurs twice, as empty ones do, is listed once: overlay refuses a directory
    /// that it has already, and whatever the lower one would show or hide, the upper one does.
    #[must_use]
    pub fn layer_dirs(&self, layers: &[Digest]) -> Vec<PathBuf> {
        let mut seen = std::collections::BTreeSet::new();
        let topmost = layers.iter().rev().filter(|diff_id| seen.insert(*diff_id));
        topmost.map(|diff_id| self.paths.layer_files(diff_id)).collect()
    }

    /// The image's configuration, byte for byte as it was pulled or made.
    ///
    /// # Errors
    /// It cannot be read, or has changed on disk.
    pub fn config_bytes(&self, id: &Digest) -> Result<Vec<u8>> {
        self.blob(id).context(|| format!("cannot read the configuration of image {}", id.short()))
    }

    /// The image's configuration with its history.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn config(&self, id: &Digest) -> Result<config::Document> {
        config::parse(&self.config_bytes(id)?)
    }

    /// The manifest the image was pulled with, and its bytes; `None` for an image made here.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn manifest(&self, id: &Digest) -> Result<Option<(Manifest, Vec<u8>)>> {
        let refs = self.refs()?;
        let Some(digest) = refs.images.get(id).and_then(|entry| entry.manifest.clone()) else {
            return Ok(None);
        };
        let bytes = self.blob(&digest)?;
        match manifest::parse(&bytes, None)? {
            manifest::Document::Manifest(manifest) => Ok(Some((manifest, bytes))),
            manifest::Document::Index(_) => {
                Err(Error::other(format!("image {} has an index for a manifest", id.short())))
            }
        }
    }

    /// A small blob, verified.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.paths.blob(digest);
        let bytes = std::fs::read(&path).context(|| format!("cannot read blob {digest}"))?;
        match hash::sha256(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(Error::other(format!("{} is damaged", path.display()))
                .hint("remove the image and pull it again")),
        }
    }

    /// Keeps a small blob (manifest, configuration). [`Store::publish`] makes it durable.
    pub(super) fn keep_blob(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = hash::sha256(bytes);
        // One that a crash tore is written again.
        if self.blob(&digest).is_ok() {
            return Ok(digest);
        }
        let staged = self.paths.staging().join(unique("blob"));
        std::fs::write(&staged, bytes)
            .and_then(|()| std::fs::rename(&staged, self.paths.blob(&digest)))
            .context(|| format!("cannot write blob {digest}"))?;
        Ok(digest)
    }

    /// Makes an image of layers that are in the store, and gives it names.
    ///
    /// # Errors
    /// A layer is missing, or the store cannot be written.
    pub fn create(&self, document: &config::Document, names: &[Reference]) -> Result<Image> {
        self.create_of(&config::print(document), names)
    }

    /// The same for a configuration as it is written.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn create_of(&self, config: &[u8], names: &[Reference]) -> Result<Image> {
        let id = self.keep_blob(config)?;
        let refs = self.refs()?;
        // As a build that found every step in the cache: there is nothing to wait for the disk for.
        if refs.images.contains_key(&id) && names.iter().all(|name| refs.named(name) == Some(&id)) {
            return self.image(&refs, &id);
        }
        self.publish(&id, None, names)
    }

    /// Takes an image away that nobody was to see, together with these names of it. What it was
    /// made of stays until the next collection.
    ///
    /// # Errors
    /// The record cannot be written.
    pub fn withdraw(&self, id: &Digest, names: &[Reference]) -> Result<()> {
        self.change(|refs| {
            for name in names {
                refs.tags.remove(&name.to_string());
            }
            if refs.names_of(id).0.is_empty() {
                refs.images.remove(id);
                refs.digests.retain(|_, other| other != id);
            }
            Ok(())
        })
    }

    /// Makes an image visible. Its configuration and layers are in the store already.
    ///
    /// # Errors
    /// A layer is missing, or the record cannot be written.
    pub(super) fn publish(
        &self,
        id: &Digest,
        manifest: Option<Digest>,
        names: &[Reference],
    ) -> Result<Image> {
        let layers = self.config(id)?.diff_ids;
        let mut size = 0;
        for diff_id in &layers {
            let missing = || Error::other(format!("layer {} is not unpacked", diff_id.short()));
            size += self.layer(diff_id)?.ok_or_else(missing)?.size;
        }
        // On disk before a name leads there.
        if !self.settle(&layers)? {
            for digest in manifest.iter().chain([id]) {
                let synced = File::open(self.paths.blob(digest)).and_then(|file| file.sync_all());
                synced.context(|| format!("cannot write blob {digest} to disk"))?;
            }
        }
        self.change(|refs| {
            let now = Timestamp::now();
            let entry = Entry { manifest: manifest.clone(), size, tagged_at: None };
            let entry = refs.images.entry(id.clone()).or_insert(entry);
            entry.manifest = manifest.or(entry.manifest.take());
            for name in names {
                refs.point(name, id, now);
            }
            self.image(refs, id)
        })
    }

    /// The names as they are now.
    ///
    /// # Errors
    /// The record cannot be read, or was written by another version.
    pub fn refs(&self) -> Result<Refs> {
        let path = self.paths.refs();
        match state::look::<Refs>(&path) {
            Found::Record(refs) if refs.is_known() => Ok(refs),
            // Not taken for an empty store: the next change would forget every image.
            Found::Record(_) => {
                Err(Error::other(format!("{} is of another version", path.display())))
            }
            Found::Damaged(why) => {
                Err(Error::other(format!("{} is damaged: {why}", path.display()))
                    .hint("move it away, then pull the images again; layers are kept until then"))
            }
            Found::Absent => Ok(Refs::default()),
        }
    }

    /// Changes the names in one step, alone.
    fn change<T>(&self, edit: impl FnOnce(&mut Refs) -> Result<T>) -> Result<T> {
        let _alone = Lock::wait(&self.roots.lock("image-refs"))?;
        let mut refs = self.refs()?;
        let before = refs.clone();
        let result = edit(&mut refs)?;
        if refs != before {
            state::write(&self.paths.refs(), &refs, Durability::Machine)?;
        }
        Ok(result)
    }

    /// The image as the rest of the program sees it.
    fn image(&self, refs: &Refs, id: &Digest) -> Result<Image> {
        let document = self.config(id)?;
        let (tags, digests) = refs.names_of(id);
        Ok(Image {
            id: id.clone(),
            tags,
            digests,
            created_at: document.created,
            tagged_at: refs.images.get(id).and_then(|entry| entry.tagged_at),
            size: refs.images.get(id).map_or(0, |entry| entry.size),
            diff_ids: document.diff_ids,
            architecture: document.architecture,
            os: document.os,
            config: document.config,
        })
    }
}

/// A name that no other thread or process gives to anything.
fn unique(purpose: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = getrandom::u64().unwrap_or_default();
    format!("{purpose}-{}-{count}-{random:016x}", std::process::id())
}

#[cfg(test)]
pub mod tests;
