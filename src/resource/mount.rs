//! What is mounted into a container.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::Bytes;

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
    },
    /// A named or anonymous volume.
    Volume {
        /// Its name; anonymous ones have 64 hexadecimal digits.
        name: String,
        /// Removed together with the container when that is asked for.
        anonymous: bool,
        /// Do not fill an empty volume from the image.
        no_copy: bool,
        /// A directory inside the volume; `None`: its root.
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
