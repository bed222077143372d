//! Resource limits and privileges of a container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Bytes;

/// Limits; `None` everywhere means: not limited, the kernel's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory.
    pub memory: Option<Bytes>,
    /// Memory plus swap; -1: unlimited swap. `None` with `memory` set: twice that (Docker).
    pub memory_swap: Option<i64>,
    /// Soft limit, reclaimed first under pressure.
    pub memory_reservation: Option<Bytes>,
    /// 0 to 100.
    pub memory_swappiness: Option<u64>,
    /// CPUs' worth of time, as in 1.5.
    pub cpus: Option<f64>,
    /// Relative weight, 2 to 262144; default 1024.
    pub cpu_shares: Option<u64>,
    /// Microseconds a period.
    pub cpu_quota: Option<i64>,
    /// Length of a period in microseconds.
    pub cpu_period: Option<u64>,
    /// Real-time microseconds a period.
    pub cpu_rt_runtime: Option<i64>,
    /// Length of a real-time period in microseconds.
    pub cpu_rt_period: Option<u64>,
    /// CPUs to run on, as in `0-2,4`.
    pub cpuset: Option<String>,
    /// Memory nodes to take memory from, as in `0,1`.
    pub cpuset_mems: Option<String>,
    /// Processes and threads; -1: unlimited. `None`: our default of 4096.
    pub pids: Option<i64>,
    /// Relative weight of block I/O, 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Limits for single devices.
    pub blkio_devices: Vec<BlkioLimit>,
    /// `ulimit` name (as in `nofile`) to its soft and hard value; -1: unlimited.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Size of `/dev/shm`; `None`: 64 MiB.
    pub shm_size: Option<Bytes>,
    /// Added to the badness for the out-of-memory killer, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// Do not kill, but stall on lack of memory (cgroup v1 only).
    pub oom_kill_disable: bool,
    /// Writable layer's largest size; `None`: unlimited.
    pub storage_size: Option<Bytes>,
}

/// A limit on one block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlkioLimit {
    /// Path of the device on the host.
    pub path: String,
    /// `weight`, `read_bps`, `write_bps`, `read_iops` or `write_iops`.
    pub what: String,
    /// Bytes or operations a second, or the weight.
    pub rate: u64,
}

/// A resource limit of `setrlimit(2)`; -1: unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// What applies.
    pub soft: i64,
    /// What it may be raised to.
    pub hard: i64,
}

/// Privileges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Security {
    /// All capabilities and devices, no seccomp filter, nothing masked.
    pub privileged: bool,
    /// Capabilities to add, upper case without `CAP_`; `ALL` for all.
    pub cap_add: Vec<String>,
    /// Capabilities to drop, likewise.
    pub cap_drop: Vec<String>,
    /// `security_opt` as written: `no-new-privileges:true`, `seccomp=FILE`, `systempaths=unconfined`, …
    /// A seccomp profile's path is replaced by `seccomp=` and its JSON text.
    pub options: Vec<String>,
    /// Host devices.
    pub devices: Vec<Device>,
    /// Devices by their CDI names, as in `vendor.com/class=name`.
    pub cdi_devices: Vec<String>,
    /// Devices that are chosen when the container starts, such as GPUs.
    pub device_requests: Vec<DeviceRequest>,
    /// Rules of the device cgroup, as in `c 1:3 mr`.
    pub device_cgroup_rules: Vec<String>,
}

/// Devices that are not named but described.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    /// As in `nvidia` or `cdi`; empty: whatever has the capabilities.
    pub driver: String,
    /// How many; `None`: all there are, unless `ids` says which.
    pub count: Option<u32>,
    /// Which.
    pub ids: Vec<String>,
    /// What they must be able to do, as in `gpu`.
    pub capabilities: Vec<String>,
}

/// A device of the host given to the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Some of `r`, `w` and `m`.
    pub permissions: String,
}
