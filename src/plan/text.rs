//! How plans and steps are written: as text for people and tests, as JSON for programs, and as the
//! words that progress lines use.

use std::fmt;

use serde_json::{Value, json};

use super::desired::Condition;
use super::step::{Action, Await, Moment, Plan, Step, StepId};

/// Words of a progress line: ` Container demo-web-1  Creating`, and then `Created`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// While it is done.
    pub doing: &'static str,
    /// When it is done.
    pub done: &'static str,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// `#2 remove web-1: replaced, after #1`
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.id, self.action, self.reason)?;
        for (index, id) in self.after.iter().enumerate() {
            write!(f, "{}{id}", if index == 0 { ", after " } else { " " })?;
        }
        f.write_str(if self.destructive { " (data is lost)" } else { "" })
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// `create network demo_default`
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Pull { image, .. } => write!(f, "pull {image}"),
            Action::CreateNetwork(spec) => write!(f, "create network {}", spec.name),
            Action::RemoveNetworks(names) => write!(f, "remove networks {}", names.join(" ")),
            Action::CreateVolume(spec) => write!(f, "create volume {}", spec.name),
            Action::RemoveVolume(name) => write!(f, "remove volume {name}"),
            Action::RemoveImage(name) => write!(f, "remove image {name}"),
            Action::CreateContainer(spec) => write!(f, "create {}", spec.name),
            Action::StartContainer(container) => write!(f, "start {}", container.name),
            Action::WaitFor(Await { container, condition, .. }) => {
                write!(f, "wait until {} is {}", container.name, adjective(*condition))
            }
            Action::StopContainer { container, .. } => write!(f, "stop {}", container.name),
            Action::KillContainer { container, signal } => {
                write!(f, "send {signal} to {}", container.name)
            }
            Action::PauseContainer { container, paused } => {
                write!(f, "{} {}", if *paused { "pause" } else { "unpause" }, container.name)
            }
            Action::RunHook { container, moment, .. } => {
                write!(f, "run {} of {}", moment.as_str(), container.name)
            }
            Action::RemoveContainer { container, .. } => write!(f, "remove {}", container.name),
            Action::RenameContainer { container, name } => {
                write!(f, "rename {} to {name}", container.name)
            }
        }
    }
}

impl Action {
    /// What it is about, as Docker Compose's progress names it: `Container demo-web-1`.
    #[must_use]
    pub fn subject(&self) -> String {
        let (kind, name) = self.kind_and_name();
        format!("{kind} {name}")
    }

    /// `Container` and its name, and so on.
    fn kind_and_name(&self) -> (&'static str, String) {
        match self {
            Action::Pull { image, .. } | Action::RemoveImage(image) => ("Image", image.clone()),
            Action::CreateNetwork(spec) => ("Network", spec.name.clone()),
            Action::RemoveNetworks(names) => ("Network", names.join(" ")),
            Action::CreateVolume(spec) => ("Volume", spec.name.clone()),
            Action::RemoveVolume(name) => ("Volume", name.clone()),
            Action::CreateContainer(spec) => ("Container", spec.name.clone()),
            other => ("Container", other.container().map_or_else(String::new, |c| c.name.clone())),
        }
    }

    /// Its words in progress lines (Docker Compose: the same).
    #[must_use]
    pub fn words(&self) -> Words {
        let (doing, done) = match self {
            Action::Pull { .. } => ("Pulling", "Pulled"),
            Action::CreateNetwork(_) | Action::CreateVolume(_) | Action::CreateContainer(_) => {
                ("Creating", "Created")
            }
            Action::RemoveNetworks(_)
            | Action::RemoveVolume(_)
            | Action::RemoveImage(_)
            | Action::RemoveContainer { .. } => ("Removing", "Removed"),
            Action::StartContainer(_) => ("Starting", "Started"),
            Action::WaitFor(Await { condition, .. }) => ("Waiting", reached(*condition)),
            Action::StopContainer { .. } => ("Stopping", "Stopped"),
            Action::RunHook { moment: Moment::PostStart, .. } => ("Running post_start", "Started"),
            Action::RunHook { moment: Moment::PreStop, .. } => ("Running pre_stop", "Ran pre_stop"),
            Action::KillContainer { .. } => ("Killing", "Killed"),
            Action::PauseContainer { paused: true, .. } => ("Pausing", "Paused"),
            Action::PauseContainer { paused: false, .. } => ("Unpausing", "Unpaused"),
            Action::RenameContainer { .. } => ("Renaming", "Renamed"),
        };
        Words { doing, done }
    }
}

/// The word of a progress line when a condition is reached.
fn reached(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "Running",
        Condition::Healthy => "Healthy",
        Condition::CompletedSuccessfully => "Exited",
    }
}

/// What a container is when it is as others need it.
fn adjective(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "running",
        Condition::Healthy => "healthy",
        Condition::CompletedSuccessfully => "completed",
    }
}

impl Plan {
    /// `{"steps": [{"id": 1, "do": "stop web-1", …}], "kept": […], "warnings": […]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(Step::to_json).collect();
        json!({ "steps": steps, "kept": self.kept, "warnings": self.warnings })
    }
}

impl Step {
    /// See [`Plan::to_json`].
    #[must_use]
    pub fn to_json(&self) -> Value {
        let after: Vec<u32> = self.after.iter().map(|id| id.0).collect();
        json!({
            "id": self.id.0,
            "do": self.action.to_string(),
            "subject": self.action.subject(),
            "reason": self.reason,
            "after": after,
            "destructive": self.destructive,
        })
    }
}
