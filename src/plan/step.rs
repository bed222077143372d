//! A plan: steps, each one engine call, with a reason and the steps it waits for.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::ContainerId;
use crate::resource::process::ExecSpec;
use crate::resource::{Container, ContainerSpec, NetworkSpec, VolumeSpec};

use super::desired::Condition;

/// What to do, in an order in which it could be done one by one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Step `#n` is at index n - 1; predecessors come first.
    pub steps: Vec<Step>,
    /// Names of containers that were looked at and are right as they are, in order of service.
    pub kept: Vec<String>,
    /// One sentence each about what was found and is left alone, as orphans.
    pub warnings: Vec<String>,
}

/// One engine call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its place in the plan.
    pub id: StepId,
    /// What is done.
    pub action: Action,
    /// What differs between what is wanted and what exists.
    pub reason: String,
    /// Steps that must be done before; all of them have lower ids.
    pub after: BTreeSet<StepId>,
    /// Data is lost for good.
    pub destructive: bool,
    /// When it fails, that is only worth a warning, and what comes after is done all the same.
    pub optional: bool,
}

/// Number of a step in its plan, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u32);

/// A container that a step is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its name, as in `myproject-web-1`.
    pub name: String,
    /// `None`: the one that a step of this plan creates under this name.
    pub id: Option<ContainerId>,
}

/// What a step does: one variant for each method of the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Fetch an image.
    Pull {
        /// As the user wrote it.
        image: String,
        /// Whether the registry is asked though the store has it.
        fetch: Fetch,
        /// As in `linux/arm64`; `None`: this machine's.
        platform: Option<String>,
    },
    /// Make a network.
    CreateNetwork(NetworkSpec),
    /// Remove networks in one go.
    RemoveNetworks(Vec<String>),
    /// Make a volume.
    CreateVolume(VolumeSpec),
    /// Remove a volume and its data.
    RemoveVolume(String),
    /// Remove a name of an image, and the image with its last name.
    RemoveImage(String),
    /// Make a container.
    CreateContainer(Box<ContainerSpec>),
    /// Start a container.
    StartContainer(Target),
    /// Wait until a container is as others need it.
    WaitFor(Await),
    /// Stop a container.
    StopContainer {
        /// Which one.
        container: Target,
        /// Time before it is killed; `None`: its own.
        grace: Option<Duration>,
    },
    /// Send a signal to a container's first process.
    KillContainer {
        /// Which one.
        container: Target,
        /// As in `SIGHUP`.
        signal: String,
    },
    /// Freeze (`true`) or thaw (`false`) a container.
    PauseContainer {
        /// Which one.
        container: Target,
        /// Whether it shall be frozen.
        paused: bool,
    },
    /// Run a command in a container that belongs to its start or its stop.
    RunHook {
        /// Which one.
        container: Target,
        /// Its service.
        service: String,
        /// When it runs.
        moment: Moment,
        /// What runs.
        command: Box<ExecSpec>,
    },
    /// Remove a container.
    RemoveContainer {
        /// Which one.
        container: Target,
        /// With its anonymous volumes.
        volumes: bool,
        /// Kill it first if it runs.
        force: bool,
    },
    /// Give a container another name.
    RenameContainer {
        /// Which one.
        container: Target,
        /// The new name.
        name: String,
    },
}

/// When a command of a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Right after the start.
    PostStart,
    /// Before the stop.
    PreStop,
}

impl Moment {
    /// The key of a compose file that asks for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Moment::PostStart => "post_start",
            Moment::PreStop => "pre_stop",
        }
    }
}

/// Whether a registry is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Only when the store does not have the image.
    Missing,
    /// Always, for a newer one.
    Always,
}

/// A container, and the condition it must reach before the plan goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Await {
    /// Which one.
    pub container: Target,
    /// Its service.
    pub service: String,
    /// What is waited for.
    pub condition: Condition,
    /// Another service needs it; `false`: `up --wait` asked for it.
    pub dependency: bool,
    /// It is a container of `pre_start`: which one, from 0.
    pub pre_start: Option<usize>,
}

impl Plan {
    /// Adds a step and returns its id.
    pub fn push(
        &mut self,
        action: Action,
        reason: impl Into<String>,
        after: impl IntoIterator<Item = StepId>,
    ) -> StepId {
        let id = StepId(self.steps.len() as u32 + 1);
        let (reason, after) = (reason.into(), after.into_iter().collect());
        let destructive = action.is_destructive();
        self.steps.push(Step { id, action, reason, after, destructive, optional: false });
        id
    }

    /// Adds a step whose failure is only worth a warning.
    pub fn push_optional(
        &mut self,
        action: Action,
        reason: impl Into<String>,
        after: impl IntoIterator<Item = StepId>,
    ) -> StepId {
        let id = self.push(action, reason, after);
        self.steps[id.index()].optional = true;
        id
    }

    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The step with this id.
    #[must_use]
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id.index())
    }

    /// Steps that lose data for good.
    pub fn destructive(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.destructive)
    }
}

impl StepId {
    /// Its index among the steps of its plan.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize - 1
    }
}

impl Target {
    /// A container that exists.
    #[must_use]
    pub fn existing(container: &Container) -> Target {
        Target { name: container.spec.name.clone(), id: Some(container.id.clone()) }
    }

    /// The container that a step of the plan creates under this name.
    #[must_use]
    pub fn created(name: &str) -> Target {
        Target { name: name.to_owned(), id: None }
    }
}

impl Action {
    /// Whether it only waits for what users' programs do: it may take for ever.
    #[must_use]
    pub fn waits_for_programs(&self) -> bool {
        matches!(self, Action::WaitFor(_) | Action::RunHook { .. })
    }

    /// The container it is about, unless it makes one.
    #[must_use]
    pub fn container(&self) -> Option<&Target> {
        match self {
            Action::StartContainer(container)
            | Action::WaitFor(Await { container, .. })
            | Action::StopContainer { container, .. }
            | Action::KillContainer { container, .. }
            | Action::PauseContainer { container, .. }
            | Action::RunHook { container, .. }
            | Action::RemoveContainer { container, .. }
            | Action::RenameContainer { container, .. } => Some(container),
            _ => None,
        }
    }

    /// Whether data is lost for good. What a container wrote into its own layer does not count:
    /// nobody expects that to stay.
    fn is_destructive(&self) -> bool {
        matches!(self, Action::RemoveVolume(_) | Action::RemoveContainer { volumes: true, .. })
    }
}
