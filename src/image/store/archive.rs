//! A layer's archive, made when somebody wants it: built layers have none until they are pushed or
//! saved.

use std::fs::File;

use crate::base::{Context, Digest, Error, Result};
use crate::image::gzip::Gzip;
use crate::image::hash::Hashing;
use crate::image::manifest::media;
use crate::image::pack;
use crate::state::Lock;

use super::{LayerBlob, Store};

impl Store {
    /// The archive of a layer, packed now if the store does not have it.
    ///
    /// # Errors
    /// There is no such layer; it came from an archive that is gone and cannot be made again; the
    /// disk is full.
    pub(in crate::image) fn layer_archive(&self, diff_id: &Digest) -> Result<LayerBlob> {
        if let Some(blob) = self.kept_archive(diff_id)? {
            return Ok(blob);
        }
        // Somebody else may be packing it.
        let _lock = Lock::wait(&self.staging_lock(&format!("pack-{}", diff_id.hex())))?;
        match self.kept_archive(diff_id)? {
            Some(blob) => Ok(blob),
            None => self.pack(diff_id),
        }
    }

    fn kept_archive(&self, diff_id: &Digest) -> Result<Option<LayerBlob>> {
        let missing = || Error::other(format!("layer {} is not in the store", diff_id.short()));
        let record = self.layer(diff_id)?.ok_or_else(missing)?;
        Ok(record.blob.filter(|blob| self.blob_path(&blob.digest).exists()))
    }

    fn pack(&self, diff_id: &Digest) -> Result<LayerBlob> {
        let staging = self.begin_unknown_layer("pack")?;
        let path = staging.beside("archive.gz");
        let describe = || format!("cannot write {}", path.display());
        let file = File::create(&path).context(describe)?;
        let mut gzip = Gzip::new(Hashing::new(file)).context(describe)?;
        let dir = self.layer_dirs(std::slice::from_ref(diff_id)).remove(0);
        let packed = pack::pack(&dir, &mut gzip)?;
        let (_, digest, size) = gzip.finish().context(describe)?.finish();
        if packed.diff_id != *diff_id {
            // It was packed by somebody else, in another order.
            let message = format!("the archive of layer {} is not in the store", diff_id.short());
            return Err(Error::other(message).hint("pull or import the image again"));
        }
        self.keep_layer_blob(&path, &digest)?;
        let media_type = media::OCI_LAYER_GZIP.to_owned();
        let blob = LayerBlob { digest, size, media_type };
        self.note_archive(diff_id, &blob)?;
        Ok(blob)
    }
}
