//! A step's layer: an overlay over the layers below, whose upper directory becomes the new one.

use std::cell::OnceCell;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps};

use crate::base::{Context, Digest, Result};
use crate::image::Store;
use crate::image::pack;
use crate::image::store::{LayerRecord, NewLayer};
use crate::runtime::Rootfs;
use crate::runtime::root::Root;
use crate::runtime::rootfs;
use crate::state::roots::make_dir;

/// A layer that is being made.
#[derive(Debug)]
pub struct Draft {
    layer: NewLayer,
    lowers: Vec<PathBuf>,
}

impl Draft {
    /// An empty layer over `below` (base first).
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn begin(store: &Store, below: &[Digest]) -> Result<Draft> {
        let layer = store.begin_unknown_layer("build")?;
        make_dir(&layer.beside("work"))?;
        Ok(Draft { layer, lowers: store.layer_dirs(below) })
    }

    /// The root file system with the layer on top, as containers get it.
    #[must_use]
    pub fn rootfs(&self) -> Rootfs {
        let upper = self.layer.files();
        match self.lowers.is_empty() {
            true => Rootfs::Directory { path: upper },
            false => Rootfs::Overlay {
                lowers: self.lowers.clone(),
                upper: Some(upper),
                work: Some(self.layer.beside("work")),
                volatile: true,
            },
        }
    }

    /// The same, mounted here: what is written to it is in the layer.
    ///
    /// # Errors
    /// The kernel refuses the overlay.
    pub fn mount(&self) -> Result<Root> {
        rootfs::make(&self.rootfs()).map(Root::new)
    }

    /// For files of the step that do not belong to the layer; goes with the draft.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn scratch(&self, name: &str) -> Result<PathBuf> {
        let dir = self.layer.beside("scratch").join(name);
        make_dir(&dir)?;
        Ok(dir)
    }

    /// Where the layer's own files are.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.layer.files()
    }

    /// Keeps the layer. With `epoch`, nothing in it is younger.
    ///
    /// # Errors
    /// The disk is full, or a file cannot be read.
    pub fn finish(self, store: &Store, epoch: Option<i64>) -> Result<Digest> {
        for aside in ["work", "scratch"] {
            let path = self.layer.beside(aside);
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        let files = self.layer.files();
        if let Some(epoch) = epoch {
            clamp(&files, epoch).context(|| format!("cannot set times in {}", files.display()))?;
        }
        let packed = pack::digest(&files)?;
        let record = LayerRecord { size: packed.size, blob: None };
        store.add_layer(&self.layer, &packed.diff_id, &record)?;
        Ok(packed.diff_id)
    }
}

/// A draft that is begun when it is first needed: steps from the cache need none.
pub struct Lazy<'a> {
    store: &'a Store,
    below: &'a [Digest],
    draft: OnceCell<Draft>,
}

impl<'a> Lazy<'a> {
    /// For a layer over `below`.
    #[must_use]
    pub fn new(store: &'a Store, below: &'a [Digest]) -> Lazy<'a> {
        Lazy { store, below, draft: OnceCell::new() }
    }

    /// The draft.
    ///
    /// # Errors
    /// As [`Draft::begin`].
    pub fn get(&self) -> Result<&Draft> {
        if let Some(draft) = self.draft.get() {
            return Ok(draft);
        }
        let draft = Draft::begin(self.store, self.below)?;
        Ok(self.draft.get_or_init(|| draft))
    }

    /// The draft, to be finished.
    ///
    /// # Errors
    /// As [`Draft::begin`].
    pub fn take(self) -> Result<Draft> {
        match self.draft.into_inner() {
            Some(draft) => Ok(draft),
            None => Draft::begin(self.store, self.below),
        }
    }
}

/// The files of some layers, read-only; an empty directory for none.
///
/// # Errors
/// The kernel refuses the overlay.
pub fn view(store: &Store, layers: &[Digest]) -> Result<OwnedFd> {
    let lowers = store.layer_dirs(layers);
    if lowers.is_empty() {
        let empty = crate::sys::mount::FileSystem::new("tmpfs").and_then(|it| it.mount(0));
        return empty.context(|| "cannot make an empty file system".to_owned());
    }
    rootfs::make(&Rootfs::Overlay { lowers, upper: None, work: None, volatile: false })
}

/// Makes everything in a directory at most as young as `epoch`.
fn clamp(path: &Path, epoch: i64) -> io::Result<()> {
    let stat = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        drop(rustix::fs::open(path, flags, Mode::empty())?);
        for entry in fs::read_dir(path)? {
            clamp(&entry?.path(), epoch)?;
        }
    }
    if stat.st_mtime > epoch || stat.st_mtime == epoch && stat.st_mtime_nsec > 0 {
        let time = Timespec { tv_sec: epoch, tv_nsec: 0 };
        let both = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(CWD, path, &both, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}
