//! Writing images of the store into an archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::base::{Context, Digest, Error, Result};
use crate::image::manifest::media;
use crate::image::push::manifest_for;
use crate::image::{Reference, Store, hash};
use crate::resource::Image;

use super::{DOCKER_LIST, FULL_NAME, OCI_LIST, OCI_MARK, REF_NAME, blob_name};

/// An image to save, and the names that go with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The image.
    pub image: Image,
    /// Its names; may be empty.
    pub names: Vec<Reference>,
}

/// What `texts` mean: a name, a repository with all its tags here, or an id, which goes without a
/// name (Docker: the same).
///
/// # Errors
/// There is no such image.
pub fn choose(store: &Store, texts: &[String]) -> Result<Vec<Chosen>> {
    let mut chosen: Vec<Chosen> = Vec::new();
    let mut add = |image: Image, name: Option<Reference>| {
        let at = chosen.iter().position(|it| it.image.id == image.id).unwrap_or_else(|| {
            chosen.push(Chosen { image, names: Vec::new() });
            chosen.len() - 1
        });
        let names = &mut chosen[at].names;
        names.extend(name.filter(|name| !names.contains(name)));
    };
    for text in texts {
        let reference = text.parse::<Reference>().ok().filter(|name| name.digest().is_none());
        let names = match reference {
            Some(name) if name.tag().is_some() => vec![name],
            Some(name) => store.tags_of(&name)?,
            None => Vec::new(),
        };
        let mut found = false;
        for name in names {
            if let Some(image) = store.named(&name)? {
                found = true;
                add(image, Some(name));
            }
        }
        if !found {
            add(store.get(text)?, None);
        }
    }
    Ok(chosen)
}

/// Writes `images` as one archive. The same images make the same archive, byte for byte.
///
/// # Errors
/// A layer's archive is not in the store, or `output` cannot be written to.
pub fn save<W: Write>(store: &Store, images: &[Chosen], output: W) -> Result<()> {
    let mut archive = tar::Builder::new(output);
    write(store, images, &mut archive)?;
    archive.into_inner().and_then(|mut output| output.flush()).map_err(cannot_write)
}

/// Writes `images` as an OCI layout into a directory, which is made when it is missing.
///
/// # Errors
/// As [`save`].
pub fn save_directory(store: &Store, images: &[Chosen], directory: &Path) -> Result<()> {
    write(store, images, &mut directory.to_owned())
}

fn write(store: &Store, images: &[Chosen], place: &mut dyn Place) -> Result<()> {
    let _pin = store.pin()?;
    let mut writer = Writer { place, written: BTreeSet::new() };
    let (mut listed, mut docker) = (Vec::new(), Vec::new());
    for Chosen { image, .. } in images {
        let id = image.id.to_string();
        store.announce("save", &id, &image.tags.first().cloned().unwrap_or_else(|| id.clone()));
    }
    for Chosen { image, names } in images {
        let (manifest, bytes, media_type) = manifest_for(store, image)?;
        let digest = hash::sha256(&bytes);
        for layer in &manifest.layers {
            writer.blob(store, &layer.digest)?;
        }
        writer.blob(store, &manifest.config.digest)?;
        writer.bytes(&blob_name(&digest), &bytes)?;
        let mut descriptor = json!({
            "mediaType": media_type,
            "digest": digest,
            "size": bytes.len(),
            "platform": {"architecture": image.architecture, "os": image.os},
        });
        if names.is_empty() {
            listed.push(descriptor.clone());
        }
        for name in names {
            descriptor["annotations"] =
                json!({FULL_NAME: name.to_string(), REF_NAME: name.tag().unwrap_or_default()});
            listed.push(descriptor.clone());
        }
        let tags: Vec<String> = names.iter().map(Reference::familiar).collect();
        let layers = manifest.layers.iter().map(|layer| blob_name(&layer.digest));
        docker.push(json!({
            "Config": blob_name(&manifest.config.digest),
            "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
            "Layers": layers.collect::<Vec<_>>(),
        }));
    }
    let index = json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": listed});
    writer.bytes(OCI_LIST, index.to_string().as_bytes())?;
    writer.bytes(DOCKER_LIST, json!(docker).to_string().as_bytes())?;
    writer.bytes(OCI_MARK, json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes())
}

/// Where files go.
trait Place {
    fn put(&mut self, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()>;
}

impl<W: Write> Place for tar::Builder<W> {
    fn put(&mut self, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        self.append_data(&mut header, name, content)
    }
}

impl Place for PathBuf {
    /// Whole or absent: a reader may be at work.
    fn put(&mut self, name: &str, _: u64, content: &mut dyn Read) -> io::Result<()> {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(self))?;
        let part = path.with_extension(format!("part{}", std::process::id()));
        let written = File::create(&part)
            .and_then(|mut file| io::copy(content, &mut file))
            .and_then(|_| std::fs::rename(&part, &path));
        written.inspect_err(|_| drop(std::fs::remove_file(&part)))
    }
}

struct Writer<'a> {
    place: &'a mut dyn Place,
    written: BTreeSet<String>,
}

impl Writer<'_> {
    /// A blob of the store, once.
    fn blob(&mut self, store: &Store, digest: &Digest) -> Result<()> {
        let failed = || format!("cannot read blob {digest}");
        let file = File::open(store.blob_path(digest)).context(failed)?;
        let size = file.metadata().context(failed)?.len();
        self.entry(&blob_name(digest), size, file)
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.entry(name, bytes.len() as u64, bytes)
    }

    fn entry(&mut self, name: &str, size: u64, mut content: impl Read) -> Result<()> {
        if !self.written.insert(name.to_owned()) {
            return Ok(());
        }
        self.place.put(name, size, &mut content).map_err(cannot_write)
    }
}

/// The cause stays: a closed pipe is no failure to report.
fn cannot_write(error: io::Error) -> Error {
    Error::other("cannot write the archive").with_source(error)
}
