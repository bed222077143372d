//! Named volumes, and what services mount.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Bytes;

use super::Extensions;
use super::wire;

/// A named volume of the project (Spec: 07-volumes.md).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// Its real name: as given, or `<project>_<key>`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub name: String,
    /// `None`: `local`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub driver: Option<String>,
    /// The driver's options; `local` knows `type`, `o` and `device`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// It exists already, and is neither created nor removed.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub external: bool,
    /// Labels.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub labels: BTreeMap<String, String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// What is mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A named volume, or an anonymous one when there is no source.
    #[default]
    Volume,
    /// A path of the host.
    Bind,
    /// Memory.
    Tmpfs,
    /// An image's files.
    Image,
    /// A Windows pipe.
    Npipe,
    /// A volume of a cluster.
    Cluster,
}

/// One mount of a service (Spec: 05-services.md#volumes).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceVolume {
    /// What is mounted.
    #[serde(rename = "type")]
    pub kind: MountKind,
    /// Key of a volume in the project, absolute path, or image; `None`: anonymous.
    #[serde(skip_serializing_if = "wire::empty")]
    pub source: Option<String>,
    /// Absolute path in the container.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub target: String,
    /// Mounted read-only.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub read_only: bool,
    /// A hint for other systems, without effect.
    #[serde(skip_serializing_if = "wire::empty")]
    pub consistency: Option<String>,
    /// Options for a path of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind: Option<BindOptions>,
    /// Options for a volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeOptions>,
    /// Options for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs: Option<TmpfsOptions>,
    /// Options for an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageOptions>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// Options for a path of the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BindOptions {
    /// SELinux label: `z` shared, `Z` private.
    #[serde(skip_serializing_if = "wire::empty")]
    pub selinux: Option<String>,
    /// `[r]shared`, `[r]slave` or `[r]private`; `None`: `rprivate`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub propagation: Option<String>,
    /// Make a missing directory on the host. `None` in a file means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_host_path: Option<bool>,
    /// What happens to mounts below the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive: Option<Recursive>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// What happens to mounts below a bind mount's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recursive {
    /// They come along; read-only too if the kernel can. What an unset value means.
    Enabled,
    /// They stay out.
    Disabled,
    /// They come along and stay writable.
    Writable,
    /// They come along and must be read-only.
    Readonly,
}

/// Options for a volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeOptions {
    /// Labels of an anonymous volume.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub labels: BTreeMap<String, String>,
    /// An empty volume is not filled with what the image has at the target.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub nocopy: bool,
    /// Only this directory of the volume.
    #[serde(skip_serializing_if = "wire::empty")]
    pub subpath: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// Options for memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TmpfsOptions {
    /// `None`: half of the host's memory.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub size: Option<Bytes>,
    /// Permissions; `None`: 1777.
    #[serde(skip_serializing_if = "wire::empty")]
    pub mode: Option<u32>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// Options for an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageOptions {
    /// Only this directory of the image.
    #[serde(skip_serializing_if = "wire::empty")]
    pub subpath: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}
