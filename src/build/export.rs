//! A built image's files, outside of the store: as a directory or as an archive.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use crate::base::{Context, Result};
use crate::image::{Store, pack};
use crate::resource::Image;
use crate::runtime::root::Root;
use crate::state::roots::make_dir;

use super::copy::{Marks, Target};
use super::ignore::Ignore;
use super::layer;
use super::tree::Tree;

/// Copies an image's files into a directory, which is made when it is missing. They belong to
/// whoever runs this (Docker: the same).
///
/// # Errors
/// A file is in the way of a directory, or the disk is full.
pub fn to_directory(store: &Store, image: &Image, path: &Path) -> Result<()> {
    let _pin = store.pin()?;
    if !path.exists() {
        make_dir(path)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode)
            .context(|| format!("cannot set the mode of {}", path.display()))?;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, path, flags, Mode::empty())
        .map_err(std::io::Error::from)
        .context(|| format!("cannot open {}", path.display()))?;
    let tree = Tree::of_image(layer::view(store, &image.diff_ids)?, "the image");
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let marks = Marks { owner: Some(own), mode: None };
    for source in tree.sources("/")? {
        let items = tree.items(&source, Path::new(""), &Ignore::default())?;
        Target {
            root: &Root::new(root.try_clone().context(|| "cannot write".to_owned())?),
            marks: &marks,
            unpacked: false,
        }
        .copy(&tree, &items, Path::new("/"))?;
    }
    Ok(())
}

/// Writes an image's files as one tar archive.
///
/// # Errors
/// A file cannot be read, or `output` cannot be written to.
pub fn to_archive(store: &Store, image: &Image, output: impl Write) -> Result<()> {
    let _pin = store.pin()?;
    let view = layer::view(store, &image.diff_ids)?;
    // `/.` so that the last part is a directory and no link.
    let path = PathBuf::from(format!("/proc/self/fd/{}/.", view.as_raw_fd()));
    pack::pack(&path, output).map(drop)
}
