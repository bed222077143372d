//! Decides what to do, and does none of it.
//!
//! [`lower`] turns a project and the configurations of its images into [`Desired`]: containers,
//! networks and volumes with nothing left to decide. [`up`] compares that with what exists, and
//! returns the actions that close the gap, each with its reason and the actions it waits for;
//! [`down`], [`stop`] and the others do the same for their commands. The order of the actions does
//! not depend on time, hash order or anything but the inputs, so a plan is compared as text in
//! tests, and `--dry-run` prints the same text.
//!
//! Pure: no I/O, no clock, no questions to the user. A destructive action is marked as such, and
//! the command line asks before it lets `execute` have the plan.

mod check;
mod desired;
mod difference;
mod down;
mod gate;
mod hooks;
mod images;
mod lifecycle;
mod lower;
mod order;
mod project;
mod run;
mod step;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod text;
mod up;
mod uses;

pub use check::check;
pub use desired::{
    Condition, Dependency, Desired, DesiredNetwork, DesiredService, DesiredVolume, Owner,
};
pub use difference::differences;
pub use down::{DownOptions, RemoveImages, RemoveOptions, down, rm};
pub use hooks::post_start;
pub use images::{ImageOptions, image_names, images, needed_images};
pub use lifecycle::{Selection, kill, pause, restart, start, stop};
pub use lower::{
    LowerOptions, image_of, known_services, lower, restart_policy, signal_name, single, tmpfs,
};
pub use run::{RunOptions, run};
pub use step::{Action, Await, Fetch, Moment, Plan, Step, StepId, Target};
pub use text::Words;
pub use up::{Recreate, UpOptions, up};
