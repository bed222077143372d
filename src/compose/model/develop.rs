//! `develop`: what `watch` does when files change.

use serde::{Deserialize, Serialize};

use super::wire;
use super::{Extensions, Hook};

/// Rules for development (Spec: develop.md).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Develop {
    /// Rules, each for one path.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub watch: Vec<Watch>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// What happens when something below a path changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Absolute path of a file or directory.
    pub path: String,
    /// What happens.
    pub action: WatchAction,
    /// Path in the container that `path` is copied to.
    #[serde(default, skip_serializing_if = "wire::empty")]
    pub target: Option<String>,
    /// Run by [`WatchAction::SyncExec`].
    #[serde(default, skip_serializing_if = "wire::empty")]
    pub exec: Option<Hook>,
    /// Only files that match one of these.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub include: Vec<String>,
    /// Not files that match one of these, relative to `path`.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub ignore: Vec<String>,
    /// Copy everything when watching starts.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub initial_sync: bool,
    /// Keys that start with `x-`.
    #[serde(default, rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// What happens when a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchAction {
    /// Build the image and replace the container.
    Rebuild,
    /// Copy the file.
    Sync,
    /// Restart the container.
    Restart,
    /// Copy the file, then restart.
    #[serde(rename = "sync+restart")]
    SyncRestart,
    /// Copy the file, then run a command.
    #[serde(rename = "sync+exec")]
    SyncExec,
}
