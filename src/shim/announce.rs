//! What those who follow events are told about a container.

use crate::base::{ContainerId, Error, Result};
use crate::network;
use crate::resource::ContainerSpec;
use crate::resource::container::{HealthStatus, State, Status};
use crate::resource::event::{Event, EventKind};
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;
use crate::state::{self, ContainerDir, Roots, journal};

/// Tells of one container.
#[derive(Debug)]
pub(super) struct Announcer {
    id: ContainerId,
    dir: ContainerDir,
    roots: Roots,
    spec: ContainerSpec,
    /// What was told last.
    told: Status,
    /// Lack of memory in this run was told already.
    starved: bool,
    /// It was asked to stop: its end is told as such, too.
    stopping: bool,
}

impl Announcer {
    /// Of a container that is about to start.
    pub(super) fn new(
        id: &ContainerId,
        dir: &ContainerDir,
        roots: &Roots,
        spec: &ContainerSpec,
    ) -> Announcer {
        Announcer {
            id: id.clone(),
            dir: dir.clone(),
            roots: roots.clone(),
            spec: spec.clone(),
            told: Status::default(),
            starved: false,
            stopping: false,
        }
    }

    /// Something happened.
    pub(super) fn tell(&mut self, action: &str, attributes: &[(&str, String)]) {
        // It may have got another name since.
        if let Ok(Some(spec)) = state::read::<ContainerSpec>(&self.dir.spec()) {
            self.spec.name = spec.name;
        }
        let event = Event::now(EventKind::Container, action, self.id.as_str()).about(&self.spec);
        let add = |event: Event, (key, value): &(&str, String)| event.with(key, value.as_str());
        // A journal that cannot be written does not keep containers from running.
        let _ = journal::append(&self.roots, &attributes.iter().fold(event, add));
    }

    /// It removes itself now.
    pub(super) fn destroyed(&mut self) {
        self.tell("destroy", &[]);
    }

    /// A process of it was killed for lack of memory, or waits for some.
    pub(super) fn ran_out_of_memory(&mut self) {
        self.starved = true;
        self.tell("oom", &[]);
    }

    /// A command is executed in it, or a probe (Docker: the same). Returns the name that the
    /// command has in events.
    pub(super) fn executes(&mut self, argv: &[String]) -> Result<String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::other(format!("the kernel gives no random bytes: {error}")))?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = argv.join(" ");
        for action in ["exec_create", "exec_start"] {
            self.tell(&format!("{action}: {line}"), &[("execID", id.clone())]);
        }
        Ok(id)
    }

    /// That command ended.
    pub(super) fn executed(&mut self, id: String, code: i32) {
        self.tell("exec_die", &[("execID", id), ("exitCode", code.to_string())]);
    }

    /// Somebody wants it to stop.
    pub(super) fn stopping(&mut self) {
        self.stopping = true;
    }

    /// Its status is another now.
    pub(super) fn changed(&mut self, status: &Status) {
        let before = std::mem::replace(&mut self.told, status.clone());
        for (action, attributes) in changes(&before, status) {
            if action == "start" {
                self.starved = false;
            }
            if action == "oom" && self.starved {
                continue;
            }
            self.tell(&action, &attributes);
            if action == "die" && std::mem::take(&mut self.stopping) {
                self.tell("stop", &[]);
            }
        }
    }

    /// It has joined a network, or left one.
    pub(super) fn rewired(&mut self, spec: &ContainerSpec, action: &str, network: &str) {
        self.spec.network.clone_from(&spec.network);
        if let Some(event) = self.about(action, network) {
            // As in `tell`.
            let _ = journal::append(&self.roots, &event);
        }
    }

    /// What is told of a network; `None` if it is gone.
    fn about(&self, action: &str, name: &str) -> Option<Event> {
        let found = network::get(&self.roots, name).ok()?;
        let driver = match found.spec.driver.as_str() {
            "" => "bridge",
            driver => driver,
        };
        let event = Event::now(EventKind::Network, action, found.id.as_str());
        let event = event.with("container", self.id.as_str()).with("name", name);
        Some(event.with("type", driver))
    }

    /// Its networks and volumes are in use from now on, or no longer.
    pub(super) fn surroundings(&self, in_use: bool) {
        let (network, volume) = match in_use {
            true => ("connect", "mount"),
            false => ("disconnect", "unmount"),
        };
        let mut events = Vec::new();
        if let NetworkMode::Networks(endpoints) = &self.spec.network {
            events.extend(endpoints.iter().filter_map(|it| self.about(network, &it.network)));
        }
        for mount in self.spec.all_mounts() {
            let MountSource::Volume { name, .. } = &mount.source else { continue };
            events.push(
                Event::now(EventKind::Volume, volume, name.as_str())
                    .with("container", self.id.as_str())
                    .with("destination", mount.target.as_str())
                    .with("driver", "local")
                    .with("read/write", (!mount.read_only).to_string()),
            );
        }
        for event in &events {
            // As in `tell`.
            let _ = journal::append(&self.roots, event);
        }
    }
}

