//! `up` and `create`: close the gap between what is wanted and what exists, and touch nothing else.
//!
//! First every container's fate is decided, service by service in dependency order ([`fate`]);
//! then the steps are written down in three rounds: what goes ([`remove`]), what the containers
//! stand on ([`ground`]), and what comes and starts ([`bring`]).

mod bring;
mod fate;
mod followers;
mod ground;
mod pre_start;
mod remove;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::{ContainerId, Result};
use crate::resource::{ContainerSpec, Observed, labels};

use super::desired::{Dependency, Desired};
use super::order::in_order;
use super::project::containers_of;
use super::step::{Plan, StepId};
use ground::Ground;
pub(super) use wanted::draw;

/// How `up` and `create` behave.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// When containers of the named services are replaced.
    pub recreate: Recreate,
    /// When containers of the others, which come along as dependencies, are replaced.
    pub recreate_dependencies: Recreate,
    /// The services the user named; empty: all.
    pub named: BTreeSet<String>,
    /// Start containers (`false`: `create`).
    pub start: bool,
    /// Wait until everything runs or is healthy (`--wait`).
    pub wait: bool,
    /// Replaced containers get new anonymous volumes (`--renew-anon-volumes`).
    pub renew_anonymous: bool,
    /// Remove containers of services that the compose files no longer have.
    pub remove_orphans: bool,
    /// Say nothing about such containers.
    pub ignore_orphans: bool,
    /// Volumes that differ from the compose files are removed with their data and made anew;
    /// `false`: they stay, with a warning.
    pub recreate_volumes: bool,
    /// Time before a container is killed; `None`: its own.
    pub timeout: Option<Duration>,
    /// Random; names of new anonymous volumes are drawn from it.
    pub seed: [u8; 32],
}

impl Default for UpOptions {
    fn default() -> UpOptions {
        UpOptions {
            recreate: Recreate::default(),
            recreate_dependencies: Recreate::default(),
            named: BTreeSet::new(),
            start: true,
            wait: false,
            renew_anonymous: false,
            remove_orphans: false,
            ignore_orphans: false,
            recreate_volumes: false,
            timeout: None,
            seed: [0; 32],
        }
    }
}

/// When an existing container is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recreate {
    /// When it differs from what is wanted.
    #[default]
    Diverged,
    /// Always.
    Force,
    /// Never.
    Never,
}

/// Plans what closes the gap; an empty plan when there is none.
///
/// # Errors
/// `Kind::NotFound` when an external network or volume does not exist.
pub fn up(desired: &Desired, observed: &Observed, options: &UpOptions) -> Result<Plan> {
    plan(desired, observed, options, None)
}

/// A container of `run`, and what it waits for.
pub(super) struct OneOff<'a> {
    pub(super) service: &'a str,
    pub(super) spec: ContainerSpec,
    pub(super) depends_on: &'a BTreeMap<String, Dependency>,
    /// Start it too.
    pub(super) start: bool,
}

/// As [`up`], and then a one-off container.
pub(super) fn plan(
    desired: &Desired,
    observed: &Observed,
    options: &UpOptions,
    one_off: Option<OneOff<'_>>,
) -> Result<Plan> {
    let mut planner = Planner::new(desired, observed, options);
    let ground = Ground::decide(&mut planner)?;
    let replicas = fate::decide(&planner, &ground);
    planner.add_dependents(&replicas);
    planner.plan.kept = fate::kept(&replicas);
    remove::orphans(&mut planner);
    remove::replicas(&mut planner, &replicas);
    ground.prepare(&mut planner);
    bring::replicas(&mut planner, &replicas, one_off);
    Ok(planner.plan)
}

/// What the rounds of planning share.
struct Planner<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    options: &'a UpOptions,
    /// Services in dependency order.
    order: Vec<&'a str>,
    /// For each service, those that depend on it.
    dependents: BTreeMap<&'a str, BTreeSet<&'a str>>,
    plan: Plan,
    /// The step after which a container has stopped or is gone, by its id.
    gone: BTreeMap<ContainerId, StepId>,
    /// The step that makes a network, volume or container, by kind and name.
    made: BTreeMap<(Kind, String), StepId>,
    /// The step after which a service's `pre_start` is done; `None`: it has nothing to wait for.
    prepared: BTreeMap<String, Option<StepId>>,
}

/// Kinds of things that steps make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Network,
    Volume,
    Container,
}

impl<'a> Planner<'a> {
    fn new(desired: &'a Desired, observed: &'a Observed, options: &'a UpOptions) -> Planner<'a> {
        let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut dependents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, service) in &desired.services {
            let parents = service.parents.iter().chain(&service.volume_parents);
            let before: BTreeSet<&str> =
                service.depends_on.keys().chain(parents).map(String::as_str).collect();
            for other in &before {
                dependents.entry(*other).or_default().insert(name);
            }
            needs.insert(name, before);
        }
        Planner {
            desired,
            observed,
            options,
            order: in_order(&needs),
            dependents,
            plan: Plan::default(),
            gone: BTreeMap::new(),
            made: BTreeMap::new(),
            prepared: BTreeMap::new(),
        }
    }

    /// Followers stop before those they live with.
    fn add_dependents(&mut self, replicas: &[fate::Replica<'a>]) {
        let wanted = &self.desired.services;
        for replica in replicas.iter().filter(|it| !wanted.contains_key(it.service)) {
            let owners: BTreeSet<&str> =
                replica.spec.namespace_owners().map(|(name, _)| name).collect();
            for owner in replicas.iter().filter(|it| owners.contains(it.spec.name.as_str())) {
                self.dependents.entry(owner.service).or_default().insert(replica.service);
            }
        }
    }

    /// When containers of a service are replaced.
    fn recreate(&self, service: &str) -> Recreate {
        match self.options.named.is_empty() || self.options.named.contains(service) {
            true => self.options.recreate,
            false => self.options.recreate_dependencies,
        }
    }

    /// Steps that make the networks and volumes a container stands on.
    fn ground_of(&self, spec: &ContainerSpec) -> BTreeSet<StepId> {
        let networks = super::uses::networks(spec).map(|name| (Kind::Network, name.to_owned()));
        let volumes = super::uses::volumes(spec).map(|name| (Kind::Volume, name.to_owned()));
        networks.chain(volumes).filter_map(|key| self.made.get(&key).copied()).collect()
    }

    /// Containers of the project, without those of `run`.
    fn containers(&self) -> impl Iterator<Item = &'a crate::resource::Container> {
        let replica = |container: &&crate::resource::Container| {
            container.spec.labels.get(labels::ONE_OFF).is_none_or(|flag| flag != "True")
        };
        containers_of(self.observed, &self.desired.project).filter(replica)
    }
}
