//! Signals to a container, and its end.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::pidfd;

use super::container::{Container, Status, not_running};

/// How long processes may take to end when they are killed.
const PATIENCE: Duration = Duration::from_secs(10);

impl Container {
    /// Sends a signal, by name or number, to its first process, or to all of its processes; `0`
    /// only asks whether it could (kill(2)).
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what is no signal; it does not run.
    pub fn kill(&self, signal: &str, all: bool) -> Result<()> {
        let number = if signal == "0" { Some(0) } else { pidfd::signal_number(signal) };
        let number = number
            .ok_or_else(|| Error::new(Kind::Invalid, format!("unknown signal {signal:?}")))?;
        if all {
            return self.kill_all(number);
        }
        let status = self.status()?;
        let process = self.process()?.filter(|_| status != Status::Stopped);
        send(&process.ok_or_else(not_running)?, number)?;
        // A frozen process dies when it is thawed (v1).
        match (number, status) {
            (libc::SIGKILL, Status::Paused) => self.needed_cgroup()?.thaw(),
            _ => Ok(()),
        }
    }

    fn kill_all(&self, number: i32) -> Result<()> {
        let Some(cgroup) = self.cgroup()? else { return Err(not_running()) };
        if number == libc::SIGKILL {
            return cgroup.kill();
        }
        for pid in cgroup.processes()? {
            // One that has just ended needs no signal.
            if let Ok(process) =
                rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
            {
                send(&process, number)?;
            }
        }
        Ok(())
    }

    /// Kills all of its processes, and waits until the first one is gone.
    pub(super) fn end(&self) -> Result<()> {
        let process = self.process()?;
        if let Some(process) = &process {
            send(process, libc::SIGKILL)?;
        }
        if let Some(cgroup) = self.cgroup()? {
            cgroup.kill()?;
        }
        match process {
            Some(process) if !ends(&process, PATIENCE)? => {
                Err(Error::new(Kind::TimedOut, "the container's process does not end"))
            }
            _ => Ok(()),
        }
    }
}

fn send(process: &OwnedFd, number: i32) -> Result<()> {
    match pidfd::send_signal(std::os::fd::AsFd::as_fd(process), number) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        result => result.context(|| format!("cannot send signal {number}")),
    }
}

/// Waits for a process's end, at most so long; whether it came.
pub(super) fn ends(process: &OwnedFd, limit: Duration) -> Result<bool> {
    let limit =
        Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
    loop {
        match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit)) {
            Err(rustix::io::Errno::INTR) => {}
            result => {
                let ready = result.map_err(std::io::Error::from);
                return Ok(ready.context(|| "cannot wait for a process".to_owned())? > 0);
            }
        }
    }
}
