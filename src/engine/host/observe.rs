//! One snapshot of what exists: records, and the status that living shims wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{ContainerId, Context, Result};
use crate::resource::container::{Container, ContainerSpec, State, Status};
use crate::resource::labels;
use crate::resource::observed::{Observed, Scope};
use crate::state::{self, ContainerDir, Found, Roots, lock};
use crate::{network, shim, shim::client};

use super::{Host, volumes};

/// The format of container records that this version writes.
pub(super) const FORMAT: u32 = 1;

/// How long the start of a container may take before others stop waiting for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a shim may take to say how its container is.
const ANSWER: Duration = Duration::from_secs(2);

/// A container as `create` wrote it. A shim reads the same file as a [`ContainerSpec`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// See [`FORMAT`].
    pub format: u32,
    /// When the container was created.
    pub created_at: Timestamp,
    /// What was asked for.
    #[serde(flatten)]
    pub spec: ContainerSpec,
}

/// What exists within `scope`.
pub(super) fn observe(host: &Host, scope: &Scope) -> Result<Observed> {
    let roots = host.roots();
    let mut observed = Observed::default();
    for id in ids(roots)? {
        let dir = roots.container(&id);
        let Some((record, damage)) = record(roots, &id) else { continue };
        let project = record.spec.labels.get(labels::PROJECT);
        if scope.project.is_none() || scope.project.as_ref() == project {
            let exact = if scope.exact { asked(&dir).ok() } else { None };
            let status = shown(&dir, exact, damage);
            let (created_at, spec) = (record.created_at, record.spec);
            observed.containers.push(Container { id, spec, created_at, status });
        }
    }
    observed.containers.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    observed.left_behind = left_behind(roots, &observed.containers)?;
    observed.networks = by_name(network::list(roots)?, |network| &network.spec.name);
    observed.volumes = by_name(volumes::list(roots)?, |volume| &volume.spec.name);
    for name in &scope.images {
        if let Some(image) = host.store().find(name)? {
            observed.images.insert(name.clone(), image);
        }
    }
    Ok(observed)
}

/// Running containers whose namespaces are no longer those of the container that they name, as
/// the kernel has it. What cannot be read has just ended, and counts as in order.
fn left_behind(roots: &Roots, all: &[Container]) -> Result<BTreeMap<ContainerId, String>> {
    let mut found = BTreeMap::new();
    let link = |pid: i32, file: &str| fs::read_link(format!("/proc/{pid}/ns/{file}")).ok();
    for container in all.iter().filter(|it| it.status.stays()) {
        for (owner, file) in container.spec.namespace_owners() {
            let pid = match all.iter().find(|it| it.spec.name == owner) {
                Some(owner) => owner.status.pid,
                None => match crate::state::names::owner(roots, owner)? {
                    Some(id) => status(&roots.container(&id))?.pid,
                    None => None,
                },
            };
            let (Some(own), Some(pid)) = (container.status.pid, pid) else { continue };
            let (own, theirs) = (link(own, file), link(pid, file));
            if own.is_some() && theirs.is_some() && own != theirs {
                found.insert(container.id.clone(), owner.to_owned());
            }
        }
    }
    Ok(found)
}

/// Ids of all containers.
pub(super) fn ids(roots: &Roots) -> Result<Vec<ContainerId>> {
    ids_in(&roots.containers())
}

/// Ids of containers that have, or had, a shim since the machine was booted.
pub(super) fn live_ids(roots: &Roots) -> Result<Vec<ContainerId>> {
    ids_in(&roots.containers_live())
}

/// Names of entries that are ids.
fn ids_in(dir: &Path) -> Result<Vec<ContainerId>> {
    let entries = fs::read_dir(dir).context(|| "cannot list containers".to_owned())?;
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.context(|| "cannot list containers".to_owned())?.file_name();
        ids.extend(name.to_str().and_then(|name| name.parse::<ContainerId>().ok()));
    }
    Ok(ids)
}

/// A container, and what was asked for.
pub(super) type Specified = (ContainerId, ContainerSpec);

/// Specifications of all containers, and the containers whose record is damaged: what those use
/// is not known, and counts as everything.
pub(super) fn specs(roots: &Roots) -> Result<(Vec<Specified>, Vec<ContainerId>)> {
    let (mut specs, mut damaged) = (Vec::new(), Vec::new());
    for id in ids(roots)? {
        match look(roots, &id) {
            Found::Record(record) => specs.push((id, record.spec)),
            Found::Damaged(_) => damaged.push(id),
            Found::Absent => {}
        }
    }
    Ok((specs, damaged))
}

/// The record of a container. One with a directory was made with a record.
fn look(roots: &Roots, id: &ContainerId) -> Found<Record> {
    let dir = roots.container(id);
    match state::look::<Record>(&dir.spec()) {
        // It may have been put in place just now.
        Found::Absent if dir.data().exists() => match state::look::<Record>(&dir.spec()) {
            Found::Absent if dir.data().exists() => Found::Damaged("it is missing".to_owned()),
            found => found,
        },
        found => found,
    }
}