type Change = (String, Vec<(&'static str, String)>);

/// What a change of status means, in order (Docker: the same words and attributes).
fn changes(before: &Status, after: &Status) -> Vec<Change> {
    let mut changes = Vec::new();
    let plain = |action: &str| (action.to_owned(), Vec::new());
    let began = after.started_at != before.started_at && after.state == State::Running;
    let ended = after.finished_at.is_some() && after.finished_at != before.finished_at;
    if began {
        changes.push(plain("start"));
    }
    if ended && after.started_at.is_some() {
        if after.oom_killed {
            changes.push(plain("oom"));
        }
        let lasted = after.finished_at.zip(after.started_at);
        let lasted = lasted.map_or(0, |(end, start)| end.duration_since(start).as_secs().max(0));
        let code = after.exit_code.unwrap_or(0).to_string();
        let attributes = vec![("exitCode", code), ("execDuration", lasted.to_string())];
        changes.push(("die".to_owned(), attributes));
    }
    match (before.state, after.state) {
        (State::Running, State::Paused) => changes.push(plain("pause")),
        (State::Paused, State::Running) if !began => changes.push(plain("unpause")),
        _ => {}
    }
    let verdict = |status: &Status| status.health.as_ref().map(|health| health.status);
    if verdict(after) != verdict(before) {
        match verdict(after) {
            Some(HealthStatus::Healthy) => changes.push(plain("health_status: healthy")),
            Some(HealthStatus::Unhealthy) => changes.push(plain("health_status: unhealthy")),
            Some(HealthStatus::Starting) | None => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::container::Health;
    use jiff::Timestamp;

    fn at(second: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(second).unwrap())
    }

    fn actions(before: &Status, after: &Status) -> Vec<String> {
        changes(before, after).into_iter().map(|(action, _)| action).collect()
    }

    #[test]
    fn a_life_is_told_in_dockers_words() {
        let created = Status::default();
        let running = Status { state: State::Running, started_at: at(10), ..Status::default() };
        let paused = Status { state: State::Paused, ..running.clone() };
        let health = |status| Some(Health { status, ..Health::default() });
        let starting = Status { health: health(HealthStatus::Starting), ..running.clone() };
        let healthy = Status { health: health(HealthStatus::Healthy), ..running.clone() };
        let ended = Status {
            state: State::Exited,
            finished_at: at(15),
            exit_code: Some(137),
            oom_killed: true,
            ..running.clone()
        };
        let again = Status { state: State::Running, started_at: at(16), ..Status::default() };
        assert_eq!(actions(&created, &running), ["start"]);
        assert_eq!(actions(&running, &paused), ["pause"]);
        assert_eq!(actions(&paused, &running), ["unpause"]);
        assert_eq!(actions(&running, &starting), [""; 0]);
        assert_eq!(actions(&starting, &healthy), ["health_status: healthy"]);
        assert_eq!(actions(&running, &ended), ["oom", "die"]);
        assert_eq!(actions(&ended, &again), ["start"]);
        assert_eq!(actions(&running, &running), [""; 0]);
        let (_, attributes) = changes(&running, &ended).pop().unwrap();
        let expected = [("exitCode", "137".to_owned()), ("execDuration", "5".to_owned())];
        assert_eq!(attributes, expected);
    }

    #[test]
    fn a_container_that_never_started_does_not_die() {
        let failed = Status { finished_at: at(5), exit_code: Some(127), ..Status::default() };
        assert_eq!(actions(&Status::default(), &failed), [""; 0]);
    }
}
