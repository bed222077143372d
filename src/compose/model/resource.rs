//! Secrets, configs and AI models of the project, and how services use files of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Extensions;
use super::wire;

/// A secret of the project (Spec: 09-secrets.md). Has exactly one source, unless external.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    /// Its name: as given, or `<project>_<key>`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub name: String,
    /// Absolute path of the file that holds it.
    #[serde(skip_serializing_if = "wire::empty")]
    pub file: Option<String>,
    /// Variable of the project's environment that holds it.
    #[serde(skip_serializing_if = "wire::empty")]
    pub environment: Option<String>,
    /// The value of that variable in the environment of the included project that this comes from;
    /// `None`: the including project's counts.
    #[serde(skip)]
    pub value: Option<String>,
    /// It exists already in the engine's store.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub external: bool,
    /// Labels, without effect.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub labels: BTreeMap<String, String>,
    /// For clusters only.
    #[serde(skip_serializing_if = "wire::empty")]
    pub driver: Option<String>,
    /// For clusters only.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// For clusters only.
    #[serde(skip_serializing_if = "wire::empty")]
    pub template_driver: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// A config of the project (Spec: 08-configs.md). Has exactly one source, unless external.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Its name: as given, or `<project>_<key>`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub name: String,
    /// Absolute path of the file that holds it.
    #[serde(skip_serializing_if = "wire::empty")]
    pub file: Option<String>,
    /// Variable of the project's environment that holds it.
    #[serde(skip_serializing_if = "wire::empty")]
    pub environment: Option<String>,
    /// The value of that variable in the environment of the included project that this comes from;
    /// `None`: the including project's counts.
    #[serde(skip)]
    pub value: Option<String>,
    /// The content itself.
    #[serde(skip_serializing_if = "wire::empty")]
    pub content: Option<String>,
    /// It exists already in the engine's store.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub external: bool,
    /// Labels, without effect.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub labels: BTreeMap<String, String>,
    /// For clusters only.
    #[serde(skip_serializing_if = "wire::empty")]
    pub template_driver: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// A secret or config as a file in a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileMount {
    /// Key of the secret or config in the project.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub source: String,
    /// Where it appears. `None`: `/<source>` for configs; secrets have `/run/secrets/<source>`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub target: Option<String>,
    /// Owner, numeric; `None`: 0.
    #[serde(skip_serializing_if = "wire::empty")]
    pub uid: Option<String>,
    /// Group, numeric; `None`: 0.
    #[serde(skip_serializing_if = "wire::empty")]
    pub gid: Option<String>,
    /// Permissions; `None`: 0444.
    #[serde(with = "wire::mode", skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// An AI model of the project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Model {
    /// Its name; empty: the key.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub name: String,
    /// Reference of the model in a registry.
    pub model: String,
    /// Tokens; `None`: the model's own.
    #[serde(skip_serializing_if = "wire::empty")]
    pub context_size: Option<u64>,
    /// Flags for what runs it.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub runtime_flags: Vec<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}
