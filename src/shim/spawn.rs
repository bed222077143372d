//! Starting a shim: the caller's side.

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::base::{Context, Error, Result};
use crate::resource::container::Status;
use crate::state::ContainerDir;
use crate::sys::selfexe;

use super::protocol::Report;

/// The first argument of a shim's command line; its two directories follow.
pub const ARGUMENT: &str = "__shim";

/// Starts the container in `dir`, whose specification and bundle are written: starts its shim,
/// and returns when the program runs. `attachment` is the second half of
/// [`super::client::attachment`].
///
/// Blocks. The shim outlives the caller and needs nobody to wait for it.
///
/// # Errors
/// Why the container could not be started; its shim has ended then and left nothing but the exit
/// record. [`crate::base::Kind::Conflict`] when it runs already.
pub fn spawn(dir: &ContainerDir, attachment: Option<OwnedFd>) -> Result<Status> {
    let executable =
        selfexe::protected().context(|| "cannot protect our own executable".to_owned())?;
    spawn_from(executable.as_fd(), dir, attachment)
}

/// As [`spawn`], for a caller that is not this program itself: `executable` is.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_from(
    executable: BorrowedFd<'_>,
    dir: &ContainerDir,
    attachment: Option<OwnedFd>,
) -> Result<Status> {
    // The descriptor's number is valid in the child until it executes: that is when it is used.
    let mut child = Command::new(format!("/proc/self/fd/{}", executable.as_raw_fd()))
        .arg(ARGUMENT)
        .args([dir.data(), dir.run()])
        // Nothing of the caller's environment is a container's business. No directory is set: the
        // child would be a copy of all our pages then, where it now borrows them (`vfork`).
        .env_clear()
        // Ctrl-C is for the caller: before the shim has a session of its own it would hit it, too.
        .process_group(0)
        .stdin(attachment.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context(|| "cannot start the container's shim".to_owned())?;
    let mut text = Vec::new();
    let read = match &mut child.stdout {
        Some(report) => report.read_to_end(&mut text).map(drop),
        None => Ok(()),
    };
    // The shim proper is a grandchild; this one ended when that began.
    child.wait().context(|| "cannot wait for the container's shim".to_owned())?;
    read.context(|| "cannot read from the container's shim".to_owned())?;
    match serde_json::from_slice(&text) {
        Ok(Report::Started(status)) => Ok(*status),
        Ok(Report::Failed(failure)) => Err(failure.into()),
        Err(_) => Err(Error::other("the container's shim ended before the container ran")),
    }
}
