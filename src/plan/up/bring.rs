//! The last round: what comes and what starts, each as soon as what it needs is there.

use std::collections::BTreeSet;

use crate::plan::desired::{Condition, Dependency};
use crate::plan::gate::{Gates, Peer, goal};
use crate::plan::hooks;
use crate::plan::step::{Action, StepId, Target};

use super::fate::{Fate, Replica};
use super::{Kind, OneOff, Planner, followers, pre_start};

/// Creates and starts containers, in dependency order.
pub(super) fn replicas(
    planner: &mut Planner<'_>,
    replicas: &[Replica<'_>],
    one_off: Option<OneOff<'_>>,
) {
    let mut gates = Gates::default();
    for replica in replicas.iter().filter(|replica| replica.stays()) {
        let ready = make(planner, replica, replicas);
        let starts = matches!(
            replica.fate,
            Fate::Create | Fate::Replace | Fate::Start | Fate::Restart | Fate::Unpause
        );
        if starts && planner.options.start {
            start(planner, &mut gates, replica, replicas, ready);
        }
    }
    if planner.options.start && planner.options.wait {
        wait_for_all(planner, &mut gates, replicas);
    }
    if let Some(one_off) = one_off {
        bring_one_off(planner, &mut gates, replicas, one_off);
    }
}

/// Creates the container if need be. Returns the steps after which it could start.
fn make(
    planner: &mut Planner<'_>,
    replica: &Replica<'_>,
    replicas: &[Replica<'_>],
) -> BTreeSet<StepId> {
    let mut after = planner.ground_of(&replica.spec);
    after.extend(replica.existing.and_then(|existing| planner.gone.get(&existing.id)));
    let reason = match replica.fate {
        Fate::Create => replica.reason.as_str(),
        Fate::Replace => "replaced",
        Fate::Keep | Fate::Start | Fate::Unpause | Fate::Restart | Fate::Remove => return after,
    };
    let service = &planner.desired.services[replica.service];
    let parent = |name| service.parents.contains(name) || service.volume_parents.contains(name);
    let parents = replicas.iter().filter(|other| parent(other.service));
    let names = parents.map(|parent| parent.spec.name.clone());
    // `container:NAME` may be one of this project, too.
    let sources = replica.spec.volumes_from.iter().map(|source| source.container.clone());
    let keys = names.chain(sources).map(|name| (Kind::Container, name));
    after.extend(keys.filter_map(|key| planner.made.get(&key)));
    let action = Action::CreateContainer(Box::new(replica.spec.clone()));
    let step = planner.plan.push(action, reason, after);
    planner.made.insert((Kind::Container, replica.spec.name.clone()), step);
    BTreeSet::from([step])
}

/// Starts (or thaws) a container once its dependencies are as it needs them.
fn start(
    planner: &mut Planner<'_>,
    gates: &mut Gates,
    replica: &Replica<'_>,
    replicas: &[Replica<'_>],
    mut after: BTreeSet<StepId>,
) {
    let needed = needs(planner, replica);
    let needed = needed.iter().map(|(name, dependency)| (name, *dependency));
    after.extend(wait(planner, gates, replicas, replica.service, needed));
    if replica.fate != Fate::Unpause {
        after.extend(pre_start::before(planner, replica, replicas, &after));
    }
    let container = target(replica);
    let (action, reason) = match replica.fate {
        Fate::Unpause => (
            Action::PauseContainer { container: container.clone(), paused: false },
            &*replica.reason,
        ),
        Fate::Create => (Action::StartContainer(container.clone()), "new"),
        Fate::Replace => (Action::StartContainer(container.clone()), "replaced"),
        _ => (Action::StartContainer(container.clone()), &*replica.reason),
    };
    let mut step = planner.plan.push(action, reason, after);
    if replica.fate != Fate::Unpause {
        step = hooks::after_start(&mut planner.plan, &container, &replica.spec, step);
    }
    gates.started(container, step);
}

/// What a container waits for before it starts, by service.
fn needs(planner: &Planner<'_>, replica: &Replica<'_>) -> Vec<(String, Dependency)> {
    let Some(service) = planner.desired.services.get(replica.service) else {
        return followers::dependencies(replica);
    };
    let implied = service.parents.iter().map(|parent| (parent, Dependency::implied()));
    let needed = service.depends_on.iter().map(|(name, dependency)| (name, *dependency));
    needed.chain(implied).map(|(name, dependency)| (name.clone(), dependency)).collect()
}

/// Steps after which what `service` needs is as it needs it.
fn wait<'n>(
    planner: &mut Planner<'_>,
    gates: &mut Gates,
    replicas: &[Replica<'_>],
    service: &str,
    needed: impl Iterator<Item = (&'n String, Dependency)>,
) -> Vec<StepId> {
    let mut steps = Vec::new();
    for (name, dependency) in needed {
        for other in replicas.iter().filter(|other| other.service == name && other.stays()) {
            steps.extend(gates.wait(&mut planner.plan, &peer(other), dependency, service));
        }
    }
    steps
}

/// The container of `run`. Its dependencies are waited for before it is created, since who called
/// starts it when all of the plan is done.
fn bring_one_off(
    planner: &mut Planner<'_>,
    gates: &mut Gates,
    replicas: &[Replica<'_>],
    one_off: OneOff<'_>,
) {
    let OneOff { service, spec, depends_on, start } = one_off;
    let needed = depends_on.iter().map(|(name, dependency)| (name, *dependency));
    let waits = wait(planner, gates, replicas, service, needed);
    let after = planner.ground_of(&spec).into_iter().chain(waits);
    let (target, reason) = (Target::created(&spec.name), "one-off container");
    let create = Action::CreateContainer(Box::new(spec.clone()));
    let create = planner.plan.push(create, reason, after);
    if start {
        let start = Action::StartContainer(target.clone());
        let start = planner.plan.push(start, reason, [create]);
        hooks::after_start(&mut planner.plan, &target, &spec, start);
    }
}

/// `--wait`: goes on until everything runs or is healthy, and jobs have ended.
fn wait_for_all(planner: &mut Planner<'_>, gates: &mut Gates, replicas: &[Replica<'_>]) {
    let services = planner.desired.services.values();
    let jobs: BTreeSet<&str> = services
        .flat_map(|service| &service.depends_on)
        .filter(|(_, dependency)| dependency.condition == Condition::CompletedSuccessfully)
        .map(|(name, _)| name.as_str())
        .collect();
    for replica in replicas.iter().filter(|replica| replica.stays()) {
        let goal = goal(&replica.spec, jobs.contains(replica.service));
        gates.wait_for_user(&mut planner.plan, &peer(replica), goal);
    }
}

/// The container after the plan.
fn target(replica: &Replica<'_>) -> Target {
    match replica.existing.filter(|_| replica.fate != Fate::Replace) {
        Some(existing) => Target::existing(existing),
        None => Target::created(&replica.spec.name),
    }
}

fn peer<'a>(replica: &Replica<'a>) -> Peer<'a> {
    let untouched = replica.existing.filter(|_| replica.fate == Fate::Keep);
    Peer { target: target(replica), service: replica.service, untouched }
}
