//! Containers that run to their end before a service's own start (Spec: `pre_start`).

use std::collections::BTreeSet;

use crate::plan::desired::Condition;
use crate::plan::project::{containers_of, label, service_of};
use crate::plan::step::{Action, Await, StepId, Target};
use crate::resource::labels;

use super::Planner;
use super::fate::{Fate, Replica};

/// The step after which a service's replicas may start; `None`: without more ado.
///
/// They run one after the other, once for all replicas, and only when no replica runs. Each is
/// removed when it ended well; one that failed stays, to be looked at, until the next time.
pub(super) fn before(
    planner: &mut Planner<'_>,
    replica: &Replica<'_>,
    replicas: &[Replica<'_>],
    after: &BTreeSet<StepId>,
) -> Option<StepId> {
    let service = replica.service;
    if let Some(done) = planner.prepared.get(service) {
        return *done;
    }
    let runs = |other: &Replica<'_>| {
        other.service == service
            && other.fate == Fate::Keep
            && other.existing.is_some_and(|it| it.status.state.is_active())
    };
    let specs = match replicas.iter().any(runs) {
        true => &[][..],
        false => planner.desired.services.get(service).map_or(&[][..], |it| &it.pre_start),
    };
    let mut gate: Option<StepId> = None;
    for (index, spec) in specs.iter().enumerate() {
        let mut wanted = remove_last(planner, service, &spec.name);
        // The replica itself need not be there: only what it waits for.
        wanted.extend(after.iter().copied().filter(|step| !makes_container(planner, *step)));
        wanted.extend(planner.ground_of(spec));
        wanted.extend(gate);
        let reason = format!("{service} starts after it");
        let create = Action::CreateContainer(Box::new(spec.clone()));
        let create = planner.plan.push(create, reason.as_str(), wanted);
        let target = Target::created(&spec.name);
        let start =
            planner.plan.push(Action::StartContainer(target.clone()), reason.as_str(), [create]);
        let wait = Action::WaitFor(Await {
            container: target.clone(),
            service: service.to_owned(),
            condition: Condition::CompletedSuccessfully,
            dependency: true,
            pre_start: Some(index),
        });
        let wait = planner.plan.push(wait, reason.as_str(), [start]);
        let remove = Action::RemoveContainer { container: target, volumes: false, force: true };
        gate = Some(planner.plan.push(remove, "has done its work", [wait]));
    }
    planner.prepared.insert(service.to_owned(), gate);
    gate
}

/// Removes the container of this name that failed the last time.
fn remove_last(planner: &mut Planner<'_>, service: &str, name: &str) -> BTreeSet<StepId> {
    let left = containers_of(planner.observed, &planner.desired.project).find(|container| {
        container.spec.name == name
            && service_of(container) == service
            && !label(container, labels::HOOK).is_empty()
    });
    let target = left.map(Target::existing);
    let remove = target.map(|container| {
        let action = Action::RemoveContainer { container, volumes: false, force: true };
        planner.plan.push(action, "is left from the last time", [])
    });
    remove.into_iter().collect()
}

fn makes_container(planner: &Planner<'_>, step: StepId) -> bool {
    let step = planner.plan.step(step);
    step.is_some_and(|step| matches!(step.action, Action::CreateContainer(_)))
}
