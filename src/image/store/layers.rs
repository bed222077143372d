//! Unpacked layers: made aside, complete or absent, made by one process at a time.
//!
//! A layer is whole at once, but on disk for good only when somebody [settles](Store::settle) it:
//! until then its mark holds for this boot, as what the kernel keeps in memory does. So pulling an
//! image of many layers, or building one in many steps, waits for the disk once and not for each.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::base::{Context, Digest, Result};
use crate::state::roots::make_dir;
use crate::state::{self, Durability, ImageStore, Lock};

use super::{Store, unique};

/// What is known about an unpacked layer; its file marks the layer as whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Bytes of its files.
    pub size: u64,
    /// The archive it was unpacked from, as registries have it; `None`: made here without one.
    pub blob: Option<LayerBlob>,
}

/// The record as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    #[serde(flatten)]
    record: LayerRecord,
    /// The boot that the layer is whole in; `None`: it is on disk, so in any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

/// A layer's archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerBlob {
    /// Digest of the archive as stored, compressed or not.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// How registries call it.
    pub media_type: String,
}

/// A layer on its way in: a directory nobody sees, under a lock. Dropped without
/// [`Store::add_layer`], it is deleted.
#[derive(Debug)]
pub struct NewLayer {
    dir: PathBuf,
    #[expect(dead_code, reason = "held for its drop")]
    lock: Lock,
    /// The lock's file, where nobody else can wait for it: its name is random.
    own_lock: Option<PathBuf>,
}

impl NewLayer {
    /// Where its files go.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        ImageStore::files_of(&self.dir)
    }

    /// The directory its files go to, emptied of what an earlier attempt left.
    ///
    /// # Errors
    /// It cannot be emptied.
    pub fn empty_files(&self) -> Result<PathBuf> {
        let files = self.files();
        remove(&files)?;
        make_dir(&files)?;
        // What containers see as `/` when no layer has an entry for it.
        fs::set_permissions(&files, fs::Permissions::from_mode(0o755))
            .context(|| format!("cannot set the mode of {}", files.display()))?;
        Ok(files)
    }

    /// For one more file on the way, such as its archive.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Drop for NewLayer {
    fn drop(&mut self) {
        // Gone already when it was added; otherwise the next collection deletes what stays.
        let _ = fs::remove_dir_all(&self.dir);
        if let Some(path) = &self.own_lock {
            // On tmpfs: what stays is gone with the next boot.
            let _ = fs::remove_file(path);
        }
    }
}

/// What [`Store::begin_layer`] found.
#[derive(Debug)]
pub enum Begun {
    /// Somebody unpacked it already.
    Present(LayerRecord),
    /// Ours to make.
    New(NewLayer),
}

