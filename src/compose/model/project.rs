//! The project: everything its compose files say, together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::compose::Document;
use crate::diag::Span;

use super::wire;
use super::{Config, Extensions, Model, Network, Secret, Service, Volume};

/// A loaded project. Serialises to what `config --format json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Project {
    /// Its name: lower-case letters, digits, `-` and `_`; never empty.
    pub name: String,
    /// The project directory, absolute: what relative paths are relative to.
    #[serde(skip)]
    pub working_dir: PathBuf,
    /// Absolute paths of the compose files, in order; `-` for standard input.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
    /// Files given by `--env-file`, absolute.
    #[serde(skip)]
    pub env_files: Vec<PathBuf>,
    /// The project's environment: the process's, `.env`, and `COMPOSE_PROJECT_NAME`.
    #[serde(skip)]
    pub environment: BTreeMap<String, String>,
    /// Profiles that are active.
    #[serde(skip)]
    pub profiles: Vec<String>,
    /// Services that are on.
    pub services: BTreeMap<String, Service>,
    /// Services whose profiles are not active.
    #[serde(skip)]
    pub disabled: BTreeMap<String, Service>,
    /// AI models.
    #[serde(skip)]
    pub models: BTreeMap<String, Model>,
    /// Networks by key, `default` included if a service uses it.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub networks: BTreeMap<String, Network>,
    /// Volumes by key.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub volumes: BTreeMap<String, Volume>,
    /// Secrets by key.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub secrets: BTreeMap<String, Secret>,
    /// Configs by key.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub configs: BTreeMap<String, Config>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
    /// The tree the project was read from, which knows where everything was written.
    #[serde(skip)]
    pub document: Document,
}

impl Project {
    /// Where the value at `path` was written, as in `["services", "web", "image"]`.
    ///
    /// When nothing is written there (a default), the place of the nearest value around it.
    /// `None` only when nothing on the way was written in a file.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Option<Span> {
        self.document.place(path)
    }
}
