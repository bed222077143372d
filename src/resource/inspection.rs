//! All that is known of one container, or of one image.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value as Json};

use super::{Container, Image, Network};

/// A container with everything around it that `inspect` shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Its record and status.
    pub container: Container,
    /// Networks it is to be attached to, by name; those that are gone are missing.
    pub networks: BTreeMap<String, Network>,
    /// Where the content of each of its volumes lies, by the volume's name.
    pub volumes: BTreeMap<String, PathBuf>,
    /// Its generated files.
    pub files: GeneratedFiles,
    /// What its root file system is made of.
    pub layers: LayerDirs,
    /// AppArmor profile of its last start; empty: there was none.
    pub profile: String,
    /// Paths that nothing in it can see into.
    pub masked: Vec<String>,
    /// Paths that nothing in it can write to.
    pub read_only: Vec<String>,
    /// Ids of the commands that run in it besides its own.
    pub commands: Vec<String>,
    /// Bytes on disk, when they were asked for.
    pub size: Option<DiskUse>,
}

/// Files that are made for a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneratedFiles {
    /// Mounted on `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Mounted on `/etc/hostname`.
    pub hostname: PathBuf,
    /// Mounted on `/etc/hosts`.
    pub hosts: PathBuf,
    /// What it printed.
    pub log: PathBuf,
}

/// Directories that overlay puts on top of each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerDirs {
    /// Of the image, topmost first.
    pub lowers: Vec<PathBuf>,
    /// The writable one.
    pub upper: PathBuf,
    /// Overlay's own.
    pub work: PathBuf,
}

/// What a container takes on disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Its writable layer.
    pub writable: u64,
    /// That and its image.
    pub total: u64,
}

/// An image with everything that `inspect` shows.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageInspection {
    /// Its names, sizes and layers.
    pub image: Image,
    /// Its configuration as it was pulled or built, keys that we do not know included.
    pub document: Map<String, Json>,
    /// What we understand of the configuration's `config`, in Docker's shape.
    pub config: Json,
    /// Directories of its layers, topmost first.
    pub layers: Vec<PathBuf>,
}
