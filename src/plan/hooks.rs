//! Commands that belong to the starts and stops of containers, as steps of a plan.

use crate::resource::container::State;
use crate::resource::process::ExecSpec;
use crate::resource::{Container, ContainerSpec, labels};

use super::step::{Action, Moment, Plan, StepId, Target};

/// Adds what runs right after a container started. Returns the step after which it counts as
/// started: the last of them, or the start itself.
pub(super) fn after_start(
    plan: &mut Plan,
    container: &Target,
    spec: &ContainerSpec,
    start: StepId,
) -> StepId {
    spec.hooks.post_start.iter().fold(start, |before, command| {
        let action = hook(container, spec, Moment::PostStart, command);
        plan.push(action, "belongs to its start", [before])
    })
}

/// What runs right after a container started that was started by other means than a plan.
#[must_use]
pub fn post_start(container: &Target, spec: &ContainerSpec) -> Plan {
    let (mut plan, mut before) = (Plan::default(), None);
    for command in &spec.hooks.post_start {
        let action = hook(container, spec, Moment::PostStart, command);
        before = Some(plan.push(action, "belongs to its start", before));
    }
    plan
}

/// Adds what runs before a container is stopped. Returns the steps to wait for: the last of them,
/// or those that `before` has. A container that does not run has nowhere to run it.
pub(super) fn before_stop(
    plan: &mut Plan,
    container: &Container,
    before: Vec<StepId>,
) -> Vec<StepId> {
    if container.status.state != State::Running {
        return before;
    }
    let target = Target::existing(container);
    container.spec.hooks.pre_stop.iter().fold(before, |before, command| {
        let action = hook(&target, &container.spec, Moment::PreStop, command);
        vec![plan.push(action, "belongs to its stop", before)]
    })
}

fn hook(container: &Target, spec: &ContainerSpec, moment: Moment, command: &ExecSpec) -> Action {
    let label = |key: &str| spec.labels.get(key).cloned().unwrap_or_default();
    Action::RunHook {
        container: container.clone(),
        service: label(labels::SERVICE),
        moment,
        command: Box::new(command.clone()),
    }
}
