//! `build`: how a service's image is made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Bytes;

use super::wire;
use super::{Extensions, FileMount, HostEntry, Ulimit};

/// How an image is built (Spec: build.md).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// Absolute directory, or a URL, `service:NAME`, `docker-image://…`, `oci-layout://…`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub context: String,
    /// Path relative to `context`. `Dockerfile` unless `dockerfile_inline` is set.
    #[serde(skip_serializing_if = "wire::empty")]
    pub dockerfile: Option<String>,
    /// The text of the Dockerfile itself.
    #[serde(skip_serializing_if = "wire::empty")]
    pub dockerfile_inline: Option<String>,
    /// Extra privileges for build steps: `network.host`, `security.insecure`, `device`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub entitlements: Vec<String>,
    /// Build arguments; without a value: not set anywhere.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub args: BTreeMap<String, Option<String>>,
    /// Attestation of how it was built: `true`, `false` or options.
    #[serde(skip_serializing_if = "wire::empty")]
    pub provenance: Option<String>,
    /// List of contents as attestation: `true`, `false` or options.
    #[serde(skip_serializing_if = "wire::empty")]
    pub sbom: Option<String>,
    /// SSH agents and keys by id, with an absolute path where one was given.
    #[serde(serialize_with = "wire::pairs_as_list", skip_serializing_if = "wire::is_default")]
    pub ssh: BTreeMap<String, Option<String>>,
    /// Labels of the image.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub labels: BTreeMap<String, String>,
    /// Where cached steps may come from.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub cache_from: Vec<String>,
    /// Where cached steps are written to.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub cache_to: Vec<String>,
    /// Build every step anew.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub no_cache: bool,
    /// Stages that are built anew.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub no_cache_filter: Vec<String>,
    /// Named contexts: an absolute path, URL, `docker-image://…` or `service:NAME`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub additional_contexts: BTreeMap<String, String>,
    /// Pull base images even if they are there.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub pull: bool,
    /// Lines for `/etc/hosts` of build steps.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub extra_hosts: Vec<HostEntry>,
    /// Isolation technology (Windows).
    #[serde(skip_serializing_if = "wire::empty")]
    pub isolation: Option<String>,
    /// Network of build steps: `default`, `none`, `host` or a network's name.
    #[serde(skip_serializing_if = "wire::empty")]
    pub network: Option<String>,
    /// The stage to build; `None`: the last.
    #[serde(skip_serializing_if = "wire::empty")]
    pub target: Option<String>,
    /// Secrets that `RUN --mount=type=secret` can read.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub secrets: Vec<FileMount>,
    /// Size of `/dev/shm` of build steps.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub shm_size: Option<Bytes>,
    /// More names for the image.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub tags: Vec<String>,
    /// Process limits of build steps.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Platforms to build for.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub platforms: Vec<String>,
    /// Build steps run with all privileges.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub privileged: bool,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}
