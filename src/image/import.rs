//! An image from the archive of a root file system.
//!
//! The archive streams through once: it is hashed, unpacked and, unless it is compressed already,
//! compressed at the same time, so that the layer can be pushed and saved later as any other.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use jiff::Timestamp;

use crate::base::{Context, Result};
use crate::resource::{Image, ImageConfig};

use super::config::{self, Document, History};
use super::gzip::Gzip;
use super::hash::Hashing;
use super::store::{LayerBlob, LayerRecord};
use super::unpack::{Compression, Limits, unpack};
use super::{Platform, Reference, Store, change};

/// What an imported image says.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Changes in Dockerfile words, in order: `CMD ["nginx"]`.
    pub changes: Vec<String>,
    /// A remark for the history; empty: none.
    pub message: String,
    /// `None`: this machine's.
    pub platform: Option<Platform>,
    /// `None`: now. Set it for images that come out the same each time.
    pub created: Option<Timestamp>,
}

/// Makes an image of one layer from an archive, compressed or not, and names it.
///
/// # Errors
/// A change cannot be read; the archive is damaged or hostile; the disk is full. Nothing is
/// visible then.
pub fn import<R: Read + Send>(
    store: &Store,
    source: R,
    name: Option<&Reference>,
    options: &ImportOptions,
) -> Result<Image> {
    let mut config = ImageConfig::default();
    for text in &options.changes {
        change::apply(&mut config, text)?;
    }
    let _pin = store.pin()?;
    let (diff_id, _) = add_layer(store, source)?;
    let created = options.created.unwrap_or_else(Timestamp::now);
    let platform = options.platform.clone().unwrap_or_else(Platform::host);
    let message = match options.message.as_str() {
        "" => "Imported from -".to_owned(),
        message => message.to_owned(),
    };
    let step = History { created: Some(created), comment: message, ..History::default() };
    let document = Document {
        author: String::new(),
        architecture: platform.architecture,
        os: platform.os,
        variant: platform.variant,
        created: Some(created),
        diff_ids: vec![diff_id],
        history: vec![step],
        config,
    };
    let id = store.keep_blob(&config::print(&document))?;
    let image = store.publish(&id, None, name.map(std::slice::from_ref).unwrap_or_default())?;
    store.announce("import", &id.to_string(), &name.map(Reference::familiar).unwrap_or_default());
    Ok(image)
}

/// Unpacks an archive as a layer of the store and keeps it compressed.
///
/// # Errors
/// As [`import`].
pub fn add_layer<R: Read + Send>(
    store: &Store,
    source: R,
) -> Result<(crate::base::Digest, LayerRecord)> {
    let layer = store.begin_unknown_layer("import")?;
    let (archive, files) = (layer.beside("archive"), layer.files());
    let limits = Limits::for_disk(&files);
    let mut recorder = Recorder::new(source, &archive)?;
    // Archives compressed as layers may be are kept as they are; the compressor then gets nothing.
    let mut gzip = Gzip::new(Hashing::new(create(&layer.beside("archive.gz"))?))
        .context(|| "cannot start a thread".to_owned())?;
    let plain = !recorder.keeps_archive()?;
    let unpacked = unpack(&mut recorder, &files, &limits, |piece| match plain {
        true => gzip.write_all(piece),
        false => Ok(()),
    })?;
    let (kept, digest, size, compression) = match plain {
        true => {
            let hashing = gzip.finish().context(|| "cannot write the layer".to_owned())?;
            let (_, digest, size) = hashing.finish();
            (layer.beside("archive.gz"), digest, size, Compression::Gzip)
        }
        false => {
            let (digest, size) = recorder.finish();
            (archive.clone(), digest, size, unpacked.compression)
        }
    };
    let media_type = compression.media_type().unwrap_or_default().to_owned();
    let blob = LayerBlob { digest, size, media_type };
    store.keep_layer_blob(&kept, &blob.digest)?;
    for left in [archive, layer.beside("archive.gz")] {
        if left.exists() {
            std::fs::remove_file(&left).context(|| format!("cannot remove {}", left.display()))?;
        }
    }
    let record = LayerRecord { size: unpacked.size, blob: Some(blob) };
    store.add_layer(&layer, &unpacked.diff_id, &record)?;
    Ok((unpacked.diff_id, record))
}

