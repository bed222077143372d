//! Where the image store keeps things.

use std::path::{Path, PathBuf};

use crate::base::Digest;

/// The image store's paths.
#[derive(Clone, Debug)]
pub struct ImageStore {
    pub(super) root: PathBuf,
}

impl ImageStore {
    /// A blob as the registry has it: manifest, configuration or compressed layer.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join("sha256").join(digest.hex())
    }

    /// A partly downloaded blob, resumed by the next pull.
    #[must_use]
    pub fn partial(&self, digest: &Digest) -> PathBuf {
        self.root.join("partial").join(digest.hex())
    }

    /// Directory of all blobs.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs").join("sha256")
    }

    /// Directory of partly downloaded blobs.
    #[must_use]
    pub fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    /// Directory of things being made, on the file system of what they become by rename.
    #[must_use]
    pub fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    /// Directory of unpacked layers.
    #[must_use]
    pub fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    /// An unpacked layer, by the digest of its uncompressed archive.
    #[must_use]
    pub fn layer(&self, diff_id: &Digest) -> PathBuf {
        self.root.join("layers").join(diff_id.hex())
    }

    /// The files of an unpacked layer: a lower directory of overlays.
    #[must_use]
    pub fn layer_files(&self, diff_id: &Digest) -> PathBuf {
        ImageStore::files_of(&self.layer(diff_id))
    }

    /// The files of a layer that lies, or will lie, in `layer`.
    #[must_use]
    pub fn files_of(layer: &Path) -> PathBuf {
        layer.join("fs")
    }

    /// Marks a layer that is whole; a layer without it is garbage.
    #[must_use]
    pub fn layer_complete(&self, diff_id: &Digest) -> PathBuf {
        self.layer(diff_id).join("complete.json")
    }

    /// Says whether a layer has files that give privileges; missing: nobody has looked yet.
    #[must_use]
    pub fn layer_privileges(&self, diff_id: &Digest) -> PathBuf {
        self.layer(diff_id).join("privileges.json")
    }

    /// Directory of what build steps made, by the key of the step.
    #[must_use]
    pub fn build_records(&self) -> PathBuf {
        self.root.join("build").join("steps")
    }

    /// What the build step with this key made.
    #[must_use]
    pub fn build_record(&self, key: &Digest) -> PathBuf {
        self.root.join("build").join("steps").join(key.hex())
    }

    /// Directory of the cache directories of build steps.
    #[must_use]
    pub fn build_caches(&self) -> PathBuf {
        self.root.join("build").join("caches")
    }

    /// A directory that outlives builds, by the digest of its name.
    #[must_use]
    pub fn build_cache(&self, name: &Digest) -> PathBuf {
        self.root.join("build").join("caches").join(name.hex())
    }

    /// Names and what they point to.
    #[must_use]
    pub fn refs(&self) -> PathBuf {
        self.root.join("refs.json")
    }

    /// Directory of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}
