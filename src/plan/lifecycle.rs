//! `start`, `stop`, `restart`, `kill`, `pause`: containers that exist, in the order that their
//! labels tell, so that these commands need no compose file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::resource::container::{State, Status};
use crate::resource::{Container, Observed, labels};

use super::desired::{Condition, Dependency, parse_dependencies};
use super::gate::{Gates, Peer, goal};
use super::hooks;
use super::order::in_order;
use super::project::{containers_of, is_one_off, label, needs, number_of, service_of};
use super::step::{Action, Plan, StepId, Target};

/// Which containers a command is about; those of `run` never are.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The project's name.
    pub project: String,
    /// Only these services; empty: all.
    pub services: BTreeSet<String>,
}

/// `stop`: what runs is stopped, those first that depend on others.
#[must_use]
pub fn stop(observed: &Observed, selection: &Selection, timeout: Option<Duration>) -> Plan {
    let (mut plan, standing) = (Plan::default(), Standing::new(observed, selection));
    standing
        .stop(&mut plan, timeout, |container| format!("is {}", container.status.state.as_str()));
    plan
}

/// `start`: what does not run is started, in order, after its dependencies. `wait`: and the plan
/// is done when everything runs or is healthy.
#[must_use]
pub fn start(observed: &Observed, selection: &Selection, wait: bool) -> Plan {
    let (mut plan, mut standing) = (Plan::default(), Standing::new(observed, selection));
    let followers = standing.followers();
    let stopped = followers.stop(&mut plan, None, |_| FOLLOWS.to_owned());
    let own: BTreeSet<&str> = standing.containers.iter().map(|it| it.spec.name.as_str()).collect();
    let more = followers.containers.iter().filter(|it| !own.contains(it.spec.name.as_str()));
    let more: Vec<&Container> = more.copied().collect();
    standing.containers.extend(more);
    standing.start(&mut plan, &stopped, wait);
    let kept = |name: &String| !stopped.contains_key(name.as_str());
    plan.kept = standing.names(Status::stays).into_iter().filter(kept).collect();
    plan
}

/// `restart`: stopped if need be, and started; with those whose dependency says `restart: true`,
/// unless `no_deps`.
#[must_use]
pub fn restart(
    observed: &Observed,
    selection: &Selection,
    timeout: Option<Duration>,
    no_deps: bool,
) -> Plan {
    let mut selection = selection.clone();
    if !no_deps && !selection.services.is_empty() {
        add_restarted_dependents(observed, &mut selection);
    }
    let (mut plan, standing) = (Plan::default(), Standing::new(observed, &selection));
    let stopped = standing.stop(&mut plan, timeout, |_| "restart was asked for".to_owned());
    standing.start(&mut plan, &stopped, false);
    plan
}

/// `kill`: a signal for what runs, in no order.
#[must_use]
pub fn kill(observed: &Observed, selection: &Selection, signal: &str) -> Plan {
    let mut plan = Plan::default();
    for container in Standing::new(observed, selection).containers {
        if container.status.state.is_active() {
            let (target, signal) = (Target::existing(container), signal.to_owned());
            let action = Action::KillContainer { container: target, signal };
            plan.push(action, format!("is {}", container.status.state.as_str()), []);
        }
    }
    plan
}

/// `pause` (`paused`) and `unpause`.
#[must_use]
pub fn pause(observed: &Observed, selection: &Selection, paused: bool) -> Plan {
    let mut plan = Plan::default();
    let from = if paused { State::Running } else { State::Paused };
    for container in Standing::new(observed, selection).containers {
        if container.status.state == from {
            let action = Action::PauseContainer { container: Target::existing(container), paused };
            plan.push(action, format!("is {}", from.as_str()), []);
        }
    }
    plan
}

/// Why a container starts again together with another one.
const FOLLOWS: &str = "a container that it is part of starts";

/// Adds services with a `restart: true` dependency on those selected, and so on.
fn add_restarted_dependents(observed: &Observed, selection: &mut Selection) {
    loop {
        let before = selection.services.len();
        for container in containers_of(observed, &selection.project) {
            let restarts = dependencies(container)
                .iter()
                .any(|(name, it)| it.restart && selection.services.contains(name));
            if restarts {
                selection.services.insert(service_of(container).to_owned());
            }
        }
        if selection.services.len() == before {
            return;
        }
    }
}

fn dependencies(container: &Container) -> BTreeMap<String, Dependency> {
    parse_dependencies(label(container, labels::DEPENDS_ON))
}

/// The selected containers in dependency order, and all others of the project beside them.
struct Standing<'a> {
    containers: Vec<&'a Container>,
    needs: BTreeMap<&'a str, BTreeSet<&'a str>>,
    all: Vec<&'a Container>,
}

