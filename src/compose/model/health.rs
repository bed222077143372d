//! Health checks, hooks, and services that other programs provide.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Extensions;
use super::wire;

/// How a container's health is found out (Spec: 05-services.md#healthcheck). Unset fields are
/// those of the image, and then the engine's defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    /// Starts with `CMD`, `CMD-SHELL` or `NONE`; empty: the image's.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub test: Vec<String>,
    /// How long one probe may take; engine: 30 s.
    #[serde(with = "wire::duration", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// From the end of one probe to the start of the next; engine: 30 s.
    #[serde(with = "wire::duration", skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Failures in a row that make it unhealthy; engine: 3.
    #[serde(skip_serializing_if = "wire::empty")]
    pub retries: Option<u64>,
    /// How long failures do not count after the start; engine: 0 s.
    #[serde(with = "wire::duration", skip_serializing_if = "Option::is_none")]
    pub start_period: Option<Duration>,
    /// `interval` during `start_period`; engine: 5 s.
    #[serde(with = "wire::duration", skip_serializing_if = "Option::is_none")]
    pub start_interval: Option<Duration>,
    /// No check at all, also not the image's.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub disable: bool,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// A command run inside a service's container at a point of its life.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// Program and arguments.
    pub command: Option<Vec<String>>,
    /// Who it runs as; `None`: the container's user.
    #[serde(skip_serializing_if = "wire::empty")]
    pub user: Option<String>,
    /// Run with all privileges.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub privileged: bool,
    /// `None`: the container's.
    #[serde(skip_serializing_if = "wire::empty")]
    pub working_dir: Option<String>,
    /// More variables.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub environment: BTreeMap<String, Option<String>>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// A container that runs to its end before the service starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InitHook {
    /// Program and arguments; `None`: the image's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// `None`: the service's.
    #[serde(skip_serializing_if = "wire::empty")]
    pub image: Option<String>,
    /// `None`: the image's.
    #[serde(skip_serializing_if = "wire::empty")]
    pub user: Option<String>,
    /// Run with all privileges.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub privileged: bool,
    /// `None`: the image's.
    #[serde(skip_serializing_if = "wire::empty")]
    pub working_dir: Option<String>,
    /// More variables.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub environment: BTreeMap<String, Option<String>>,
    /// Once for each replica rather than once.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub per_replica: bool,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// A program that provides the service instead of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provider {
    /// Name of the program.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its options; several values repeat the option.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub options: BTreeMap<String, Vec<String>>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}
