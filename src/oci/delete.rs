//! Undoing what making a container did.

use oci_spec::runtime::ContainerState;
use rustix::mount::{UnmountFlags, unmount};

use crate::base::{Error, Kind, Result};
use crate::runtime::hooks;

use super::container::{Container, Status};

impl Container {
    /// Removes it, which must have stopped; with `force` it is killed first. Returns what went
    /// wrong without being a reason to stop, such as hooks that failed.
    ///
    /// # Errors
    /// It runs; its control group cannot be removed.
    pub fn delete(self, force: bool) -> Result<Vec<String>> {
        let lock = self.lock()?;
        let status = self.status()?;
        if status != Status::Stopped {
            if !force {
                let message = format!(
                    "cannot delete container {} that is not stopped: {}",
                    self.id(),
                    status.word()
                );
                return Err(Error::new(Kind::Conflict, message));
            }
            self.end()?;
        }
        if let Some(cgroup) = self.cgroup()? {
            // Processes may be left that are in no PID namespace of its own.
            cgroup.kill()?;
            cgroup.remove()?;
        }
        self.hide_root();
        let warnings = self.poststop();
        self.dir.remove()?;
        drop(lock);
        Ok(warnings)
    }

    /// Takes its root file system out of a mount namespace that it shared.
    pub(super) fn hide_root(&self) {
        if self.record.shows {
            // Not mounted if it was never made, or somebody was faster.
            let _ = unmount(&self.record.rootfs, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
    }

    /// Runs the hooks after the end; what fails is told, and the others run all the same.
    fn poststop(&self) -> Vec<String> {
        // One whose making was interrupted has no configuration, and so no hooks.
        let Ok(bundle) = self.bundle() else { return Vec::new() };
        let hooks = bundle.spec.hooks().as_ref().and_then(|hooks| hooks.poststop().as_deref());
        let state = self.hook_state(ContainerState::Stopped);
        let run = |hook: &oci_spec::runtime::Hook| {
            hooks::run(std::slice::from_ref(hook), "poststop", &state, None).err()
        };
        let failed = hooks.unwrap_or_default().iter().filter_map(run);
        failed.map(|error| error.to_string()).collect()
    }
}
