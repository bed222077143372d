//! What `info` says of a machine, in Docker's shape.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::docker::{SPOKEN, architecture};

/// What can be limited; all of it here.
const LIMITS: [&str; 8] = [
    "MemoryLimit",
    "SwapLimit",
    "CpuCfsPeriod",
    "CpuCfsQuota",
    "CPUShares",
    "CPUSet",
    "PidsLimit",
    "IPv4Forwarding",
];

/// A machine, as its kernel and its distribution describe it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `PRETTY_NAME` of os-release(5).
    pub system: String,
    /// `VERSION_ID` of os-release(5).
    pub version: String,
    /// The kernel's release, uname(2).
    pub kernel: String,
    /// The host's name.
    pub name: String,
    /// The kernel's name of the processor: `x86_64`.
    pub processor: String,
    /// How many processors this process may use.
    pub processors: usize,
    /// Bytes.
    pub memory: u64,
    /// Version of control groups: 1 or 2.
    pub cgroups: u8,
    /// Where everything lies.
    pub data: PathBuf,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug)]
pub struct Containers {
    /// Containers in any state.
    pub all: usize,
    /// Those that run, or will again by their restart policy.
    pub running: usize,
    /// Frozen ones.
    pub paused: usize,
    /// Images.
    pub images: usize,
}

/// Docker: the Info object of the Engine API, as far as it says something about this machine.
#[must_use]
pub fn shape(machine: &Machine, containers: &Containers, now: Timestamp) -> Json {
    let Containers { all, running, paused, images } = *containers;
    let mut shape = json!({
        "ID": "",
        "Containers": all,
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": all - running - paused,
        "Images": images,
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "as of the data directory"]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": null,
            "Log": ["json-file", "local", "none"],
        },
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": machine.cgroups.to_string(),
        "KernelVersion": machine.kernel,
        "OperatingSystem": machine.system,
        "OSVersion": machine.version,
        "OSType": "linux",
        "Architecture": machine.processor,
        "NCPU": machine.processors,
        "MemTotal": machine.memory,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "DockerRootDir": machine.data,
        "Name": machine.name,
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": SPOKEN,
        "Runtimes": { "compose": { "path": "compose" } },
        "DefaultRuntime": "compose",
        "Swarm": { "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive",
            "ControlAvailable": false, "Error": "", "RemoteManagers": null },
        "LiveRestoreEnabled": true,
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "Warnings": null,
        "ClientInfo": {
            "Debug": false,
            "Version": SPOKEN, "Platform": { "Name": "compose" }, "Context": "default",
            "Os": std::env::consts::OS, "Arch": architecture(), "Plugins": [], "Warnings": null,
        },
    });
    if let (Json::Object(fields), Json::Object(rest)) = (&mut shape, daemonless(now)) {
        fields.extend(rest);
    }
    for limit in LIMITS {
        shape[limit] = Json::Bool(true);
    }
    shape
}

/// What Docker tells of its daemon and its helpers: there are none here.
fn daemonless(now: Timestamp) -> Json {
    json!({
        "Debug": false,
        "SystemTime": now.to_string(),
        "NFd": 0,
        "NGoroutines": 0,
        "NEventsListener": 0,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Isolation": "",
        "InitBinary": "compose",
        "InitCommit": {"ID": ""},
        "RuncCommit": {"ID": ""},
        "ContainerdCommit": {"ID": ""},
        "GenericResources": null,
        "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
        "FirewallBackend": {"Driver": "nftables"},
    })
}
