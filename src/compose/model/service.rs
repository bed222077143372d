//! `services`: everything one service says (Spec: 05-services.md).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Bytes;

use super::wire;
use super::{
    BlkioConfig, Build, CgroupMode, CredentialSpec, Dependency, Deploy, Develop, Device,
    DeviceRequest, Extensions, FileMount, Healthcheck, Hook, HostEntry, InitHook, ModelUse,
    NamespaceMode, NetworkMode, Port, Provider, PullPolicy, Restart, ServiceNetwork, ServiceVolume,
    SwapLimit, Ulimit,
};

/// One service. Fields are in the order in which `config` prints them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its key under `services`.
    #[serde(skip)]
    pub name: String,
    /// It is on when one of these is active; empty: always.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub profiles: Vec<String>,
    /// Annotations of the container's runtime configuration.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub annotations: BTreeMap<String, String>,
    /// Whether `up` and `logs` show its output; `None`: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<bool>,
    /// How its image is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// What `watch` does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub develop: Option<Develop>,
    /// Block device limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blkio_config: Option<BlkioConfig>,
    /// Capabilities beyond the default ones, with or without `CAP_`, or `ALL`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub cap_add: Vec<String>,
    /// Capabilities taken away.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub cap_drop: Vec<String>,
    /// Parent control group.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cgroup_parent: Option<String>,
    /// Whose control group namespace; `None`: the engine's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<CgroupMode>,
    /// Number of processors (Windows).
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpu_count: Option<u64>,
    /// Share of the processors, 0 to 100 (Windows).
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpu_percent: Option<f64>,
    /// Scheduler period in microseconds.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpu_period: Option<i64>,
    /// Processor time in each period, in microseconds.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpu_quota: Option<i64>,
    /// Real-time period in microseconds.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpu_rt_period: Option<i64>,
    /// Real-time processor time in each period, in microseconds.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpu_rt_runtime: Option<i64>,
    /// Processors, with fractions; `None`: no limit.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpus: Option<f64>,
    /// Processors it may run on, as in `0-3` or `0,1`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpuset: Option<String>,
    /// Relative weight; `None`: 1024.
    #[serde(skip_serializing_if = "wire::empty")]
    pub cpu_shares: Option<i64>,
    /// Program's arguments; `None`: the image's; empty: none.
    pub command: Option<Vec<String>>,
    /// Configs as files.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub configs: Vec<FileMount>,
    /// Name of its only container; `None`: `<project>-<service>-<number>`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub container_name: Option<String>,
    /// Credentials (Windows).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_spec: Option<CredentialSpec>,
    /// Services that it needs, also those implied by links, namespaces and volumes.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub depends_on: BTreeMap<String, Dependency>,
    /// Replicas, limits, restart rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Deploy>,
    /// Rules for the device control group, as in `c 1:3 mr`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub device_cgroup_rules: Vec<String>,
    /// Host devices.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub devices: Vec<Device>,
    /// Addresses of name servers.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub dns: Vec<String>,
    /// Resolver options.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub dns_opt: Vec<String>,
    /// Search domains.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub dns_search: Vec<String>,
    /// NIS domain name.
    #[serde(skip_serializing_if = "wire::empty")]
    pub domainname: Option<String>,
    /// The program; `None`: the image's; empty: none.
    pub entrypoint: Option<Vec<String>>,
    /// A program that provides the service instead of a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Variables, those of `env_file` included. Without a value: unset, even if the image has it.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub environment: BTreeMap<String, Option<String>>,
    /// Files of variables that are not read yet; empty once they are.
    #[serde(rename = "env_file", skip_serializing_if = "wire::is_default")]
    pub env_files: Vec<EnvFile>,
    /// Ports it listens on without publishing them, as in `80`, `8000-8010/udp`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub expose: Vec<String>,
    /// Containers outside the project, `NAME[:ALIAS]`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub external_links: Vec<String>,
    /// Lines for `/etc/hosts`, in order of name.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub extra_hosts: Vec<HostEntry>,
    /// More groups, by name or number.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub group_add: Vec<String>,
    /// GPUs.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub gpus: Vec<DeviceRequest>,
    /// `None`: the container's short id.
    #[serde(skip_serializing_if = "wire::empty")]
    pub hostname: Option<String>,
    /// How its health is found out; `None`: as the image says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Reference; `None`: built, and named `<project>-<service>`, or provided.
    #[serde(skip_serializing_if = "wire::empty")]
    pub image: Option<String>,
    /// Run an init that reaps and forwards signals; `None`: the engine's default, no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Whose IPC namespace.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub ipc: Option<NamespaceMode>,
    /// Isolation technology (Windows).
    #[serde(skip_serializing_if = "wire::empty")]
    pub isolation: Option<String>,
    /// Labels of containers, those of `label_file` included.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub labels: BTreeMap<String, String>,
    /// Files of labels that are not read yet; empty once they are.
    #[serde(rename = "label_file", skip_serializing_if = "wire::is_default")]
    pub label_files: Vec<String>,
    /// `SERVICE[:ALIAS]`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub links: Vec<String>,
    /// Where output goes; `None`: the engine's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// Memory; `None`: no limit.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub mem_limit: Option<Bytes>,
    /// Soft limit.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub mem_reservation: Option<Bytes>,
    /// Memory and swap together; `None`: twice the memory.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub memswap_limit: Option<SwapLimit>,
    /// 0 to 100; `None`: the host's. Only version 1 of control groups has it.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub mem_swappiness: Option<Bytes>,
    /// Hardware address on the primary network.
    #[serde(skip_serializing_if = "wire::empty")]
    pub mac_address: Option<String>,
    /// AI models by key.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub models: BTreeMap<String, ModelUse>,
    /// Where the network comes from; `None`: `networks`.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub network_mode: Option<NetworkMode>,
    /// Networks by key.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub networks: BTreeMap<String, ServiceNetwork>,
    /// Never end a process for lack of memory.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub oom_kill_disable: bool,
    /// −1000 to 1000.
    #[serde(skip_serializing_if = "wire::empty")]
    pub oom_score_adj: Option<i64>,
    /// Whose process namespace.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub pid: Option<NamespaceMode>,
    /// Processes and threads; −1: no limit.
    #[serde(skip_serializing_if = "wire::empty")]
    pub pids_limit: Option<i64>,
    /// `os[/arch[/variant]]`; `None`: the host's.
    #[serde(skip_serializing_if = "wire::empty")]
    pub platform: Option<String>,
    /// Published ports.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub ports: Vec<Port>,
    /// All privileges and devices.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub privileged: bool,
    /// When the image is pulled; `None`: when it is missing.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    /// In the schema, without a meaning yet.
    #[serde(skip_serializing_if = "wire::empty")]
    pub pull_refresh_after: Option<String>,
    /// The root file system is read-only.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub read_only: bool,
    /// When it is started again; `None`: never. See [`Service::restart_policy`].
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Another OCI runtime.
    #[serde(skip_serializing_if = "wire::empty")]
    pub runtime: Option<String>,
    /// How many containers. See [`Service::replicas`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<u32>,
    /// Secrets as files.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub secrets: Vec<FileMount>,
    /// As in `no-new-privileges:true`, `seccomp=unconfined`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub security_opt: Vec<String>,
    /// Size of `/dev/shm`; `None`: 64 MiB.
    #[serde(with = "wire::text_option", skip_serializing_if = "wire::empty")]
    pub shm_size: Option<Bytes>,
    /// Keep standard input open.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub stdin_open: bool,
    /// From the stop signal to the kill; `None`: 10 s.
    #[serde(with = "wire::duration", skip_serializing_if = "Option::is_none")]
    pub stop_grace_period: Option<Duration>,
    /// Name with or without `SIG`, or a number; `None`: the image's, then `SIGTERM`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub stop_signal: Option<String>,
    /// Options of the storage driver.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub storage_opt: BTreeMap<String, String>,
    /// Kernel parameters.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub sysctls: BTreeMap<String, String>,
    /// `PATH[:options]`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub tmpfs: Vec<String>,
    /// Run on a terminal.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub tty: bool,
    /// Process limits by name.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Give it the engine's API socket.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub use_api_socket: bool,
    /// `name|uid[:group|gid]`; `None`: the image's.
    #[serde(skip_serializing_if = "wire::empty")]
    pub user: Option<String>,
    /// Whose user namespace.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub userns_mode: Option<NamespaceMode>,
    /// Whose host name namespace.
    #[serde(with = "wire::text_option", skip_serializing_if = "Option::is_none")]
    pub uts: Option<NamespaceMode>,
    /// Mounts.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub volumes: Vec<ServiceVolume>,
    /// `SERVICE[:ro|rw]` or `container:NAME[:ro|rw]`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub volumes_from: Vec<String>,
    /// `None`: the image's.
    #[serde(skip_serializing_if = "wire::empty")]
    pub working_dir: Option<String>,
    /// Containers that run to their end first.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub pre_start: Vec<InitHook>,
    /// Run in the container right after it started.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub post_start: Vec<Hook>,
    /// Run in the container before it is stopped.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub pre_stop: Vec<Hook>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

