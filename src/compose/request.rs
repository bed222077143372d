//! The front door: what a caller asks for, and what it gets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::diag::{Diagnostics, Sources};

use super::environment::Environment;
use super::{Document, Project};

/// What to load, and from where.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// The current directory, absolute.
    pub working_dir: PathBuf,
    /// The process's environment.
    pub environment: BTreeMap<String, String>,
    /// Compose files in order (`-f`), `-` for standard input. Empty: `COMPOSE_FILE`, else a search
    /// in the current directory and those above it.
    pub files: Vec<PathBuf>,
    /// Base of relative paths (`--project-directory`); `None`: the first file's directory.
    pub project_directory: Option<PathBuf>,
    /// The project's name (`-p`); `None`: `COMPOSE_PROJECT_NAME`, `name:`, the directory's name.
    pub project_name: Option<String>,
    /// Files of variables (`--env-file`); empty: `COMPOSE_ENV_FILES`, else `.env`.
    pub env_files: Vec<PathBuf>,
    /// Active profiles (`--profile`); empty: `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// Services whose files of variables are read and which are checked, with all that they need.
    /// Empty: all that are on.
    pub services: Vec<String>,
    /// Warnings are errors (`--strict`).
    pub strict: bool,
    /// Which passes run.
    pub options: LoadOptions,
}

/// Passes that `config` can leave out. All run by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// Replace variables.
    pub interpolate: bool,
    /// Add implied networks, dependencies and names.
    pub normalize: bool,
    /// Make relative paths absolute.
    pub resolve_paths: bool,
    /// Read `env_file` and `label_file` into the model.
    pub resolve_environment: bool,
    /// Check rules across services and resources.
    pub check_consistency: bool,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions {
            interpolate: true,
            normalize: true,
            resolve_paths: true,
            resolve_environment: true,
            check_consistency: true,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The project; `None` when there are errors, and where variables were not replaced: then
    /// nothing has a type, and there is only the document.
    pub project: Option<Project>,
    /// The merged tree, in canonical form, even where there is no project.
    pub document: Document,
    /// The project's environment, and where each variable was set.
    pub environment: Environment,
    /// Everything that was found, in the order of the text.
    pub diagnostics: Diagnostics,
    /// Every text that was read: what the diagnostics point into.
    pub sources: Sources,
}
