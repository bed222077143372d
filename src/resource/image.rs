//! Images: what the store has, and what a configuration says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::Digest;

use super::container::ExposedPort;

/// An image in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Digest of its configuration: the image's id.
    pub id: Digest,
    /// Names that point to it, in their short form, as in `nginx:latest`.
    pub tags: Vec<String>,
    /// Names with manifest digests, as in `nginx@sha256:…`.
    pub digests: Vec<String>,
    /// When it was built; `None`: it does not say.
    pub created_at: Option<Timestamp>,
    /// When a name was last given to it here, as by a pull; `None`: that is not known.
    pub tagged_at: Option<Timestamp>,
    /// Bytes of all layers, unpacked.
    pub size: u64,
    /// Digests of the uncompressed layers, base first.
    pub diff_ids: Vec<Digest>,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `linux`, …
    pub os: String,
    /// What runs in it, and how.
    pub config: ImageConfig,
}

/// What an image says about containers made from it (OCI: config.md, and Docker's additions).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// `uid|name[:gid|group]`; empty: root.
    pub user: String,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// First words of the command line.
    pub entrypoint: Vec<String>,
    /// Last words of the command line.
    pub cmd: Vec<String>,
    /// Empty: `/`.
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Ports it listens on.
    pub exposed_ports: Vec<ExposedPort>,
    /// Paths that get an anonymous volume.
    pub volumes: Vec<String>,
    /// `None`: `SIGTERM`. A name or a number, as the image says.
    pub stop_signal: Option<String>,
    /// `None`: no health check.
    pub health: Option<ImageHealth>,
    /// Shell of the shell forms; empty: `/bin/sh -c`.
    pub shell: Vec<String>,
    /// Instructions for those who build from it (Docker: ONBUILD).
    pub on_build: Vec<String>,
    /// Windows' mark, which Docker's builder sets everywhere with `CMD`.
    pub args_escaped: bool,
}

/// A health check as images record it (Docker: HEALTHCHECK). Zero durations mean the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageHealth {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`.
    pub test: Vec<String>,
    /// Nanoseconds between probes.
    pub interval: u64,
    /// Nanoseconds a probe may take.
    pub timeout: u64,
    /// Nanoseconds in which failures do not count.
    pub start_period: u64,
    /// Nanoseconds between probes in the start period.
    pub start_interval: u64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
}
