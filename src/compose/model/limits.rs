//! Resource limits and devices of one container.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::{Bytes, Error};

use super::Extensions;
use super::wire;

/// Memory and swap together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapLimit {
    /// As much swap as the host has; written `-1`.
    Unlimited,
    /// Memory and swap together; equal to the memory limit: no swap.
    Limit(Bytes),
}

impl Default for SwapLimit {
    /// Zero, which means unset.
    fn default() -> SwapLimit {
        SwapLimit::Limit(Bytes(0))
    }
}

impl FromStr for SwapLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<SwapLimit, Error> {
        match text {
            "-1" => Ok(SwapLimit::Unlimited),
            _ => text.parse().map(SwapLimit::Limit),
        }
    }
}

impl fmt::Display for SwapLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SwapLimit::Unlimited => f.write_str("-1"),
            SwapLimit::Limit(bytes) => bytes.fmt(f),
        }
    }
}

/// A process limit; -1 means unlimited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ulimit {
    /// What a process starts with.
    pub soft: i64,
    /// What it can raise it to.
    pub hard: i64,
    /// It was written as one number.
    pub single: bool,
    /// Keys that start with `x-`.
    pub extensions: Extensions,
}

#[derive(Serialize, Deserialize)]
struct UlimitFields {
    soft: i64,
    hard: i64,
    #[serde(rename = "x-", default, skip_serializing_if = "wire::is_default")]
    extensions: Extensions,
}

impl Serialize for Ulimit {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.single {
            true => out.serialize_i64(self.soft),
            false => UlimitFields {
                soft: self.soft,
                hard: self.hard,
                extensions: self.extensions.clone(),
            }
            .serialize(out),
        }
    }
}

/// In canonical form a single number is a mapping of `single` to it.
#[derive(Deserialize)]
struct UlimitCanonical {
    single: Option<i64>,
    soft: Option<i64>,
    hard: Option<i64>,
    #[serde(rename = "x-", default)]
    extensions: Extensions,
}

impl<'de> Deserialize<'de> for Ulimit {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Ulimit, D::Error> {
        let fields = UlimitCanonical::deserialize(from)?;
        let (soft, hard) = (fields.single.or(fields.soft), fields.single.or(fields.hard));
        Ok(Ulimit {
            soft: soft.unwrap_or_default(),
            hard: hard.unwrap_or_default(),
            single: fields.single.is_some(),
            extensions: fields.extensions,
        })
    }
}

/// Block device limits (Spec: 05-services.md#blkio_config).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlkioConfig {
    /// Share relative to others, 10 to 1000; `None`: 500.
    #[serde(skip_serializing_if = "wire::empty")]
    pub weight: Option<u16>,
    /// Shares per device.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub weight_device: Vec<BlkioWeight>,
    /// Bytes read a second.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub device_read_bps: Vec<BlkioRate>,
    /// Reads a second.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub device_read_iops: Vec<BlkioRate>,
    /// Bytes written a second.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub device_write_bps: Vec<BlkioRate>,
    /// Writes a second.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub device_write_iops: Vec<BlkioRate>,
}

/// The share of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlkioWeight {
    /// Device node on the host.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

/// A limit on one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlkioRate {
    /// Device node on the host.
    pub path: String,
    /// Bytes or operations a second.
    #[serde(with = "wire::text")]
    pub rate: Bytes,
}

/// A host device in the container; `source` may be a CDI name (`vendor/class=name`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Path on the host, or a CDI name.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Some of `r`, `w` and `m`.
    pub permissions: String,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// Credentials of a managed service account (Windows).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialSpec {
    /// Name of a config.
    #[serde(skip_serializing_if = "wire::empty")]
    pub config: Option<String>,
    /// Path of a file.
    #[serde(skip_serializing_if = "wire::empty")]
    pub file: Option<String>,
    /// Key in the registry.
    #[serde(skip_serializing_if = "wire::empty")]
    pub registry: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}