impl<'a> Standing<'a> {
    fn new(observed: &'a Observed, selection: &Selection) -> Standing<'a> {
        let replicas = containers_of(observed, &selection.project);
        let mut all: Vec<&Container> = replicas.filter(|it| !is_one_off(it)).collect();
        all.sort_by_key(|container| number_of(container));
        let needs = needs(&all);
        let chosen =
            |service: &&str| selection.services.is_empty() || selection.services.contains(*service);
        let order = in_order(&needs).into_iter().filter(chosen);
        let of = |service| all.iter().filter(move |it| service_of(it) == service).copied();
        Standing { containers: order.flat_map(of).collect(), needs, all }
    }

    /// Those that run in namespaces of one that is about to start.
    fn followers(&self) -> Standing<'a> {
        let mut starting: BTreeSet<&str> = BTreeSet::new();
        let resting = self.containers.iter().filter(|it| !it.status.stays());
        starting.extend(resting.map(|it| it.spec.name.as_str()));
        let mut followers = Vec::new();
        let running = |it: &&&Container| it.status.stays();
        loop {
            let before = starting.len();
            for container in self.all.iter().filter(running) {
                let mut owners = container.spec.namespace_owners();
                let name = container.spec.name.as_str();
                if owners.any(|(owner, _)| starting.contains(owner)) && starting.insert(name) {
                    followers.push(*container);
                }
            }
            if starting.len() == before {
                return Standing {
                    containers: followers,
                    needs: self.needs.clone(),
                    all: self.all.clone(),
                };
            }
        }
    }

    /// Whether others wait for the service's end.
    fn is_job(&self, service: &str) -> bool {
        let ends = |it: &Dependency| it.condition == Condition::CompletedSuccessfully;
        self.all.iter().any(|container| dependencies(container).get(service).is_some_and(ends))
    }

    fn names(&self, fits: impl Fn(&Status) -> bool) -> Vec<String> {
        let chosen = self.containers.iter().filter(|it| fits(&it.status));
        chosen.map(|it| it.spec.name.clone()).collect()
    }

    /// Stops what is active, dependents first. Returns the steps by container name.
    fn stop(
        &self,
        plan: &mut Plan,
        timeout: Option<Duration>,
        reason: impl Fn(&Container) -> String,
    ) -> BTreeMap<&'a str, StepId> {
        let mut stopped = BTreeMap::new();
        let mut by_service: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
        for container in self.containers.iter().rev() {
            if !container.status.state.is_active() {
                continue;
            }
            let service = service_of(container);
            let dependents = self.needs.iter().filter(|(_, before)| before.contains(service));
            let before: Vec<StepId> = dependents
                .filter_map(|(name, _)| by_service.get(name))
                .flatten()
                .copied()
                .collect();
            let target = Target::existing(container);
            let action = Action::StopContainer { container: target, grace: timeout };
            let before = hooks::before_stop(plan, container, before);
            let step = plan.push(action, reason(container), before);
            by_service.entry(service).or_default().push(step);
            stopped.insert(container.spec.name.as_str(), step);
        }
        stopped
    }

    /// Starts what does not run or was stopped by a step before.
    fn start(&self, plan: &mut Plan, stopped: &BTreeMap<&str, StepId>, wait: bool) {
        let mut gates = Gates::default();
        for container in &self.containers {
            let own = stopped.get(container.spec.name.as_str()).copied();
            if container.status.stays() && own.is_none() {
                continue;
            }
            let service = service_of(container);
            let mut after: BTreeSet<StepId> = own.into_iter().collect();
            for (name, dependency) in dependencies(container) {
                for other in self.all.iter().filter(|it| service_of(it) == name) {
                    let stays = !stopped.contains_key(other.spec.name.as_str());
                    let untouched = Some(*other).filter(|_| stays && other.status.stays());
                    let peer = Peer {
                        target: Target::existing(other),
                        service: service_of(other),
                        untouched,
                    };
                    after.extend(gates.wait(plan, &peer, dependency, service));
                }
            }
            let reason = match own {
                Some(step) => plan.step(step).map_or_else(String::new, |it| it.reason.clone()),
                None if container.status.stopping => "is stopping".to_owned(),
                None => format!("is {}", container.status.state.as_str()),
            };
            let target = Target::existing(container);
            let start = plan.push(Action::StartContainer(target.clone()), reason, after);
            let step = hooks::after_start(plan, &target, &container.spec, start);
            gates.started(target, step);
        }
        for container in self.containers.iter().filter(|_| wait) {
            let untouched = Some(*container).filter(|it| it.status.stays());
            let (target, service) = (Target::existing(container), service_of(container));
            let peer = Peer { target, service, untouched };
            gates.wait_for_user(plan, &peer, goal(&container.spec, self.is_job(service)));
        }
    }
}
