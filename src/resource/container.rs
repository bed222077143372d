//! Containers: what is wanted ([`ContainerSpec`]) and what exists ([`Container`]).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{ContainerId, Digest, PortRange, Protocol};

use super::limits::{Limits, Security};
use super::mount::Mount;
use super::network::{Dns, NetworkMode};
use super::process::{ExecSpec, HealthCheck, Process};
pub use super::sharing::{Link, Namespaces, Sharing, VolumesFrom};

/// One container as it shall be: every default applied, every name resolved, nothing left to decide.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// Unique name, as in `myproject-web-1`.
    pub name: String,
    /// The image as the user wrote it, as in `nginx:latest`.
    pub image: String,
    /// Digest of the image's configuration; decides which layers are used.
    /// `None` only before images were resolved.
    pub image_id: Option<Digest>,
    /// Labels of image and user, merged.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the OCI runtime specification.
    pub annotations: BTreeMap<String, String>,
    /// The program and how it runs.
    pub process: Process,
    /// `None`: the short id (or the host's name in the host's UTS namespace).
    pub hostname: Option<String>,
    /// NIS domain name; `None`: none.
    pub domainname: Option<String>,
    /// The root file system is read-only.
    pub read_only: bool,
    /// Everything mounted besides the runtime's own, ordered by depth of target.
    pub mounts: Vec<Mount>,
    /// Containers whose volumes and bind mounts it has too.
    pub volumes_from: Vec<VolumesFrom>,
    /// What `volumes_from` came to when the container was made; the engine fills it.
    pub inherited: Vec<Mount>,
    /// Where the container's network comes from.
    pub network: NetworkMode,
    /// Ports published on the host.
    pub ports: Vec<PublishedPort>,
    /// The exposed ports were asked to be published too; they are among `ports` by now.
    pub publish_all: bool,
    /// Ports the image or user names without publishing them; shown by `ps`.
    pub expose: Vec<ExposedPort>,
    /// Resolver settings.
    pub dns: Dns,
    /// Names that only this container resolves, to others in its networks.
    pub links: Vec<Link>,
    /// Lines for `/etc/hosts`: name, and an address or `host-gateway`.
    pub extra_hosts: Vec<(String, String)>,
    /// Resource limits.
    pub limits: Limits,
    /// Control group that the container's own is made in, as in `/batch`; `None`: `compose`.
    pub cgroup_parent: Option<String>,
    /// Privileges.
    pub security: Security,
    /// Namespaces that are not the container's own.
    pub namespaces: Namespaces,
    /// Another OCI runtime that runs it, by path or name; `None`: ours.
    pub runtime: Option<String>,
    /// Run our own init as process 1, which reaps and forwards signals.
    pub init: bool,
    /// Kernel parameters, keys with dots, as in `net.core.somaxconn`.
    pub sysctls: BTreeMap<String, String>,
    /// How the container is stopped.
    pub stop: Stop,
    /// When the container is started again by itself.
    pub restart: RestartPolicy,
    /// `None`: health is not watched.
    pub health: Option<HealthCheck>,
    /// Commands that belong to its starts and stops.
    pub hooks: Hooks,
    /// Where output goes.
    pub log: LogConfig,
    /// Remove the container and its anonymous volumes when it ends (`--rm`).
    pub auto_remove: bool,
}

impl ContainerSpec {
    /// Everything that is mounted, by depth of target: its own mounts, and those inherited from
    /// other containers, which take the place of anonymous volumes (Docker: the same order).
    #[must_use]
    pub fn all_mounts(&self) -> Vec<&Mount> {
        let inherited = |target: &str| self.inherited.iter().any(|other| other.target == target);
        let own =
            self.mounts.iter().filter(|mount| !(mount.is_anonymous() && inherited(&mount.target)));
        let mut all: Vec<&Mount> = own.chain(&self.inherited).collect();
        all.sort_by_key(|mount| (mount.target.matches('/').count(), mount.target.as_str()));
        all
    }
}

/// Commands that run in the container when it is started and stopped on somebody's request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hooks {
    /// Right after it started, one after the other.
    pub post_start: Vec<ExecSpec>,
    /// Before it is stopped, one after the other.
    pub pre_stop: Vec<ExecSpec>,
}

/// A published port range: container ports reachable through host ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedPort {
    /// Address to listen on; `None`: all IPv4 and IPv6 addresses.
    pub host_ip: Option<IpAddr>,
    /// Host ports; `None`: any free one. As many as `container` has, or, for a single
    /// container port, a range to pick the first free one from.
    pub host: Option<PortRange>,
    /// Container ports.
    pub container: PortRange,
    /// Transport protocol.
    pub protocol: Protocol,
}

/// A port the container listens on, not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExposedPort {
    /// Container ports.
    pub ports: PortRange,
    /// Transport protocol.
    pub protocol: Protocol,
}

/// One host port that is bound now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BoundPort {
    /// Address it listens on (`0.0.0.0` and `[::]` are two entries).
    pub host_ip: IpAddr,
    /// Host port.
    pub host: u16,
    /// Container port.
    pub container: u16,
    /// Transport protocol.
    pub protocol: Protocol,
}

/// How a container is asked to end, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// First signal, as in `SIGTERM`; always a known name.
    pub signal: String,
    /// The same as the user or the image has it, as in `9`, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// After this long it is killed. `None`: never.
    pub grace: Option<Duration>,
}

