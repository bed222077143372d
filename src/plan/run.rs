//! `run`: a one-off container of a service, after its dependencies.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::hex;
use crate::base::{Error, Kind, Result};
use crate::resource::container::{PublishedPort, RestartPolicy};
use crate::resource::mount::{Mount, MountSource};
use crate::resource::network::NetworkMode;
use crate::resource::{ContainerSpec, Observed, labels};

use crate::resource::process::Process;

use super::desired::Desired;
use super::lower::capability;
use super::step::Plan;
use super::up::{OneOff, UpOptions, draw, plan};

/// What `run` changes about the service's container.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The service.
    pub service: String,
    /// Its own name (`--name`); `None`: `<project>-<service>-run-<12 digits of the seed>`.
    pub name: Option<String>,
    /// Instead of the service's command; empty: that one.
    pub command: Vec<String>,
    /// Instead of its entrypoint, whose command is dropped too.
    pub entrypoint: Option<Vec<String>>,
    /// Added to its environment, as `NAME=value`.
    pub env: Vec<String>,
    /// Instead of its user.
    pub user: Option<String>,
    /// Instead of its working directory.
    pub cwd: Option<String>,
    /// Added to its mounts, or instead of those with the same target.
    pub mounts: Vec<Mount>,
    /// Added to its labels.
    pub labels: BTreeMap<String, String>,
    /// Published ports; the service's own are not published.
    pub ports: Vec<PublishedPort>,
    /// Publish the service's own ports (`--service-ports`).
    pub service_ports: bool,
    /// Others find it by the service's name and aliases (`--use-aliases`).
    pub use_aliases: bool,
    /// Give it a terminal.
    pub tty: bool,
    /// Keep standard input open.
    pub interactive: bool,
    /// Capabilities added to the service's.
    pub cap_add: Vec<String>,
    /// Capabilities taken from the service's.
    pub cap_drop: Vec<String>,
    /// Remove it when it ends (`--rm`).
    pub remove: bool,
    /// Do not start dependencies (`--no-deps`).
    pub no_deps: bool,
    /// Start it in the plan; else the caller attaches first, and then starts it.
    pub detach: bool,
}

/// Plans dependencies as `up` does, and then the container. Returns its name too.
///
/// `options.seed` gives the container its name. With `no_deps`, networks and volumes are still
/// made.
///
/// # Errors
/// `Kind::NotFound` for an unknown service, and those of [`super::up`].
pub fn run(
    desired: &Desired,
    observed: &Observed,
    run: &RunOptions,
    options: &UpOptions,
) -> Result<(Plan, String)> {
    let service = desired
        .services
        .get(&run.service)
        .ok_or_else(|| Error::new(Kind::NotFound, format!("no such service: {}", run.service)))?;
    let spec = container(&desired.project, &service.spec, run, &options.seed);
    let needed = if run.no_deps { BTreeSet::new() } else { needed(desired, &run.service) };
    let mut around = desired.clone();
    around.services.retain(|name, _| needed.contains(name.as_str()));
    around.retain_used(&spec);
    let options = UpOptions {
        named: BTreeSet::from([run.service.clone()]),
        ignore_orphans: true,
        remove_orphans: false,
        wait: false,
        start: true,
        ..options.clone()
    };
    let name = spec.name.clone();
    let one_off =
        OneOff { service: &run.service, depends_on: &service.depends_on, spec, start: run.detach };
    let plan = plan(&around, observed, &options, Some(one_off))?;
    Ok((plan, name))
}

/// What a service needs, and what that needs, and so on.
fn needed<'a>(desired: &'a Desired, service: &'a str) -> BTreeSet<&'a str> {
    let (mut needed, mut todo) = (BTreeSet::new(), vec![service]);
    while let Some(name) = todo.pop() {
        let Some(service) = desired.services.get(name) else { continue };
        let parents = service.parents.iter().chain(&service.volume_parents);
        let before = service.depends_on.keys().chain(parents).map(String::as_str);
        todo.extend(before.filter(|name| needed.insert(*name)));
    }
    needed.remove(service);
    needed
}

/// The service's container, changed as asked.
fn container(
    project: &str,
    service: &ContainerSpec,
    run: &RunOptions,
    seed: &[u8; 32],
) -> ContainerSpec {
    let mut spec = service.clone();
    let slug = hex(seed);
    spec.name = run
        .name
        .clone()
        .unwrap_or_else(|| format!("{project}-{}-run-{}", run.service, &slug[..12]));
    spec.labels.extend(run.labels.clone());
    spec.labels.insert(labels::ONE_OFF.to_owned(), "True".to_owned());
    spec.labels.insert(labels::SLUG.to_owned(), slug);
    spec.restart = RestartPolicy::No;
    spec.auto_remove = run.remove;
    change_process(&mut spec.process, run);
    let ports = if run.service_ports { std::mem::take(&mut spec.ports) } else { Vec::new() };
    spec.ports = ports.into_iter().chain(run.ports.iter().cloned()).collect();
    spec.mounts.retain(|mount| !run.mounts.iter().any(|own| own.target == mount.target));
    spec.mounts.extend(run.mounts.iter().cloned());
    spec.mounts
        .sort_by_cached_key(|mount| (mount.target.matches('/').count(), mount.target.clone()));
    for mount in &mut spec.mounts {
        if let MountSource::Volume { name, anonymous: true, .. } = &mut mount.source {
            *name = draw(seed, &spec.name, &mount.target);
        }
    }
    if let (NetworkMode::Networks(endpoints), false) = (&mut spec.network, run.use_aliases) {
        endpoints.iter_mut().for_each(|endpoint| endpoint.aliases.clear());
    }
    spec.security.cap_add.extend(run.cap_add.iter().map(|name| capability(name)));
    spec.security.cap_drop.extend(run.cap_drop.iter().map(|name| capability(name)));
    spec
}

fn change_process(process: &mut Process, run: &RunOptions) {
    let own = process.entrypoint_len.min(process.argv.len());
    let (entrypoint, command) = process.argv.split_at(own);
    let entrypoint = match &run.entrypoint {
        Some(entrypoint) => entrypoint.clone(),
        None => entrypoint.to_vec(),
    };
    let command = match (run.command.is_empty(), &run.entrypoint) {
        (false, _) => run.command.clone(),
        (true, None) => command.to_vec(),
        (true, Some(_)) => Vec::new(),
    };
    process.entrypoint_len = entrypoint.len();
    process.argv = [entrypoint, command].concat();
    let term = (run.tty && !process.tty).then(|| "TERM=xterm".to_owned());
    for entry in term.iter().chain(&run.env) {
        let name = entry.split('=').next().unwrap_or(entry);
        let same = |old: &String| old.split('=').next() == Some(name);
        match process.env.iter_mut().find(|old| same(old)) {
            Some(old) => old.clone_from(entry),
            None => process.env.push(entry.clone()),
        }
    }
    process.user = run.user.clone().unwrap_or(std::mem::take(&mut process.user));
    process.cwd = run.cwd.clone().unwrap_or(std::mem::take(&mut process.cwd));
    process.tty = run.tty;
    process.stdin_open = run.interactive;
}
