//! What a shim writes about its container.

use crate::base::Result;
use crate::resource::container::{State, Status};
use crate::state::{self, ContainerDir, Durability};

use super::recover::LOST;

/// The container's records on disk, as far as they were written.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// What the fallback says of stopping by hand; `None`: there is no fallback yet.
    fallback: Option<bool>,
}

impl Records {
    /// Writes the live status, for those who look without asking.
    pub(super) fn changed(&mut self, dir: &ContainerDir, status: &Status) {
        // On tmpfs; when memory is that short, watchers still get the status by socket.
        let _ = state::write(&dir.status(), status, Durability::Process);
        let needed = status.state.is_active() && self.fallback != Some(status.stopped_by_hand);
        if needed && state::write(&dir.exit(), &fallback(status), Durability::Process).is_ok() {
            self.fallback = Some(status.stopped_by_hand);
        }
    }

    /// Writes the last status, which outlives the shim.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn ended(&self, dir: &ContainerDir, status: &Status) -> Result<()> {
        let last = Status { endpoints: Vec::new(), ports: Vec::new(), ..status.clone() };
        state::write(&dir.exit(), &last, Durability::Process)
    }
}

/// What the exit record says while the container runs: it is read only if the machine goes down
/// under us and takes the live status along (Docker: exit code 255).
fn fallback(status: &Status) -> Status {
    Status {
        state: State::Exited,
        stopping: false,
        pid: None,
        exit_code: Some(LOST),
        health: None,
        endpoints: Vec::new(),
        ports: Vec::new(),
        ..status.clone()
    }
}
