//! What is mounted into a container.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::{Bytes, Digest};

/// One mount the user asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path inside the container, not `/`, without `..`.
    pub target: String,
    /// Recursively read-only.
    pub read_only: bool,
    /// What is mounted there.
    pub source: MountSource,
}

/// Where a mount's content comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MountSource {
    /// A file or directory of the host.
    Bind {
        /// Absolute path on the host.
        path: PathBuf,
        /// Make a directory there when nothing exists.
        create: bool,
        /// How mounts propagate; `None`: `rprivate`.
        #[serde(default)]
        propagation: Option<String>,
        /// What happens to mounts below the path.
        #[serde(default)]
        submounts: Submounts,
        /// `z` or `Z` where it was asked for (Docker: a label for SELinux). It is shown only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selinux: Option<String>,
    },
    /// A named or anonymous volume.
    Volume {
        /// Its name; anonymous ones have 64 hexadecimal digits.
        name: String,
        /// Removed together with the container when that is asked for.
        anonymous: bool,
        /// Do not fill an empty volume from the image.
        no_copy: bool,
        /// A directory or file inside the volume, which must exist; `None`: its root.
        #[serde(default)]
        subpath: Option<String>,
        /// Labels of a volume that is made for this mount.
        #[serde(default)]
        labels: BTreeMap<String, String>,
    },
    /// An image's files, read-only.
    Image {
        /// The image, as the user wrote it.
        image: String,
        /// Its id; `None`: whatever the name means at the next start.
        #[serde(default)]
        id: Option<Digest>,
        /// A directory or file inside the image; `None`: its root.
        #[serde(default)]
        subpath: Option<String>,
    },
    /// An empty file system in memory.
    Tmpfs {
        /// Largest size; `None`: half of the memory.
        size: Option<Bytes>,
        /// Permission bits; `None`: 0o1777.
        mode: Option<u32>,
        /// Further options as `mount(8)` takes them, such as `exec` or `uid=1000`.
        #[serde(default)]
        options: Vec<String>,
    },
    /// A file of the host or of the local store, read at each start, with this owner and mode
    /// (secrets and configs). A directory of the host is mounted as it is.
    Copy {
        /// Where the content is.
        origin: Origin,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Permission bits.
        mode: u32,
    },
    /// A file with this content, owner and mode (secrets and configs).
    Content {
        /// The file's bytes.
        data: Vec<u8>,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Permission bits.
        mode: u32,
    },
}

/// Where the content of a secret or config is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A file of the host, by its absolute path.
    File(PathBuf),
    /// A secret of the local store, by its name.
    Secret(String),
    /// A config of the local store, by its name.
    Config(String),
}

/// What happens to mounts below a bind mount's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Submounts {
    /// They come along, and are read-only where the mount is.
    #[default]
    Enabled,
    /// They stay out.
    Disabled,
    /// They come along and stay writable.
    Writable,
    /// They come along and must be read-only.
    Readonly,
}

impl Mount {
    /// A volume without a name of its own.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        matches!(self.source, MountSource::Volume { anonymous: true, .. })
    }
}
