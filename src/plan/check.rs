//! What holds for every plan, whatever it was made from.

use std::collections::BTreeMap;

use super::step::{Action, Plan, Step, StepId};
use super::uses::{networks, volumes};

/// Sentences about what is wrong with a plan; none: it can be carried out.
///
/// Every step has a reason, and waits only for steps before it. What a step needs and this plan
/// makes (container, network, volume, a free name) is made by a step it waits for; what it
/// makes anew is removed before.
#[must_use]
pub fn check(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    let before = Before::of(plan, &mut found);
    let makers = Makers::of(plan);
    for step in &plan.steps {
        if step.reason.is_empty() {
            found.push(format!("{} has no reason", step.id));
        }
        for (what, maker) in makers.needed_by(step) {
            match maker {
                Some(maker) if before.has(step.id, maker) => {}
                Some(maker) => found.push(format!("{} needs {what} but not {maker}", step.id)),
                None => found.push(format!("{} needs {what}, which no step makes", step.id)),
            }
        }
        for other in plan.steps.iter().filter(|other| must_end_before(other, step)) {
            if !before.has(step.id, other.id) {
                found.push(format!("{} does not wait for {}", step.id, other.id));
            }
        }
    }
    found
}

/// For each step, all steps that are done before it, as bits.
struct Before(Vec<Vec<u64>>);

impl Before {
    fn of(plan: &Plan, found: &mut Vec<String>) -> Before {
        let words = plan.steps.len().div_ceil(64);
        let mut sets: Vec<Vec<u64>> = Vec::with_capacity(plan.steps.len());
        for (index, step) in plan.steps.iter().enumerate() {
            if step.id.index() != index {
                found.push(format!("{} is at place {}", step.id, index + 1));
            }
            let mut set = vec![0; words];
            for id in &step.after {
                match sets.get(id.index()) {
                    None => {
                        found.push(format!("{} waits for {id}, which is not before it", step.id));
                    }
                    Some(other) => {
                        set.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
                        set[id.index() / 64] |= 1 << (id.index() % 64);
                    }
                }
            }
            sets.push(set);
        }
        Before(sets)
    }

    fn has(&self, step: StepId, other: StepId) -> bool {
        self.0[step.index()][other.index() / 64] >> (other.index() % 64) & 1 == 1
    }
}

/// Which step makes what.
#[derive(Default)]
struct Makers<'a> {
    containers: BTreeMap<&'a str, StepId>,
    networks: BTreeMap<&'a str, StepId>,
    volumes: BTreeMap<&'a str, StepId>,
}

impl<'a> Makers<'a> {
    fn of(plan: &'a Plan) -> Makers<'a> {
        let mut makers = Makers::default();
        for step in &plan.steps {
            match &step.action {
                Action::CreateContainer(spec) => makers.containers.insert(&spec.name, step.id),
                Action::CreateNetwork(spec) => makers.networks.insert(&spec.name, step.id),
                Action::CreateVolume(spec) => makers.volumes.insert(&spec.name, step.id),
                _ => None,
            };
        }
        makers
    }

    /// What a step needs, and which step makes it. Networks and volumes that this plan does not
    /// make exist already.
    fn needed_by(&self, step: &Step) -> Vec<(String, Option<StepId>)> {
        if let Action::CreateContainer(spec) = &step.action {
            let made = |kind: &str, name: &str, makers: &BTreeMap<&str, StepId>| {
                makers.get(name).map(|maker| (format!("{kind} {name}"), Some(*maker)))
            };
            let networks = networks(spec).filter_map(|name| made("network", name, &self.networks));
            let volumes = volumes(spec).filter_map(|name| made("volume", name, &self.volumes));
            return networks.chain(volumes).collect();
        }
        let new = step.action.container().filter(|container| container.id.is_none());
        new.map(|container| {
            let maker = self.containers.get(container.name.as_str()).copied();
            (format!("container {}", container.name), maker)
        })
        .into_iter()
        .collect()
    }
}

/// Whether `step` may only be done once `other` is.
fn must_end_before(other: &Step, step: &Step) -> bool {
    match (&other.action, &step.action) {
        // A container is stopped before it is removed, and only then is its name free.
        (
            Action::StopContainer { container: a, .. },
            Action::RemoveContainer { container: b, .. },
        ) => a == b,
        (Action::RemoveContainer { container, .. }, Action::CreateContainer(spec)) => {
            // One that the plan itself makes is gone after that.
            container.id.is_some() && container.name == spec.name
        }
        // A network or volume is removed before it is made anew.
        (Action::RemoveNetworks(names), Action::CreateNetwork(spec)) => names.contains(&spec.name),
        (Action::RemoveVolume(name), Action::CreateVolume(spec)) => *name == spec.name,
        _ => false,
    }
}
