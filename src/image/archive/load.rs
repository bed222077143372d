//! Reading archives of images into the store.

use std::fs::File;
use std::path::PathBuf;

use serde::Deserialize;

use crate::base::{Context, Digest, Result};
use crate::image::config;
use crate::image::hash::{self, Hashing};
use crate::image::import::add_layer;
use crate::image::manifest::{self, Descriptor};
use crate::image::{Platform, Reference, Store, platform};
use crate::resource::Image;

use super::parts::{Parts, invalid};
use super::{DOCKER_LIST, FULL_NAME, OCI_LIST, REF_NAME, blob_name};

/// An image that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The image.
    pub image: Image,
    /// Names it was given; may be empty.
    pub names: Vec<Reference>,
}

/// An image as the archive has it.
#[derive(Debug)]
pub(super) struct Archived {
    pub(super) config: Vec<u8>,
    /// Base first.
    pub(super) layers: Vec<Layer>,
    /// `None`: older archives have none.
    pub(super) manifest: Option<Vec<u8>>,
    pub(super) names: Vec<Reference>,
    /// What a layout calls it, often nothing but a tag.
    pub(super) marks: Vec<String>,
    /// Digest of its manifest, where there is one.
    pub(super) digest: Option<Digest>,
}

#[derive(Debug)]
pub(super) struct Layer {
    path: PathBuf,
    /// What its archive must be; `None`: only what it contains is known.
    digest: Option<Digest>,
}

/// Reads all images of an archive; of one for several platforms that for `wanted`, or this
/// machine's.
///
/// # Errors
/// It is no archive of images, or damaged. Images before the damaged one are loaded then.
pub fn load(store: &Store, parts: &Parts, wanted: Option<&Platform>) -> Result<Vec<Loaded>> {
    let _pin = store.pin()?;
    let wanted = wanted.cloned().unwrap_or_else(Platform::host);
    let indexed = match parts.document(OCI_LIST)? {
        Some(bytes) => from_oci(parts, &bytes, &wanted)?,
        None => Vec::new(),
    };
    let images = match parts.document(DOCKER_LIST)? {
        Some(bytes) => from_docker(parts, &bytes, &indexed)?,
        None => indexed,
    };
    if images.is_empty() {
        let error = invalid("this is not an archive of images");
        return Err(error.hint("`image import` makes an image of the archive of a file system"));
    }
    images.into_iter().map(|image| add(store, image)).collect()
}

/// Docker: `manifest.json`.
fn from_docker(parts: &Parts, list: &[u8], indexed: &[Archived]) -> Result<Vec<Archived>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entry {
        config: String,
        repo_tags: Option<Vec<String>>,
        layers: Vec<String>,
    }
    let entries: Vec<Entry> = serde_json::from_slice(list)
        .map_err(|error| invalid("`manifest.json` cannot be read").with_source(error))?;
    let image = |entry: &Entry| {
        parts.need(&entry.config)?;
        let config = parts.document(&entry.config)?.unwrap_or_default();
        let layers = entry.layers.iter();
        let layers = layers.map(|name| Ok(Layer { path: parts.need(name)?, digest: None }));
        let names = entry.repo_tags.iter().flatten().map(|name| name.parse());
        Ok(Archived {
            layers: layers.collect::<Result<_>>()?,
            names: names.collect::<Result<_>>()?,
            manifest: indexed
                .iter()
                .find(|it| it.config == config)
                .and_then(|it| it.manifest.clone()),
            config,
            marks: Vec::new(),
            digest: None,
        })
    };
    entries.iter().map(image).collect()
}

/// OCI: `index.json` (image-layout.md).
pub(super) fn from_oci(parts: &Parts, list: &[u8], wanted: &Platform) -> Result<Vec<Archived>> {
    let manifest::Document::Index(listed) = manifest::parse(list, None)? else {
        return Err(invalid("`index.json` is no index"));
    };
    let mut images: Vec<Archived> = Vec::new();
    for descriptor in one_for_each_name(&listed, wanted)? {
        let Some((bytes, manifest)) = manifest_of(parts, descriptor, wanted)? else { continue };
        let name = name_of(descriptor);
        let mark = descriptor.annotations.get(REF_NAME).cloned();
        // One image under two names is listed twice.
        if let Some(known) = images.iter_mut().find(|it| it.manifest.as_ref() == Some(&bytes)) {
            known.names.extend(name);
            known.marks.extend(mark);
            continue;
        }
        let layers = manifest.layers.iter().map(|layer| {
            let path = parts.need(&blob_name(&layer.digest))?;
            Ok(Layer { path, digest: Some(layer.digest.clone()) })
        });
        images.push(Archived {
            config: document(parts, &manifest.config)?,
            layers: layers.collect::<Result<_>>()?,
            manifest: Some(bytes),
            names: name.into_iter().collect(),
            marks: mark.into_iter().collect(),
            digest: Some(descriptor.digest.clone()),
        });
    }
    Ok(images)
}