impl Store {
    /// The unpacked layer's record; `None` while it is not whole.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn layer(&self, diff_id: &Digest) -> Result<Option<LayerRecord>> {
        Ok(self.mark(diff_id)?.map(|mark| mark.record))
    }

    /// The layer's mark, if it counts: a machine that went down since may have lost files.
    fn mark(&self, diff_id: &Digest) -> Result<Option<Mark>> {
        // A damaged mark is none: the layer is fetched again.
        let mark: Option<Mark> =
            state::read(&self.paths.layer_complete(diff_id)).unwrap_or_default();
        Ok(mark.filter(|mark| mark.boot.as_deref().is_none_or(|boot| boot == this_boot())))
    }

    /// Sees that these layers, where they exist, outlive a crash of the machine. Returns whether
    /// there was anything to write: then everything else written until now is on disk as well.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn settle<'a>(&self, layers: impl IntoIterator<Item = &'a Digest>) -> Result<bool> {
        let layers: Vec<&Digest> = layers.into_iter().collect();
        if self.fresh(&layers)?.is_empty() {
            return Ok(false);
        }
        // Others may be settling the same: one writer a mark.
        let _alone = self.marking()?;
        let fresh = self.fresh(&layers)?;
        let dir = self.paths.layers();
        sync_file_system(&dir)?;
        for (diff_id, mark) in fresh {
            let mark = Mark { boot: None, ..mark };
            state::write(&self.paths.layer_complete(diff_id), &mark, Durability::Process)?;
        }
        // The marks after what they promise. There is little else to write by now.
        sync_file_system(&dir)?;
        Ok(true)
    }

    /// Those that are whole for this boot only.
    fn fresh<'a>(&self, layers: &[&'a Digest]) -> Result<Vec<(&'a Digest, Mark)>> {
        let mut fresh = Vec::new();
        for diff_id in layers {
            let mark = self.mark(diff_id)?.filter(|mark| mark.boot.is_some());
            fresh.extend(mark.map(|mark| (*diff_id, mark)));
        }
        Ok(fresh)
    }

    /// Held by whoever changes the marks of layers that others can see.
    fn marking(&self) -> Result<Lock> {
        Lock::wait(&self.roots.lock("image-marks"))
    }

    /// Notes where the archive of a layer is that is there already.
    ///
    /// # Errors
    /// The disk is full.
    pub(in crate::image) fn note_archive(&self, diff_id: &Digest, blob: &LayerBlob) -> Result<()> {
        let _alone = self.marking()?;
        let Some(mark) = self.mark(diff_id)? else { return Ok(()) };
        let record = LayerRecord { blob: Some(blob.clone()), ..mark.record };
        let mark = Mark { record, ..mark };
        state::write(&self.paths.layer_complete(diff_id), &mark, Durability::Machine)
    }

    /// Waits until nobody else makes this layer, then says whether it is still to be made.
    ///
    /// # Errors
    /// The staging directory cannot be made.
    pub fn begin_layer(&self, diff_id: &Digest) -> Result<Begun> {
        let lock = Lock::wait(&self.staging_lock(&format!("layer-{}", diff_id.hex())))?;
        match self.layer(diff_id)? {
            Some(record) => Ok(Begun::Present(record)),
            None => self.stage(&format!("layer-{}", diff_id.hex()), lock).map(Begun::New),
        }
    }

    /// Begins a layer whose diff id is not known yet; `purpose` is a word for its directory.
    ///
    /// # Errors
    /// The staging directory cannot be made.
    pub fn begin_unknown_layer(&self, purpose: &str) -> Result<NewLayer> {
        let name = unique(purpose);
        let path = self.staging_lock(&name);
        let lock = Lock::wait(&path)?;
        let mut layer = self.stage(&name, lock)?;
        layer.own_lock = Some(path);
        Ok(layer)
    }

    /// An empty directory with this name; what a crash left there goes first.
    fn stage(&self, name: &str, lock: Lock) -> Result<NewLayer> {
        let dir = self.paths.staging().join(name);
        remove(&dir)?;
        make_dir(&dir)?;
        let layer = NewLayer { dir, lock, own_lock: None };
        layer.empty_files()?;
        Ok(layer)
    }

    /// Makes the layer visible under its diff id, for this boot: see [`Store::settle`].
    ///
    /// # Errors
    /// The disk is full or gone; nothing is visible then.
    pub fn add_layer(
        &self,
        layer: &NewLayer,
        diff_id: &Digest,
        record: &LayerRecord,
    ) -> Result<()> {
        let target = self.paths.layer(diff_id);
        // A layer with unknown diff id may turn out to be one we have.
        let _other = match self.is_lock_of(layer, diff_id) {
            true => None,
            false => Some(Lock::wait(&self.staging_lock(&format!("layer-{}", diff_id.hex())))?),
        };
        if self.layer(diff_id)?.is_some() {
            return Ok(());
        }
        remove(&target)?;
        fs::rename(&layer.dir, &target)
            .context(|| format!("cannot keep layer {}", diff_id.short()))?;
        let mark = Mark { record: record.clone(), boot: Some(this_boot().to_owned()) };
        state::write(&self.paths.layer_complete(diff_id), &mark, Durability::Process)
    }

    /// Keeps a layer's archive, which lies on the store's file system, under its digest.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub(in crate::image) fn keep_layer_blob(&self, file: &Path, digest: &Digest) -> Result<()> {
        let path = self.paths.blob(digest);
        fs::rename(file, &path).context(|| format!("cannot keep blob {digest}"))
    }

    /// Where a blob is downloaded to.
    pub(in crate::image) fn partial(&self, digest: &Digest) -> PathBuf {
        self.paths.partial(digest)
    }

    /// Where a blob lies.
    pub(in crate::image) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.paths.blob(digest)
    }

    /// Whether `layer` was begun with this diff id, so that its lock is held already.
    fn is_lock_of(&self, layer: &NewLayer, diff_id: &Digest) -> bool {
        layer.dir.file_name().is_some_and(|name| *name == *format!("layer-{}", diff_id.hex()))
    }

    /// The lock of one thing in the staging directory.
    pub(in crate::image) fn staging_lock(&self, name: &str) -> PathBuf {
        self.roots.lock(&format!("image-{name}"))
    }
}

/// What the kernel calls this boot. Where it does not say, every mark counts: one that names no
/// boot and one that names the empty one.
fn this_boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    })
}

/// Writes back everything of the file system that holds `path`: one call instead of an fsync for
/// each of thousands of files.
fn sync_file_system(path: &Path) -> Result<()> {
    let dir = fs::File::open(path).context(|| format!("cannot open {}", path.display()))?;
    rustix::fs::syncfs(&dir)
        .map_err(std::io::Error::from)
        .context(|| format!("cannot write {} to disk", path.display()))
}

/// Removes a directory tree, if there is one.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