impl Default for Stop {
    /// `SIGTERM`, and ten seconds (Docker's defaults).
    fn default() -> Stop {
        Stop { signal: "SIGTERM".to_owned(), written: None, grace: Some(Duration::from_secs(10)) }
    }
}

/// When a container that ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Whatever its exit code, also after a reboot.
    Always,
    /// Like `Always`, but a container stopped by hand stays stopped after a reboot.
    UnlessStopped,
    /// Only after an exit code other than 0.
    OnFailure {
        /// Give up after this many restarts; 0: never.
        max_retries: u32,
    },
}

/// Where a container's output goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// `json-file`, `local`, `none`, …
    pub driver: String,
    /// The driver's options, as in `max-size`.
    pub options: BTreeMap<String, String>,
}

impl Default for LogConfig {
    /// `json-file` with no limit, as Docker.
    fn default() -> LogConfig {
        LogConfig { driver: "json-file".to_owned(), options: BTreeMap::new() }
    }
}

/// A container that exists: its record and what is known of its processes.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// What was asked for when it was created.
    pub spec: ContainerSpec,
    /// When its record was written.
    pub created_at: Timestamp,
    /// What its shim last said, or what its exit record says.
    pub status: Status,
}

/// What a container is doing. Written by its shim alone, on every change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The state shown by `ps`.
    pub state: State,
    /// Process id of the container's init on the host; `None` unless running or paused.
    pub pid: Option<i32>,
    /// When it was last started; `None`: never.
    pub started_at: Option<Timestamp>,
    /// When it last ended; `None`: never, or it runs.
    pub finished_at: Option<Timestamp>,
    /// Exit code of the last run; 128+n after signal n.
    pub exit_code: Option<i32>,
    /// It was killed for lack of memory in the last run.
    pub oom_killed: bool,
    /// Why the last start failed; empty when it did not.
    pub error: String,
    /// What was asked for and this machine cannot do, one sentence each.
    pub warnings: Vec<String>,
    /// Automatic restarts since it was last started by hand.
    pub restart_count: u32,
    /// It was stopped by hand: `unless-stopped` does not start it after a reboot.
    pub stopped_by_hand: bool,
    /// It was asked to end and killed if it does not, so that its end is only a matter of time.
    pub stopping: bool,
    /// `None` without a health check.
    pub health: Option<Health>,
    /// Its addresses, one entry for each network.
    pub endpoints: Vec<AttachedEndpoint>,
    /// Host ports it holds.
    pub ports: Vec<BoundPort>,
}

impl Default for Status {
    /// Of a container that was never started.
    fn default() -> Status {
        Status {
            state: State::Created,
            pid: None,
            started_at: None,
            finished_at: None,
            exit_code: None,
            oom_killed: false,
            error: String::new(),
            warnings: Vec::new(),
            restart_count: 0,
            stopped_by_hand: false,
            stopping: false,
            health: None,
            endpoints: Vec::new(),
            ports: Vec::new(),
        }
    }
}

impl Status {
    /// A shim is in charge, and nobody has asked it to end the container.
    #[must_use]
    pub fn stays(&self) -> bool {
        self.state.is_active() && !self.stopping
    }
}

/// State words as Docker's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Never started.
    #[default]
    Created,
    /// Its processes run.
    Running,
    /// Its processes are frozen.
    Paused,
    /// It ended and waits for its restart policy's delay.
    Restarting,
    /// It ended.
    Exited,
    /// Its processes were lost together with their shim, or its record is damaged.
    Dead,
}

impl State {
    /// The word that `ps` prints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Created => "created",
            State::Running => "running",
            State::Paused => "paused",
            State::Restarting => "restarting",
            State::Exited => "exited",
            State::Dead => "dead",
        }
    }

    /// A shim is in charge: it runs, is frozen, or will be started again.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, State::Running | State::Paused | State::Restarting)
    }
}

/// What the health check found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Failures in a row that count.
    pub failing_streak: u32,
    /// The last five probes, oldest first.
    pub log: Vec<Probe>,
}

/// Verdicts of a health check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// No verdict yet.
    #[default]
    Starting,
    /// The last probe succeeded.
    Healthy,
    /// As many probes as `retries` failed in a row.
    Unhealthy,
}

/// One run of a health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// When it was started.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Its exit code; -1 when it took too long or could not be started.
    pub exit_code: i32,
    /// The first 4096 bytes it printed.
    pub output: String,
}

/// A container's address in one network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttachedEndpoint {
    /// Name of the network.
    pub network: String,
    /// Interface name inside the container, as in `eth0`.
    pub interface: String,
    /// Address; `None` in a network without IPv4.
    pub ipv4: Option<std::net::Ipv4Addr>,
    /// Length of the IPv4 network prefix.
    pub ipv4_prefix: u8,
    /// Address; `None` in a network without IPv6.
    pub ipv6: Option<std::net::Ipv6Addr>,
    /// Length of the IPv6 network prefix.
    pub ipv6_prefix: u8,
    /// The bridge's IPv4 address.
    pub gateway_v4: Option<std::net::Ipv4Addr>,
    /// The bridge's IPv6 address.
    pub gateway_v6: Option<std::net::Ipv6Addr>,
    /// As in `02:42:ac:11:00:02`.
    pub mac: String,
    /// Every name that resolves to this endpoint.
    pub names: Vec<String>,
}