/// A file of variables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvFile {
    /// Absolute path.
    pub path: String,
    /// When false, a missing file is ignored.
    pub required: bool,
    /// `raw`: lines as they are, no quotes and no variables; `None`: as `.env`.
    #[serde(skip_serializing_if = "wire::empty")]
    pub format: Option<String>,
}

/// Where a container's output goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    /// `None`: the engine's default.
    #[serde(skip_serializing_if = "wire::empty")]
    pub driver: Option<String>,
    /// The driver's options.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub options: BTreeMap<String, String>,
    /// Keys that start with `x-`.
    #[serde(rename = "x-", skip_serializing_if = "wire::is_default")]
    pub extensions: Extensions,
}

impl Service {
    /// How many containers it shall have: `scale`, else `deploy.replicas`, else 1.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        let deploy = self.deploy.as_ref().and_then(|deploy| deploy.replicas);
        self.scale.or(deploy).unwrap_or(1)
    }

    /// When it is started again: `deploy.restart_policy` if set, else `restart`, else never.
    #[must_use]
    pub fn restart_policy(&self) -> Restart {
        let deploy = self.deploy.as_ref().and_then(|deploy| deploy.restart_policy.as_ref());
        let Some(policy) = deploy else { return self.restart.unwrap_or_default() };
        match policy.condition.as_deref() {
            Some("none" | "no") => Restart::No,
            Some("on-failure") => Restart::OnFailure { max_attempts: policy.max_attempts },
            Some("unless-stopped") => Restart::UnlessStopped,
            _ => Restart::Always,
        }
    }

    /// Memory limit: `deploy.resources.limits.memory`, else `mem_limit`. `None`: no limit.
    #[must_use]
    pub fn memory_limit(&self) -> Option<Bytes> {
        self.limits().and_then(|limits| limits.memory).or(self.mem_limit).filter(|it| it.0 > 0)
    }

    /// Memory reservation: `deploy.resources.reservations.memory`, else `mem_reservation`.
    #[must_use]
    pub fn memory_reservation(&self) -> Option<Bytes> {
        let resources = self.deploy.as_ref().map(|deploy| &deploy.resources);
        let reserved = resources.and_then(|resources| resources.reservations.as_ref());
        reserved.and_then(|it| it.memory).or(self.mem_reservation).filter(|it| it.0 > 0)
    }

    /// Processors: `deploy.resources.limits.cpus`, else `cpus`. `None`: no limit.
    #[must_use]
    pub fn cpu_limit(&self) -> Option<f64> {
        self.limits().and_then(|limits| limits.cpus).or(self.cpus).filter(|cpus| *cpus > 0.0)
    }

    /// Processes: `deploy.resources.limits.pids`, else `pids_limit`. `None`: no limit.
    #[must_use]
    pub fn pids(&self) -> Option<u64> {
        let limit = self.limits().and_then(|limits| limits.pids).or(self.pids_limit)?;
        u64::try_from(limit).ok().filter(|limit| *limit > 0)
    }

    fn limits(&self) -> Option<&super::DeployLimits> {
        self.deploy.as_ref()?.resources.limits.as_ref()
    }
}
