//! What a container that is about to start waits for: its dependencies, each in its condition.

use std::collections::BTreeMap;

use crate::resource::container::{HealthStatus, State};
use crate::resource::{Container, ContainerSpec};

use super::desired::{Condition, Dependency};
use super::step::{Action, Await, Plan, StepId, Target};

/// A container that others may wait for.
pub(super) struct Peer<'a> {
    /// Which one.
    pub(super) target: Target,
    /// Its service.
    pub(super) service: &'a str,
    /// How it is, when the plan leaves it alone.
    pub(super) untouched: Option<&'a Container>,
}

/// Steps that start containers or wait for them, so that each is made once.
#[derive(Default)]
pub(super) struct Gates {
    starts: BTreeMap<Target, StepId>,
    waits: BTreeMap<(Await, bool), StepId>,
}

impl Gates {
    /// Remembers the step that starts (or thaws) a container.
    pub(super) fn started(&mut self, container: Target, step: StepId) {
        self.starts.insert(container, step);
    }

    /// The step after which `peer` is as `dependency` asks; made now if nobody needed it before.
    /// `None`: it is so already, or will be without a step.
    pub(super) fn wait(
        &mut self,
        plan: &mut Plan,
        peer: &Peer<'_>,
        dependency: Dependency,
        needed_by: &str,
    ) -> Option<StepId> {
        let start = self.starts.get(&peer.target).copied();
        let condition = dependency.condition;
        if condition == Condition::Started {
            return start;
        }
        let reason = format!("{needed_by} depends on it");
        self.push(plan, peer, condition, (true, !dependency.required), &reason)
    }

    /// As [`Gates::wait`], for `--wait`: nobody depends on it, but the user wants to know.
    pub(super) fn wait_for_user(&mut self, plan: &mut Plan, peer: &Peer<'_>, condition: Condition) {
        self.push(plan, peer, condition, (false, false), "--wait");
    }

    fn push(
        &mut self,
        plan: &mut Plan,
        peer: &Peer<'_>,
        condition: Condition,
        (dependency, optional): (bool, bool),
        reason: &str,
    ) -> Option<StepId> {
        if peer.untouched.is_some_and(|container| holds(container, condition)) {
            return None;
        }
        let (container, service) = (peer.target.clone(), peer.service.to_owned());
        let wait = Await { container, service, condition, dependency, pre_start: None };
        let for_others = (Await { dependency: true, ..wait.clone() }, false);
        if let Some(step) = self.waits.get(&for_others).filter(|_| !dependency) {
            return Some(*step);
        }
        if let Some(step) = self.waits.get(&(wait.clone(), optional)) {
            return Some(*step);
        }
        let (action, after) =
            (Action::WaitFor(wait.clone()), self.starts.get(&peer.target).copied());
        let step = match optional {
            true => plan.push_optional(action, reason, after),
            false => plan.push(action, reason, after),
        };
        self.waits.insert((wait, optional), step);
        Some(step)
    }
}

/// What `--wait` waits for.
pub(super) fn goal(spec: &ContainerSpec, is_job: bool) -> Condition {
    match (is_job, &spec.health) {
        (true, _) => Condition::CompletedSuccessfully,
        (false, Some(_)) => Condition::Healthy,
        (false, None) => Condition::Started,
    }
}

/// Whether a container is as others need it, as of the snapshot.
pub(super) fn holds(container: &Container, condition: Condition) -> bool {
    let status = &container.status;
    let healthy = || status.health.as_ref().is_some_and(|it| it.status == HealthStatus::Healthy);
    match condition {
        Condition::Started => status.state == State::Running,
        Condition::Healthy => status.state == State::Running && healthy(),
        Condition::CompletedSuccessfully => {
            status.state == State::Exited && status.exit_code == Some(0)
        }
    }
}
