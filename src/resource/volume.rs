//! Volumes: directories that outlive containers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A volume as it shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeSpec {
    /// Unique name, as in `myproject_data`.
    pub name: String,
    /// `local`; empty means it too.
    pub driver: String,
    /// The driver's options: `type`, `o`, `device`.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Made for one container, without a name of its own.
    pub anonymous: bool,
}

/// A volume that exists: its record on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// What was asked for.
    pub spec: VolumeSpec,
    /// When the record was written.
    pub created_at: Timestamp,
}
