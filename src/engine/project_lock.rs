//! The lock on a project: one command at a time changes it.
//!
//! Held from before a command looks at the project until the last step of its plan has ended, so
//! that a second command sees what the first one did. Let go while all steps under way wait for
//! users' programs (health checks, ends of containers, hooks): those may take for ever, and may
//! call us. A stop is not such a wait: its grace period ends.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::{Error, Result};
use crate::state::Lock;
use crate::state::lock::holder;

pub use crate::state::lock::Holder;

/// How long another command is waited for without a word.
const SILENCE: Duration = Duration::from_secs(2);

/// The right to change a project. Dropping it, or dying, gives it back.
pub struct ProjectLock {
    file: Option<LockFile>,
    /// Never borrowed while somebody waits.
    held: RefCell<Option<Lock>>,
    /// Who changed the project while it was let go of.
    meanwhile: RefCell<Option<Holder>>,
}

struct LockFile {
    path: PathBuf,
    me: Holder,
    waiting: Box<dyn Fn(&Holder)>,
}

impl ProjectLock {
    /// A lock that keeps nobody out, for engines in memory and commands that change nothing.
    #[must_use]
    pub fn of_nothing() -> ProjectLock {
        ProjectLock { file: None, held: RefCell::default(), meanwhile: RefCell::default() }
    }

    /// Waits for the lock at `path`; `waiting` hears whom for, if that takes long.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) async fn wait(
        path: PathBuf,
        command: &str,
        waiting: Box<dyn Fn(&Holder)>,
    ) -> Result<ProjectLock> {
        let me = Holder { pid: std::process::id(), command: command.to_owned() };
        let file = Some(LockFile { path, me, waiting });
        let lock = ProjectLock { file, ..ProjectLock::of_nothing() };
        lock.hold().await?;
        // Who had it before this command looked at the project does not matter.
        lock.meanwhile.take();
        Ok(lock)
    }

    /// Lets go of it, until [`ProjectLock::hold`].
    pub fn release(&self) {
        self.held.take();
    }

    /// Waits for it again. Does nothing while it is held.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub async fn hold(&self) -> Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.held.borrow().is_none()) else {
            return Ok(());
        };
        let lock = match Lock::try_take(&file.path)? {
            Some(lock) => lock,
            None => file.wait().await?,
        };
        if let Some(other) = holder(&file.path).filter(|other| *other != file.me) {
            self.meanwhile.replace(Some(other));
        }
        lock.sign(&file.me)?;
        self.held.replace(Some(lock));
        Ok(())
    }

    /// Who changed the project while it was let go of; `None`: nobody did.
    #[must_use]
    pub fn changed_by(&self) -> Option<Holder> {
        self.meanwhile.borrow().clone()
    }
}

impl LockFile {
    /// Waits in a thread of its own: `flock(2)` has no other way to wait in line.
    async fn wait(&self) -> Result<Lock> {
        let path = self.path.clone();
        let mut taken = tokio::task::spawn_blocking(move || Lock::wait(&path));
        let done = match tokio::time::timeout(SILENCE, &mut taken).await {
            Ok(done) => done,
            Err(_) => {
                if let Some(other) = holder(&self.path) {
                    (self.waiting)(&other);
                }
                taken.await
            }
        };
        done.map_err(|error| Error::other("waiting for a lock ended early").with_source(error))?
    }
}