fn create(path: &Path) -> Result<File> {
    File::create(path).context(|| format!("cannot create {}", path.display()))
}

/// Passes an archive on, and writes it to a file if it is compressed already.
struct Recorder<R> {
    /// The first bytes, until they were passed on.
    start: io::Cursor<Vec<u8>>,
    source: R,
    file: Hashing<File>,
    records: bool,
}

impl<R: Read> Recorder<R> {
    fn new(source: R, path: &Path) -> Result<Recorder<R>> {
        let file = Hashing::new(create(path)?);
        Ok(Recorder { start: io::Cursor::default(), source, file, records: true })
    }

    /// Looks at the first bytes: is the archive compressed as layers may be? Then it is recorded.
    fn keeps_archive(&mut self) -> Result<bool> {
        let mut start = Vec::new();
        let read = self.source.by_ref().take(6).read_to_end(&mut start);
        read.context(|| "cannot read the archive".to_owned())?;
        let compression = Compression::of(&start);
        self.start = io::Cursor::new(start);
        self.records = compression != Compression::Plain && compression.media_type().is_some();
        Ok(self.records)
    }

    fn finish(self) -> (crate::base::Digest, u64) {
        let (_, digest, size) = self.file.finish();
        (digest, size)
    }
}

impl<R: Read> Read for Recorder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.start.read(buffer)? {
            0 => self.source.read(buffer)?,
            count => count,
        };
        if self.records {
            self.file.write_all(&buffer[..count])?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::store::tests::world;

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(2);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        builder.append_data(&mut header, "bin/sh", &b"sh"[..]).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn an_archive_becomes_an_image() {
        let world = world();
        let options = ImportOptions {
            changes: vec!["CMD [\"sh\"]".to_owned(), "ENV A=b".to_owned()],
            ..ImportOptions::default()
        };
        let name = "base:1".parse().unwrap();
        let image = import(&world.store, &archive()[..], Some(&name), &options).unwrap();
        assert_eq!((image.tags.as_slice(), image.size), (&["base:1".to_owned()][..], 2));
        assert_eq!(
            (image.config.cmd.as_slice(), image.config.env.as_slice()),
            (&["sh".to_owned()][..], &["A=b".to_owned()][..])
        );
        let files = &world.store.lower_dirs(&image)[0];
        assert_eq!(std::fs::read_to_string(files.join("bin/sh")).unwrap(), "sh");
        assert_eq!(std::fs::read_dir(files.parent().unwrap()).unwrap().count(), 2, "fs and mark");
    }

    #[test]
    fn a_compressed_archive_is_kept_as_it_is_and_has_the_same_layer() {
        let world = world();
        let zstd = zstd::encode_all(&archive()[..], 1).unwrap();
        let options = ImportOptions { created: Some(Timestamp::UNIX_EPOCH), ..Default::default() };
        let plain = import(&world.store, &archive()[..], None, &options).unwrap();
        let compressed = import(&world.store, &zstd[..], None, &options).unwrap();
        assert_eq!(plain.id, compressed.id);

        let other = crate::image::store::tests::world();
        let image = import(&other.store, &zstd[..], None, &options).unwrap();
        let record = other.store.layer(&image.diff_ids[0]).unwrap().unwrap();
        let blob = record.blob.unwrap();
        assert_eq!(other.store.blob(&blob.digest).unwrap(), zstd);
        assert!(blob.media_type.ends_with("zstd"));
    }

    #[test]
    fn a_failed_import_leaves_nothing() {
        let world = world();
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        builder.append_link(&mut header, "link", "missing").unwrap();
        let mut behind = builder.into_inner().unwrap();
        behind.resize(20 << 20, 0);
        let options = ImportOptions::default();
        assert!(import(&world.store, &archive()[..700], None, &options).is_err());
        assert!(import(&world.store, &behind[..], None, &options).is_err());
        assert_eq!(world.staged(), 0);
        assert_eq!(world.store.list().unwrap(), []);
    }
}
