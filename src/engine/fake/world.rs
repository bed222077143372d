//! What exists in the fake engine, and how it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;

use crate::base::{ContainerId, Error, Kind, Result};
use crate::engine::{LogRecord, RemoveOptions};
use crate::resource::container::{
    AttachedEndpoint, BoundPort, ContainerSpec, Health, HealthStatus, RestartPolicy, Sharing,
    State, Status,
};
use crate::resource::event::{Event, EventKind};
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;
use crate::resource::{Container, Image, Network, NetworkSpec, Observed, Volume, VolumeSpec};

/// The state behind the fake engine.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) observed: Observed,
    pub(super) calls: Vec<String>,
    /// Calls that fail.
    pub(super) broken: BTreeSet<String>,
    pub(super) registry: BTreeMap<String, Image>,
    /// What containers printed, by name.
    pub(super) logs: BTreeMap<String, Vec<LogRecord>>,
    pub(super) exec_exit_code: i32,
    /// Content of files, by container and absolute path.
    pub(super) files: BTreeMap<(String, String), Vec<u8>>,
    /// Whose namespaces a container is in: the other's name and the process that made them.
    pub(super) joined: BTreeMap<ContainerId, (String, Option<i32>)>,
    /// What happened to containers.
    pub(super) events: Vec<Event>,
    /// Counts ids, seconds, addresses and ports.
    count: u32,
}

impl World {
    /// Ids go on after those that exist.
    pub(super) fn of(observed: Observed) -> World {
        let count = u32::try_from(observed.containers.len()).unwrap_or(0) * 1000;
        World { observed, count, ..World::default() }
    }

    pub(super) fn place(&self, id: &ContainerId) -> Option<usize> {
        self.observed.containers.iter().position(|container| container.id == *id)
    }

    pub(super) fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// One second later each time.
    pub(super) fn now(&mut self) -> Timestamp {
        Timestamp::from_second(i64::from(self.next())).unwrap_or_default()
    }

    pub(super) fn create_network(&mut self, spec: &NetworkSpec) -> Result<Network> {
        if self.observed.networks.contains_key(&spec.name) {
            return Err(conflict(format!("network {} exists already", spec.name)));
        }
        let number = self.next();
        let network = Network {
            id: format!("{number:064x}"),
            spec: spec.clone(),
            bridge: format!("fake{number}"),
            created_at: self.now(),
        };
        self.observed.networks.insert(spec.name.clone(), network.clone());
        Ok(network)
    }

