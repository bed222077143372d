//! `deploy`: replicas, limits, restart rules and device requests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Bytes;

use super::Extensions;
use super::wire;

/// How a service is run (Spec: deploy.md). What only clusters can do is kept, without effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// `replicated` or `global`; without effect on one host.
    #[serde(skip_serializing_if = "wire::empty")]
    pub mode: Option<String>,
    /// How many containers; `None`: see [`super::Service::replicas`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Labels of the service in a cluster; not on containers.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub labels: BTreeMap<String, String>,
    /// How containers are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_config: Option<Update>,
    /// How a failed replacement is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_config: Option<Update>,
    /// Limits and reservations.
    pub resources: DeployResources,
    /// When containers are started again; overrides `restart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<DeployRestart>,
    /// Which hosts of a cluster.
    pub placement: Placement,
    /// For clusters only.
    #[serde(skip_serializing_if = "wire::empty")]
    pub endpoint_mode: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// How containers are replaced by new ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// How many at once; 0: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u64>,
    /// Between two groups.
    #[serde(with = "wire::duration", skip_serializing_if = "wire::empty")]
    pub delay: Option<Duration>,
    /// `continue`, `rollback` or `pause`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub failure_action: Option<String>,
    /// How long a new container is watched.
    #[serde(with = "wire::duration", skip_serializing_if = "wire::empty")]
    pub monitor: Option<Duration>,
    /// Share of failures that is accepted, 0 to 1.
    #[serde(skip_serializing_if = "wire::empty")]
    pub max_failure_ratio: Option<f64>,
    /// `start-first` or `stop-first`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub order: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// Limits and reservations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployResources {
    /// What a container cannot exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<DeployLimits>,
    /// What a container is promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservations: Option<DeployReservations>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// What a container cannot exceed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployLimits {
    /// Processors, with fractions.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpus: Option<f64>,
    /// Memory.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub memory: Option<Bytes>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "wire::empty")]
    pub pids: Option<i64>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// What a container is promised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployReservations {
    /// Processors; without effect on one host.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpus: Option<f64>,
    /// Memory.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub memory: Option<Bytes>,
    /// For clusters only.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub generic_resources: Vec<GenericResource>,
    /// Devices such as GPUs.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub devices: Vec<DeviceRequest>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// A countable thing of a cluster's host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenericResource {
    /// The thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discrete_resource_spec: Option<DiscreteResource>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// What, and how many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscreteResource {
    /// As in `gpu`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub kind: String,
    /// How many.
    pub value: i64,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// Devices that a driver finds, such as GPUs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    /// What they must be able to do, as in `gpu`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub capabilities: Vec<String>,
    /// As in `nvidia` or `cdi`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub driver: Option<String>,
    /// How many; set unless `device_ids` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<DeviceCount>,
    /// Which.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub device_ids: Vec<String>,
    /// The driver's options.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub options: BTreeMap<String, String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// How many devices; all of them are printed as -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceCount {
    /// Every one.
    All,
    /// So many.
    Number(u32),
}

impl Serialize for DeviceCount {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            DeviceCount::All => out.serialize_i64(-1),
            DeviceCount::Number(number) => out.serialize_u32(*number),
        }
    }
}

impl<'de> Deserialize<'de> for DeviceCount {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<DeviceCount, D::Error> {
        match String::deserialize(from)?.as_str() {
            "all" | "-1" => Ok(DeviceCount::All),
            number => number.parse().map(DeviceCount::Number).map_err(|_| {
                serde::de::Error::custom(format!("`{number}` is neither a number nor `all`"))
            }),
        }
    }
}

/// When containers are started again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployRestart {
    /// `none`, `on-failure` or `any`; `None`: `any`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub condition: Option<String>,
    /// Between two attempts; without effect.
    #[serde(with = "wire::duration", skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// Give up after so many; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// How long it must run to count as started; without effect.
    #[serde(with = "wire::duration", skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// Which hosts of a cluster; without effect on one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// Conditions a host must meet.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub constraints: Vec<String>,
    /// What is preferred among those.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub preferences: Vec<PlacementPreference>,
    /// At most so many on one host; 0: no limit.
    #[serde(skip_serializing_if = "wire::empty")]
    pub max_replicas_per_node: Option<u64>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// What is preferred among hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlacementPreference {
    /// Label whose values containers are spread over.
    #[serde(skip_serializing_if = "wire::empty")]
    pub spread: Option<String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}
