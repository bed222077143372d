//! What a service needs from others: `depends_on`, `extra_hosts`, `models`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::text::is_word;

use super::Extensions;
use super::wire;

/// What must be true of a dependency before the service that needs it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It was started, and its `post_start` hooks ended.
    #[default]
    #[serde(rename = "service_started")]
    Started,
    /// Its health check passes.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It ran to its end, with exit code 0.
    #[serde(rename = "service_completed_successfully")]
    CompletedSuccessfully,
}

impl Condition {
    /// The word in compose files and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::Started => "service_started",
            Condition::Healthy => "service_healthy",
            Condition::CompletedSuccessfully => "service_completed_successfully",
        }
    }
}

/// One service that another needs (Spec: 05-services.md#depends_on).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dependency {
    /// What to wait for.
    pub condition: Condition,
    /// Restart the service that needs it when Compose restarts or replaces the dependency.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub restart: bool,
    /// When false, a missing or failed dependency is only worth a warning.
    pub required: bool,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// A line for `/etc/hosts`, written `name=address`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostEntry {
    /// The name.
    pub name: String,
    /// An IP address, or `host-gateway`.
    pub address: String,
}

impl FromStr for HostEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<HostEntry, String> {
        let (name, address) = text
            .split_once('=')
            .or_else(|| text.split_once(':'))
            .ok_or_else(|| format!("`{text}` is not written as `name=address`"))?;
        if !is_word(name) || !is_word(address) {
            return Err(format!("`{}` is no name and address for /etc/hosts", text.escape_debug()));
        }
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        Ok(HostEntry { name: name.to_owned(), address: bare.unwrap_or(address).to_owned() })
    }
}

impl fmt::Display for HostEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.address)
    }
}

impl Serialize for HostEntry {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostEntry {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<HostEntry, D::Error> {
        wire::text::deserialize(from)
    }
}

/// How a service uses an AI model of the project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelUse {
    /// Variable that receives the address; `None`: `<NAME>_URL`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub endpoint_var: Option<String>,
    /// Variable that receives the model's id; `None`: `<NAME>_MODEL`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub model_var: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}
