//! The first round: what goes, those first that depend on others.

use std::collections::BTreeMap;

use crate::plan::hooks;
use crate::plan::project::{containers_of, is_one_off, label, service_of};
use crate::plan::step::{Action, StepId, Target};
use crate::resource::{Container, labels};

use super::Planner;
use super::fate::{Fate, Replica};

/// Containers of services that the compose files do not have any more, and of `run` that ended:
/// removed if that was asked for, else mentioned.
pub(super) fn orphans(planner: &mut Planner<'_>) {
    let desired = planner.desired;
    let known =
        |service: &str| desired.services.contains_key(service) || desired.others.contains(service);
    let orphans: Vec<&Container> = containers_of(planner.observed, &desired.project)
        .filter(|container| {
            // What `pre_start` left is taken care of by its service.
            let loose = is_one_off(container) && label(container, labels::HOOK).is_empty();
            match loose {
                true => !container.status.state.is_active(),
                false => !known(service_of(container)),
            }
        })
        .collect();
    if planner.options.remove_orphans {
        for container in orphans {
            remove(planner, container, "its service is not in the compose files", "orphan", []);
        }
    } else if !orphans.is_empty() && !planner.options.ignore_orphans {
        let names: Vec<&str> = orphans.iter().map(|it| it.spec.name.as_str()).collect();
        planner.plan.warnings.push(format!(
            "Found orphan containers ({}) for this project. If you removed or renamed this \
             service in your compose file, you can run this command with the --remove-orphans \
             flag to clean it up.",
            names.join(", ")
        ));
    }
}

/// Stops what is replaced, restarted or surplus, and removes it.
pub(super) fn replicas(planner: &mut Planner<'_>, replicas: &[Replica<'_>]) {
    let mut stopped: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    for replica in replicas.iter().rev() {
        let Some(container) = replica.existing else { continue };
        let dependents = planner.dependents.get(replica.service).into_iter().flatten();
        let before: Vec<StepId> =
            dependents.filter_map(|name| stopped.get(name)).flatten().copied().collect();
        let stop = match replica.fate {
            Fate::Restart => stop(planner, container, &replica.reason, before),
            Fate::Replace => remove(planner, container, &replica.reason, "replaced", before),
            Fate::Remove => remove(planner, container, &replica.reason, "surplus", before),
            Fate::Keep | Fate::Start | Fate::Unpause | Fate::Create => continue,
        };
        stopped.entry(replica.service).or_default().push(stop);
    }
}

/// Returns the step after which the container has stopped.
fn stop(
    planner: &mut Planner<'_>,
    container: &Container,
    reason: &str,
    before: impl IntoIterator<Item = StepId>,
) -> StepId {
    let (target, grace) = (Target::existing(container), planner.options.timeout);
    let action = Action::StopContainer { container: target, grace };
    let before = hooks::before_stop(&mut planner.plan, container, before.into_iter().collect());
    let step = planner.plan.push(action, reason, before);
    planner.gone.insert(container.id.clone(), step);
    step
}

/// Stops a container if it is active, and removes it. Returns the step after which it has stopped.
fn remove(
    planner: &mut Planner<'_>,
    container: &Container,
    reason: &str,
    then: &str,
    before: impl IntoIterator<Item = StepId>,
) -> StepId {
    let active = container.status.state.is_active();
    let stopped = active.then(|| stop(planner, container, reason, before));
    let action = Action::RemoveContainer {
        container: Target::existing(container),
        volumes: false,
        // What a killed command was about to start may run by then, and shall go all the same.
        force: true,
    };
    let step = planner.plan.push(action, if active { then } else { reason }, stopped);
    planner.gone.insert(container.id.clone(), step);
    stopped.unwrap_or(step)
}
