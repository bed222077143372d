//! When a plan that is being carried out needs the lock on its project.

use crate::base::Result;
use crate::engine::ProjectLock;
use crate::plan::Step;

/// The lock, and how many steps under way need it.
pub(super) struct Hold<'a> {
    lock: Option<&'a ProjectLock>,
    changing: usize,
}

impl<'a> Hold<'a> {
    pub(super) fn new(lock: Option<&'a ProjectLock>) -> Hold<'a> {
        Hold { lock, changing: 0 }
    }

    /// Takes the lock if `step`, which is begun now, needs it.
    pub(super) async fn begin(&mut self, step: &Step) -> Result<()> {
        if step.action.waits_for_programs() {
            return Ok(());
        }
        if let Some(lock) = self.lock {
            lock.hold().await?;
        }
        self.changing += 1;
        Ok(())
    }

    /// Lets go of the lock if all steps under way wait for programs of users.
    pub(super) fn before_waiting(&self) {
        if let Some(lock) = self.lock.filter(|_| self.changing == 0) {
            lock.release();
        }
    }

    /// A step has ended.
    pub(super) fn end(&mut self, step: &Step) {
        if !step.action.waits_for_programs() {
            self.changing -= 1;
        }
    }
}
