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
        // What a user has decided holds after a crash of the machine; that a container ran shows
        // from a torn record as well.
        let durability = match status.stopped_by_hand {
            true => Durability::Machine,
            false => Durability::Process,
        };
        if needed && state::write(&dir.exit(), &fallback(status), durability).is_ok() {
            self.fallback = Some(status.stopped_by_hand);
        }
    }

    /// Writes the last status, which outlives the shim.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn ended(&self, dir: &ContainerDir, status: &Status) -> Result<()> {
        let last = Status { endpoints: Vec::new(), ports: Vec::new(), ..status.clone() };
        // First where there is always room; it counts until the disk has it.
        let _ = state::write(&dir.status(), &last, Durability::Process);
        state::record::write_last(&dir.exit(), &last, &dir.roots()?.reserve())
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
