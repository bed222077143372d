//! The lock on a project, for commands that change one.

use crate::cli::{Context, ProgressStyle, Result};
use crate::engine::{Engine, Holder, ProjectLock};

impl<E: Engine> Context<E> {
    /// Waits until no other command changes the project, and keeps others from it as long as the
    /// lock lives. Says whom it waits for after two seconds. A command that takes it observes and
    /// plans after that. Nothing is locked for `--dry-run`.
    ///
    /// # Errors
    /// The engine's state cannot be read.
    pub async fn lock_project(&self, project: &str, operation: &str) -> Result<ProjectLock> {
        if self.global().dry_run {
            return Ok(ProjectLock::of_nothing());
        }
        let quiet = matches!(self.style(), ProgressStyle::Quiet | ProgressStyle::Json);
        let (output, name) = (self.output().clone(), project.to_owned());
        let waiting = move |other: &Holder| {
            if !quiet {
                // Waiting goes on whether or not its reason can be told.
                let _ =
                    output.say_line(format!("Waiting for {other}, which changes project {name}"));
            }
        };
        let command = format!("compose {operation}");
        Ok(self.engine()?.lock_project(project, &command, Box::new(waiting)).await?)
    }
}
