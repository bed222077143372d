//! What is left of a container whose shim was killed.

use std::os::fd::AsFd;
use std::time::Duration;

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags};
use rustix::process::PidfdFlags;
use rustix::time::Timespec;

use crate::base::{ContainerId, Context, Error, Result};
use crate::resource::ContainerSpec;
use crate::resource::container::{State, Status};
use crate::runtime::{Bundle, Cgroup};
use crate::state::{self, ContainerDir, Durability, Lock};

use super::{alive, launch, remove};

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The exit code of a run whose end nobody saw (Docker: 255).
pub(super) const LOST: i32 = 255;

/// Ends what is left of a container without a living shim: kills its processes, removes its
/// cgroup, and records that it was lost. Does nothing while its shim lives, and little when its
/// shim ended in order.
///
/// # Errors
/// Its processes do not die, or a record cannot be written.
pub fn recover(dir: &ContainerDir, id: &ContainerId) -> Result<()> {
    if !dir.run().exists() {
        return Ok(());
    }
    let Some(lock) = alive::take(dir)? else { return Ok(()) };
    end_processes(dir, id, &lock)?;
    let spec: Option<ContainerSpec> = state::read(&dir.spec())?;
    if spec.is_some_and(|spec| spec.auto_remove) {
        return remove::container(dir, &dir.roots()?, id);
    }
    if let Some(status) = state::read::<Status>(&dir.status())?
        && dir.data().exists()
    {
        state::write(&dir.exit(), &lost(status), Durability::Process)?;
    }
    std::fs::remove_dir_all(dir.run()).context(|| format!("cannot remove {}", dir.run().display()))
}

/// Kills the processes of a run whose shim died, and removes its cgroup. Does nothing after a shim
/// that ended in order. The lock says that no shim lives.
///
/// # Errors
/// Its processes do not die.
pub fn end_processes(dir: &ContainerDir, id: &ContainerId, _lock: &Lock) -> Result<()> {
    // What cannot be read decides nothing: the group is found by its name then.
    let bundle = state::read::<Bundle>(&dir.bundle()).unwrap_or_default();
    if bundle.is_none() && !dir.bundle().exists() {
        // It was never started.
        return Ok(());
    }
    if let Some(cgroup) = cgroup(bundle.as_ref(), id)? {
        kill(&cgroup, id)?;
        cgroup.remove()?;
    }
    match bundle.and_then(|bundle| Some((launch::foreign(&bundle, dir)?, bundle))) {
        Some((foreign, bundle)) => foreign.delete(&bundle),
        None => Ok(()),
    }
}

/// The control group of a container: where its bundle says, if that is a group named after it, and
/// else wherever one is named after it.
///
/// # Errors
/// The hierarchies cannot be found.
pub fn cgroup(bundle: Option<&Bundle>, id: &ContainerId) -> Result<Option<Cgroup>> {
    let written = bundle.and_then(|bundle| bundle.cgroup().ok());
    match written.filter(|path| path.as_path().file_name() == Some(id.as_str().as_ref())) {
        Some(path) => Cgroup::open(&path),
        None => Cgroup::named(id.as_str()),
    }
}

/// The record of a run whose end nobody saw.
fn lost(status: Status) -> Status {
    if !status.state.is_active() {
        return status;
    }
    Status {
        state: State::Dead,
        stopping: false,
        pid: None,
        exit_code: Some(LOST),
        finished_at: Some(Timestamp::now()),
        error: "its supervising process was killed".to_owned(),
        endpoints: Vec::new(),
        ports: Vec::new(),
        ..status
    }
}

/// Kills every process, also those that are being born, and waits until all are gone.
fn kill(cgroup: &Cgroup, id: &ContainerId) -> Result<()> {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        cgroup.kill()?;
        let processes = cgroup.processes()?;
        if processes.is_empty() {
            return Ok(());
        }
        for process in processes {
            // One that cannot be opened is gone already.
            let Ok(fd) = rustix::process::pidfd_open(process, PidfdFlags::empty()) else {
                continue;
            };
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                let message = format!("a process of container {} cannot be killed", id.short());
                return Err(Error::other(message));
            }
            let limit = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
            rustix::event::poll(&mut fds, Some(&limit))
                .map_err(std::io::Error::from)
                .context(|| "cannot wait for a process".to_owned())?;
        }
    }
}