/// What is wrong with a container's record; `None` if nothing is.
pub(super) fn damage(roots: &Roots, id: &ContainerId) -> Option<String> {
    match look(roots, id) {
        Found::Damaged(why) => Some(why),
        Found::Absent | Found::Record(_) => None,
    }
}

/// The record of a container as it is shown, and what is wrong with it; `None` when it does not
/// exist. Of a damaged one only the name is known, from its reservation, and when its directory
/// was made.
pub(super) fn record(roots: &Roots, id: &ContainerId) -> Option<(Record, Option<String>)> {
    match look(roots, id) {
        Found::Absent => None,
        Found::Record(record) => Some((record, None)),
        Found::Damaged(why) => {
            let name = crate::state::names::of(roots, id).unwrap_or_else(|| id.short().to_owned());
            let made = fs::metadata(roots.container(id).data()).and_then(|it| it.created());
            let created_at = made.ok().and_then(|made| Timestamp::try_from(made).ok());
            let spec = ContainerSpec { name, ..ContainerSpec::default() };
            let created_at = created_at.unwrap_or_default();
            Some((Record { format: FORMAT, created_at, spec }, Some(why)))
        }
    }
}

/// As [`status`], unless it is `known`, of one among many: what cannot be read is said of this
/// container alone. `damage` is what is wrong with its record.
pub(super) fn shown(dir: &ContainerDir, known: Option<Status>, damage: Option<String>) -> Status {
    let read = known.map_or_else(|| status(dir), Ok);
    let mut shown = read.unwrap_or_else(|error| {
        let (state, error) = (State::Dead, error.to_string());
        Status { state, error, ..Status::default() }
    });
    // What runs is told as running whatever its record says.
    if let Some(why) = damage {
        shown.error = format!("its record is damaged: {why}");
        if !shown.state.is_active() {
            shown.state = State::Dead;
        }
    }
    shown
}

/// What a container is doing: its living shim's word, or else its last exit record.
pub(super) fn status(dir: &ContainerDir) -> Result<Status> {
    let held = lock::is_held(&dir.alive())?;
    match state::look::<Status>(&dir.status()) {
        Found::Record(status) if held => return Ok(status),
        // Its shim can still be asked.
        Found::Damaged(_) if held => return client::status_within(dir, ANSWER),
        // Its end did not fit on the disk.
        Found::Record(status) if status.finished_at.is_some() && !status.state.is_active() => {
            return Ok(status);
        }
        _ => {}
    }
    // A shim without a status is about to start its container, or has just recorded its end.
    match state::look::<Status>(&dir.exit()) {
        Found::Record(status) => return Ok(status),
        // It was started once, and how that ended is lost (Docker: exit code 255).
        Found::Damaged(why) => {
            let error = format!("its exit record is damaged: {why}");
            let (state, exit_code) = (State::Dead, Some(shim::LOST));
            return Ok(Status { state, exit_code, error, ..Status::default() });
        }
        Found::Absent => {}
    }
    // No shim and no exit record: never started, or the machine went down under it.
    let status = state::read::<Status>(&dir.status()).unwrap_or_default().unwrap_or_default();
    Ok(match status.state.is_active() {
        true => Status { state: State::Dead, stopping: false, pid: None, ..status },
        false => status,
    })
}

/// As [`status`], by asking a shim whose container runs: it does what it was told before it answers.
fn asked(dir: &ContainerDir) -> Result<Status> {
    let written = status(dir)?;
    if !written.stays() {
        return Ok(written);
    }
    // One that does not answer has just ended, or is stuck: what is written says which.
    client::status_within(dir, ANSWER).or_else(|_| status(dir))
}

/// As [`status`], once a shim that is starting the container has come to an end of that. Such a
/// shim may belong to a command that was killed.
pub(super) fn settled(dir: &ContainerDir) -> Result<Status> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && lock::is_held(&dir.alive())? && !dir.status().exists() {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    status(dir)
}

/// As [`settled`], once a container that is about to end, or whose shim has seen its end and is
/// clearing up, is at rest, and what a killed shim left is gone: it can be started again then.
pub(super) fn steady(dir: &ContainerDir, id: &ContainerId) -> Result<Status> {
    loop {
        settled(dir)?;
        let told = asked(dir)?;
        if told.stays() {
            return Ok(told);
        }
        let ends = dir.status().exists() && lock::is_held(&dir.alive())?;
        if !ends {
            // Its shim may have been killed since this command looked at all containers.
            shim::recover(dir, id)?;
            return status(dir);
        }
        lock::await_free(&dir.alive())?;
    }
}

/// Things by their names.
fn by_name<T>(things: Vec<T>, name: impl Fn(&T) -> &String) -> BTreeMap<String, T> {
    things.into_iter().map(|thing| (name(&thing).clone(), thing)).collect()
}
