//! A command of a container's start or stop: run to its end, with what it printed.

use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::engine::{Engine, Exec, ExecStdio};
use crate::resource::process::ExecSpec;

/// How long output is waited for after the command ended: what it left running may hold its pipes.
const DRAIN: Duration = Duration::from_secs(1);

/// Lines of a failed command's errors that are told.
const LAST: usize = 5;

/// How a command ended.
pub(super) struct Ran {
    code: i32,
    errors: String,
    /// All it printed.
    pub(super) output: String,
}

/// Runs a command in a container.
///
/// # Errors
/// It cannot be started.
pub(super) async fn run<E: Engine>(
    engine: &E,
    id: &ContainerId,
    command: &ExecSpec,
) -> Result<Ran> {
    let failed = || "cannot make a pipe".to_owned();
    let (out, their_out) = std::io::pipe().context(failed)?;
    let (errors, their_errors) = std::io::pipe().context(failed)?;
    let input = std::fs::File::open("/dev/null").context(|| "cannot open /dev/null".to_owned())?;
    let pipes: [OwnedFd; 3] = [input.into(), their_out.into(), their_errors.into()];
    let mut exec = engine.exec(id, command, ExecStdio::Pipes(pipes)).await?;
    let (out, errors) = (collect(out), collect(errors));
    let code = exec.wait().await?;
    let (out, errors) = tokio::join!(received(out), received(errors));
    Ok(Ran { code, output: out + &errors, errors })
}

impl Ran {
    /// An error if it failed (Docker Compose: the same words).
    pub(super) fn verdict(&self, service: &str) -> Result<()> {
        if self.code == 0 {
            return Ok(());
        }
        let lines: Vec<&str> = self.errors.trim_end().lines().collect();
        let last = lines[lines.len().saturating_sub(LAST)..].join("\n");
        let message = format!("{service} hook exited with status {}", self.code);
        Err(Error::new(
            Kind::Other,
            if last.is_empty() { message } else { format!("{message}: {last}") },
        ))
    }
}

/// Whether a container had ended before a command could run in it.
pub(super) fn is_over(error: &Error) -> bool {
    matches!(error.kind(), Kind::NotFound | Kind::Conflict)
}

/// Reads to the end in a thread of its own, which nobody waits for.
fn collect(mut pipe: PipeReader) -> oneshot::Receiver<String> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until an error is all there is to tell.
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

async fn received(output: oneshot::Receiver<String>) -> String {
    tokio::time::timeout(DRAIN, output).await.ok().and_then(Result::ok).unwrap_or_default()
}