/// Where manifests for several platforms have the same name, or none, the fitting one.
fn one_for_each_name<'a>(
    listed: &'a [Descriptor],
    wanted: &Platform,
) -> Result<Vec<&'a Descriptor>> {
    let mut chosen: Vec<&Descriptor> = Vec::new();
    for descriptor in listed {
        let same: Vec<Descriptor> =
            listed.iter().filter(|it| name_of(it) == name_of(descriptor)).cloned().collect();
        let several = same.len() > 1 && same.iter().all(|it| it.platform.is_some());
        let fits = match several {
            true => platform::choose(&same, wanted)?.digest == descriptor.digest,
            false => true,
        };
        if fits {
            chosen.push(descriptor);
        }
    }
    Ok(chosen)
}

/// The manifest that a descriptor leads to; `None`: it is not that of an image.
fn manifest_of(
    parts: &Parts,
    descriptor: &Descriptor,
    wanted: &Platform,
) -> Result<Option<(Vec<u8>, manifest::Manifest)>> {
    let bytes = document(parts, descriptor)?;
    match manifest::parse(&bytes, Some(&descriptor.media_type))? {
        manifest::Document::Manifest(manifest) => Ok(Some((bytes, manifest))),
        manifest::Document::Index(listed) => {
            let bytes = document(parts, platform::choose(&listed, wanted)?)?;
            match manifest::parse(&bytes, None)? {
                manifest::Document::Manifest(manifest) => Ok(Some((bytes, manifest))),
                manifest::Document::Index(_) => Ok(None),
            }
        }
    }
}

/// A verified small blob of the layout.
fn document(parts: &Parts, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let name = blob_name(&descriptor.digest);
    parts.need(&name)?;
    let bytes = parts.document(&name)?.unwrap_or_default();
    match hash::sha256(&bytes) == descriptor.digest {
        true => Ok(bytes),
        false => Err(invalid(&format!("the archive is damaged: `{name}` is not what it says"))),
    }
}

/// The image's name, if what stands there is one and not only a tag.
fn name_of(descriptor: &Descriptor) -> Option<Reference> {
    let full = descriptor.annotations.get(FULL_NAME);
    let short = descriptor.annotations.get(REF_NAME).filter(|name| name.contains([':', '/']));
    let name: Reference = full.or(short)?.parse().ok()?;
    name.digest().is_none().then(|| name.or_latest())
}

pub(super) fn add(store: &Store, archived: Archived) -> Result<Loaded> {
    let document = config::parse(&archived.config)?;
    add_layers(store, &archived, &document.diff_ids)?;
    let id = store.keep_blob(&archived.config)?;
    // A manifest is worth keeping only with the blobs that it lists.
    let manifest = archived.manifest.filter(|bytes| match manifest::parse(bytes, None) {
        Ok(manifest::Document::Manifest(manifest)) => {
            manifest.layers.iter().all(|layer| store.blob_path(&layer.digest).exists())
        }
        _ => false,
    });
    let manifest = manifest.map(|bytes| store.keep_blob(&bytes)).transpose()?;
    let image = store.publish(&id, manifest, &archived.names)?;
    let id = image.id.to_string();
    store.announce("load", &id, &image.tags.first().cloned().unwrap_or_else(|| id.clone()));
    Ok(Loaded { image, names: archived.names })
}

/// Adds those of its layers that are `wanted` and not in the store.
pub(super) fn add_layers(store: &Store, archived: &Archived, wanted: &[Digest]) -> Result<()> {
    let (layers, document) = (&archived.layers, config::parse(&archived.config)?);
    if layers.len() != document.diff_ids.len() {
        let message = format!(
            "the archive has {} layers, the configuration {}",
            layers.len(),
            document.diff_ids.len()
        );
        return Err(invalid(&message));
    }
    for (layer, diff_id) in layers.iter().zip(&document.diff_ids) {
        if !wanted.contains(diff_id) || store.layer(diff_id)?.is_some() {
            continue;
        }
        let failed = || "cannot read a layer of the archive".to_owned();
        let mut source = Hashing::new(File::open(&layer.path).context(failed)?);
        let (found, _) = add_layer(store, &mut source)?;
        let (_, digest, _) = source.finish();
        let is_right = layer.digest.as_ref().is_none_or(|promised| *promised == digest);
        if !is_right || found != *diff_id {
            let message = format!("the archive is damaged: layer {} is wrong", diff_id.short());
            return Err(invalid(&message));
        }
    }
    Ok(())
}
