//! Starting a container that was created.

use crate::base::{Error, Kind, Result};
use crate::runtime;
use crate::state::Lock;

use super::container::{Container, Status};
use super::create::pass_gate;

impl Container {
    /// Executes the program of a container that was created.
    ///
    /// # Errors
    /// It was started before; the program cannot be executed, or a hook fails: it is stopped then.
    pub fn start(&self) -> Result<()> {
        let _lock = self.lock()?;
        let refused = |message| Err(Error::new(Kind::Conflict, message));
        match self.status()? {
            Status::Created => {}
            Status::Running | Status::Paused => {
                return refused("cannot start an already running container");
            }
            Status::Stopped => return refused("cannot start a container that has stopped"),
            Status::Creating => return refused("cannot start a container that is being created"),
        }
        runtime::hear(pass_gate(&self.dir)?)?;
        // Executing closes the descriptor that we heard by before the one that says `created`: who
        // asks after this must not get the old answer.
        Lock::wait_shared(&self.dir.waiting())?;
        self.poststart()
    }
}
