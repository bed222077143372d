//! One run of the health check.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::PipeFlags;

use crate::base::{Context, Result};
use crate::resource::process::{ExecSpec, HealthCheck};
use crate::runtime::{Started, Starting, Stdio};
use crate::sys::pidfd;

use super::launch::{Payload, null};
use super::output::read_capped;
use super::poller::{Interest, Poller, Source};
use super::supervisor::ProbeResult;

/// What is kept of a probe's output (Docker).
const MAX_OUTPUT: usize = 4096;

/// A probe that runs.
#[derive(Debug)]
pub(super) struct Probe {
    /// What events call it.
    id: String,
    /// Its process, once it is executed.
    process: Option<(i32, OwnedFd)>,
    pipe: File,
    output: Vec<u8>,
}

impl Probe {
    /// Begins to start the check's command in the container.
    ///
    /// # Errors
    /// It cannot be.
    pub(super) fn start(
        check: &HealthCheck,
        payload: &Payload,
        poller: &Poller,
    ) -> Result<(Probe, Starting)> {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)
            .map_err(std::io::Error::from)
            .context(|| "cannot make a pipe".to_owned())?;
        rustix::io::ioctl_fionbio(&reader, true)
            .map_err(std::io::Error::from)
            .context(|| "cannot read from a pipe".to_owned())?;
        let null = null()?;
        let spec = ExecSpec { argv: check.argv.clone(), ..ExecSpec::default() };
        let stdio =
            Stdio::Pipes { stdin: null.as_fd(), stdout: writer.as_fd(), stderr: writer.as_fd() };
        let starting = payload.exec(&spec, &stdio)?;
        poller
            .watch(reader.as_fd(), Source::Probe, Interest::READ)
            .context(|| "cannot wait for a probe".to_owned())?;
        let pipe = File::from(reader);
        Ok((Probe { id: String::new(), process: None, pipe, output: Vec::new() }, starting))
    }

    /// Its program is executed, and events call it `id`.
    pub(super) fn runs(&mut self, started: Started, id: String) {
        self.id = id;
        self.process = Some((started.pid.as_raw_pid(), started.pidfd));
    }

    /// Its process, once its program is executed.
    pub(super) fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(|(pid, _)| *pid)
    }

    /// What events call it, for the last of them.
    pub(super) fn take_id(&mut self) -> String {
        std::mem::take(&mut self.id)
    }

    /// Whether `pid` is its process.
    pub(super) fn is(&self, pid: i32) -> bool {
        self.pid() == Some(pid)
    }

    /// Takes what it printed, so that it never waits for us.
    pub(super) fn read(&mut self, poller: &Poller) {
        if !read_capped(&self.pipe, &mut self.output, MAX_OUTPUT) {
            poller.forget(self.pipe.as_fd());
        }
    }

    /// It ended with `code`, or is given up.
    pub(super) fn finish(mut self, code: i32, poller: &Poller) -> ProbeResult {
        self.read(poller);
        poller.forget(self.pipe.as_fd());
        ProbeResult { code, output: String::from_utf8_lossy(&self.output).into_owned() }
    }

    /// Kills it; whoever reaps children reaps it.
    pub(super) fn kill(&self) {
        if let Some((_, pidfd)) = &self.process {
            // It may just have ended by itself.
            let _ = pidfd::send_signal(pidfd.as_fd(), libc::SIGKILL);
        }
    }
}