    pub(super) fn remove_networks(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            let user = self.observed.containers.iter().find(|it| uses_network(&it.spec, name));
            if let Some(user) = user {
                let user = &user.spec.name;
                return Err(conflict(format!("network {name} is in use by container {user}")));
            }
        }
        self.observed.networks.retain(|name, _| !names.contains(name));
        Ok(())
    }

    pub(super) fn create_volume(&mut self, spec: &VolumeSpec) -> Volume {
        let created_at = self.now();
        let new = || Volume { spec: spec.clone(), created_at };
        self.observed.volumes.entry(spec.name.clone()).or_insert_with(new).clone()
    }

    pub(super) fn remove_volume(&mut self, name: &str) -> Result<()> {
        let uses = |container: &&Container| volumes(&container.spec).any(|(used, _)| used == name);
        if let Some(user) = self.observed.containers.iter().find(uses) {
            let user = &user.spec.name;
            return Err(conflict(format!("volume {name} is in use by container {user}")));
        }
        self.observed.volumes.remove(name);
        Ok(())
    }

    pub(super) fn create_container(&mut self, spec: &ContainerSpec) -> Result<ContainerId> {
        if self.observed.containers.iter().any(|it| it.spec.name == spec.name) {
            return Err(conflict(format!("container name {} is taken", spec.name)));
        }
        for (name, anonymous) in volumes(spec) {
            if !self.observed.volumes.contains_key(name) {
                let spec = VolumeSpec { name: name.to_owned(), anonymous, ..VolumeSpec::default() };
                self.create_volume(&spec);
            }
        }
        let number = self.next();
        // The number comes first, so that short ids differ.
        let id: ContainerId = format!("c{number:011x}{:052x}", 0).parse()?;
        let (created_at, status) = (self.now(), Status::default());
        let spec = self.with_inherited(spec);
        let container = Container { id: id.clone(), spec, created_at, status };
        self.observed.containers.push(container);
        self.tell(self.observed.containers.len() - 1, "create");
        Ok(id)
    }

    pub(super) fn start(&mut self, index: usize) -> Result<Status> {
        if self.observed.containers[index].status.state.is_active() {
            return Ok(self.observed.containers[index].status.clone());
        }
        let spec = self.observed.containers[index].spec.clone();
        self.check_surroundings(&spec)?;
        let started_at = Some(self.now());
        let status = Status {
            state: State::Running,
            pid: Some(i32::try_from(self.next()).unwrap_or(1)),
            started_at,
            health: spec.health.as_ref().map(|health| played_health(&health.argv)),
            endpoints: self.endpoints(&spec),
            ports: self.ports(&spec),
            ..Status::default()
        };
        self.observed.containers[index].status = status;
        self.join(index);
        self.tell(index, "start");
        match spec.process.argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["true"] => self.end(index, 0, false),
            ["false"] => self.end(index, 1, false),
            _ => {}
        }
        Ok(self.observed.containers[index].status.clone())
    }

    /// Something happened to a container.
    pub(super) fn tell(&mut self, index: usize, action: &str) {
        let time = self.now();
        let container = &self.observed.containers[index];
        let event = Event::now(EventKind::Container, action, container.id.as_str());
        self.events.push(Event { time, ..event.about(&container.spec) });
    }

    pub(super) fn told(&mut self, index: usize, action: &str) -> Result<()> {
        self.tell(index, action);
        Ok(())
    }

    /// What exists, with those whose namespaces were left by their owners.
    pub(super) fn snapshot(&self) -> Observed {
        let mut observed = self.observed.clone();
        for (id, (owner, pid)) in &self.joined {
            let running = |it: &&Container| it.status.state.is_active();
            let owner =
                observed.containers.iter().filter(running).find(|it| it.spec.name == *owner);
            let own = observed.containers.iter().filter(running).find(|it| it.id == *id);
            if let (Some(_), Some(owner)) = (own, owner)
                && owner.status.pid != *pid
            {
                let name = owner.spec.name.clone();
                observed.left_behind.insert(id.clone(), name);
            }
        }
        observed
    }

    fn join(&mut self, index: usize) {
        let container = &self.observed.containers[index];
        let id = container.id.clone();
        let owner = container.spec.namespace_owners().next().map(|(name, _)| name.to_owned());
        self.joined.remove(&id);
        if let Some(owner) = owner {
            let found = self.observed.containers.iter().find(|it| it.spec.name == owner);
            let pid = found.and_then(|it| it.status.pid);
            self.joined.insert(id, (owner, pid));
        }
    }

    fn with_inherited(&self, spec: &ContainerSpec) -> ContainerSpec {
        let of = |name: &str| self.observed.containers.iter().find(|it| it.spec.name == name);
        let sources = spec.volumes_from.iter();
        let sources = sources.filter_map(|from| Some((from, &of(&from.container)?.spec)));
        ContainerSpec { inherited: spec.inherit(sources), ..spec.clone() }
    }

    /// Networks must exist, and containers whose namespaces are used must run.
    fn check_surroundings(&self, spec: &ContainerSpec) -> Result<()> {
        let missing = |what: String| Err(Error::new(Kind::NotFound, what));
        let parent = |name: &String| {
            let runs = |it: &Container| it.spec.name == *name && it.status.state.is_active();
            self.observed.containers.iter().any(runs)
        };
        match &spec.network {
            NetworkMode::Networks(endpoints) => {
                for endpoint in endpoints {
                    if !self.observed.networks.contains_key(&endpoint.network) {
                        return missing(format!("network {} does not exist", endpoint.network));
                    }
                }
            }
            NetworkMode::Container(name) if !parent(name) => {
                return missing(format!("container {name} does not run"));
            }
            NetworkMode::Container(_) | NetworkMode::None | NetworkMode::Host => {}
        }
        for sharing in [&spec.namespaces.pid, &spec.namespaces.ipc] {
            match sharing {
                Sharing::Container(name) if !parent(name) => {
                    return missing(format!("container {name} does not run"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn endpoints(&mut self, spec: &ContainerSpec) -> Vec<AttachedEndpoint> {
        let NetworkMode::Networks(endpoints) = &spec.network else { return Vec::new() };
        let attach = |(index, endpoint): (usize, &crate::resource::Endpoint)| {
            let [_, _, high, low] = self.next().to_be_bytes();
            AttachedEndpoint {
                network: endpoint.network.clone(),
                interface: format!("eth{index}"),
                ipv4: Some(endpoint.ipv4.unwrap_or(Ipv4Addr::new(10, 0, high, low))),
                ipv4_prefix: 16,
                names: [&endpoint.aliases[..], std::slice::from_ref(&spec.name)].concat(),
                ..AttachedEndpoint::default()
            }
        };
        endpoints.iter().enumerate().map(attach).collect()
    }

    fn ports(&mut self, spec: &ContainerSpec) -> Vec<BoundPort> {
        let mut bound = Vec::new();
        for port in &spec.ports {
            for (index, container) in (0..).zip(port.container.ports()) {
                let free = 49152 + (self.next() % 16384) as u16;
                let host = port.host.map_or(free, |range| range.first + index);
                let host_ip = port.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                bound.push(BoundPort { host_ip, host, container, protocol: port.protocol });
            }
        }
        bound
    }

    /// A container's program ends. One that does not run stays as it is.
    pub(super) fn end(&mut self, index: usize, code: i32, by_hand: bool) {
        let finished_at = Some(self.now());
        let status = &mut self.observed.containers[index].status;
        if !status.state.is_active() {
            return;
        }
        let (started_at, restart_count) = (status.started_at, status.restart_count);
        *status = Status {
            state: State::Exited,
            started_at,
            finished_at,
            exit_code: Some(code),
            restart_count,
            stopped_by_hand: by_hand,
            ..Status::default()
        };
        self.tell(index, "die");
    }

    /// Signals end a program, but for those that are only news to it. A restart policy that asks
    /// for it starts it again at once.
    pub(super) fn kill(&mut self, index: usize, signal: &str) {
        let code = match signal {
            "SIGKILL" => 137,
            "SIGTERM" => 143,
            "SIGINT" => 130,
            "SIGQUIT" => 131,
            _ => return,
        };
        let restarts = self.observed.containers[index].spec.restart != RestartPolicy::No;
        let status = &mut self.observed.containers[index].status;
        match restarts && status.state.is_active() {
            true => status.restart_count += 1,
            false => self.end(index, code, false),
        }
    }

    pub(super) fn pause(&mut self, index: usize, paused: bool) -> Result<()> {
        let (from, to) = match paused {
            true => (State::Running, State::Paused),
            false => (State::Paused, State::Running),
        };
        let container = &mut self.observed.containers[index];
        if container.status.state != from {
            let (name, from) = (&container.spec.name, from.as_str());
            return Err(conflict(format!("container {name} is not {from}")));
        }
        container.status.state = to;
        self.tell(index, if paused { "pause" } else { "unpause" });
        Ok(())
    }

    pub(super) fn remove_container(&mut self, index: usize, options: RemoveOptions) -> Result<()> {
        let container = &self.observed.containers[index];
        if container.status.state.is_active() && !options.force {
            return Err(conflict(format!("container {} runs", container.spec.name)));
        }
        self.tell(index, "destroy");
        let gone = self.observed.containers.remove(index);
        if options.volumes {
            for (name, _) in volumes(&gone.spec).filter(|(_, anonymous)| *anonymous) {
                let others = &self.observed.containers;
                if !others.iter().any(|it| volumes(&it.spec).any(|(used, _)| used == name)) {
                    self.observed.volumes.remove(name);
                }
            }
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, index: usize, name: &str) -> Result<()> {
        if self.observed.containers.iter().any(|it| it.spec.name == name) {
            return Err(conflict(format!("container name {name} is taken")));
        }
        name.clone_into(&mut self.observed.containers[index].spec.name);
        Ok(())
    }

    pub(super) fn must_run(&self, index: usize) -> Result<()> {
        let container = &self.observed.containers[index];
        match container.status.state {
            State::Running => Ok(()),
            _ => Err(conflict(format!("container {} is not running", container.spec.name))),
        }
    }
}

fn conflict(message: String) -> Error {
    Error::new(Kind::Conflict, message)
}

fn uses_network(spec: &ContainerSpec, name: &str) -> bool {
    matches!(&spec.network, NetworkMode::Networks(all) if all.iter().any(|it| it.network == name))
}

/// Names of the volumes a container uses, and whether they are anonymous.
fn volumes(spec: &ContainerSpec) -> impl Iterator<Item = (&str, bool)> {
    spec.all_mounts().into_iter().filter_map(|mount| match &mount.source {
        MountSource::Volume { name, anonymous, .. } => Some((name.as_str(), *anonymous)),
        _ => None,
    })
}

fn played_health(argv: &[String]) -> Health {
    let failing = argv.last().is_some_and(|last| last == "false");
    let status = if failing { HealthStatus::Unhealthy } else { HealthStatus::Healthy };
    Health { status, failing_streak: u32::from(failing) * 3, log: Vec::new() }
}
