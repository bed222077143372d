//! The builder's side: starts the process, reads what the step prints, can end it.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::selfexe;

use super::{ARGUMENT, Order, Report};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit code; a signal counts 128 and its number.
    Code(i32),
    /// It was stopped because another step failed.
    Cancelled,
}

/// Milliseconds between two looks at whether the step is to be stopped.
const PATIENCE: i32 = 100;

/// Runs a step; `output` gets what it prints. Ends it when `stop` becomes true.
///
/// # Errors
/// The container could not be started.
pub fn run(order: &Order, stop: &AtomicBool, output: &mut dyn FnMut(&[u8])) -> Result<End> {
    let (mut child, reader) = start(order)?;
    let read = read(&mut child, reader, stop, output);
    if !matches!(read, Ok(false)) {
        // It takes the container down and ends when this closes.
        drop(child.stdin.take());
    }
    let status = child.wait().context(|| "cannot wait for a build step".to_owned())?;
    if read? {
        return Ok(End::Cancelled);
    }
    if let Ok(text) = std::fs::read(&order.report)
        && let Ok(report) = serde_json::from_slice::<Report>(&text)
    {
        return Err(Error::new(Kind::Other, report.message));
    }
    match status.code() {
        Some(code) => Ok(End::Code(code)),
        None => Err(Error::other("the process of a build step was killed")),
    }
}

/// Both output streams go into one pipe, so that lines come in the order they were printed.
fn start(order: &Order) -> Result<(Child, OwnedFd)> {
    let executable =
        selfexe::protected().context(|| "cannot protect our own executable".to_owned())?;
    let (reader, writer) = std::io::pipe().context(|| "cannot make a pipe".to_owned())?;
    let second = writer.try_clone().context(|| "cannot make a pipe".to_owned())?;
    let mut command = Command::new(format!("/proc/self/fd/{}", executable.as_raw_fd()));
    // A process group of its own: an interrupt at the terminal is for the builder alone.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command
        .arg(ARGUMENT)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(second)
        .spawn()
        .context(|| "cannot start a build step".to_owned())?;
    let mut text = serde_json::to_vec(order)
        .map_err(|error| Error::other("cannot encode a build step").with_source(error))?;
    text.push(b'\n');
    let sent = match &mut child.stdin {
        Some(stdin) => stdin.write_all(&text).and_then(|()| stdin.flush()),
        None => Ok(()),
    };
    sent.context(|| "cannot start a build step".to_owned())?;
    Ok((child, reader.into()))
}

/// Reads until the step closes its output; true: it was told to stop before.
fn read(
    child: &mut Child,
    reader: OwnedFd,
    stop: &AtomicBool,
    output: &mut dyn FnMut(&[u8]),
) -> Result<bool> {
    let mut file = std::fs::File::from(reader);
    let mut buffer = vec![0; 64 << 10];
    loop {
        if stop.load(Ordering::Relaxed) && child.stdin.is_some() {
            return Ok(true);
        }
        let mut polled = [rustix::event::PollFd::new(&file, rustix::event::PollFlags::IN)];
        let patience =
            rustix::event::Timespec { tv_sec: 0, tv_nsec: i64::from(PATIENCE) * 1_000_000 };
        match rustix::event::poll(&mut polled, Some(&patience)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => {
                return Err(std::io::Error::from(error))
                    .context(|| "cannot read from a build step".to_owned());
            }
        }
        let count =
            file.read(&mut buffer).context(|| "cannot read from a build step".to_owned())?;
        match count {
            0 => return Ok(false),
            count => output(&buffer[..count]),
        }
    }
}
