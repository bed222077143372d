//! Running the other runtime's program, and what it says when it fails.

use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::process::{self, Fork};

use super::kind_of;

/// Standard input, output and errors.
pub(super) type Streams<'a> = [BorrowedFd<'a>; 3];

/// How long a runtime may take for one thing, in seconds (Docker: two minutes for a start).
const PATIENCE: i64 = 120;

/// The exit code of a child that could not execute the program.
const NOT_EXECUTED: i32 = 127;

/// Runs `program` to its end. Without `streams` it has the null device. `log` is where it writes
/// what went wrong, a JSON object a line.
///
/// # Errors
/// What it says, with the kind of failure that tells; [`Kind::TimedOut`] when it does not end.
pub(super) fn run(
    program: &Path,
    verb: &str,
    arguments: &[OsString],
    streams: Option<Streams<'_>>,
    log: &Path,
) -> Result<()> {
    let failed = || format!("cannot run {}", program.display());
    // Of an earlier call.
    match fs::remove_file(log) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).context(failed),
        _ => {}
    }
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(io::Error::from)
        .context(failed)?;
    let streams = streams.unwrap_or([null.as_fd(); 3]);
    let strings = Strings::new(program, arguments).context(failed)?;
    match process::clone(0, None).context(failed)? {
        Fork::Child => become_program(&strings, &streams),
        Fork::Parent { pid, pidfd } => {
            let status = wait(pid, &pidfd).context(failed)?;
            let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
            judge(&name, verb, status, log)
        }
    }
}

struct Strings {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Strings {
    fn new(program: &Path, arguments: &[OsString]) -> io::Result<Strings> {
        let path = CString::new(program.as_os_str().as_bytes())?;
        let mut all = vec![path.clone()];
        for argument in arguments {
            all.push(CString::new(argument.as_bytes())?);
        }
        let search = c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        Ok(Strings { path, arguments: all, environment: vec![search.to_owned()] })
    }
}

/// The child: signals are as a program expects them, and no descriptor of ours is left to it.
fn become_program(strings: &Strings, streams: &Streams<'_>) -> ! {
    let high = |fd: &BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 3);
    let ready = || -> io::Result<()> {
        // Out of the way first: one of them may be 0, 1 or 2 itself.
        let fds = streams.iter().map(high).collect::<Result<Vec<OwnedFd>, _>>()?;
        rustix::stdio::dup2_stdin(&fds[0])?;
        rustix::stdio::dup2_stdout(&fds[1])?;
        rustix::stdio::dup2_stderr(&fds[2])?;
        process::close_on_exec_from(3)
    };
    if ready().is_ok() {
        process::reset_signals();
        // Only returns when there is nothing to execute, which the exit code tells.
        let _ = process::execute(&strings.path, &strings.arguments, &strings.environment);
    }
    process::exit(NOT_EXECUTED)
}

/// Waits for its end; `None`: it took too long and was killed.
fn wait(pid: Pid, pidfd: &OwnedFd) -> io::Result<Option<WaitStatus>> {
    let limit = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
    let ended = loop {
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&limit)) {
            Err(rustix::io::Errno::INTR) => {}
            result => break result? > 0,
        }
    };
    if !ended {
        kill_process(pid, Signal::KILL)?;
    }
    let status = waitpid(Some(pid), WaitOptions::empty())?;
    Ok(status.map(|(_, status)| status).filter(|_| ended))
}

fn judge(name: &str, verb: &str, status: Option<WaitStatus>, log: &Path) -> Result<()> {
    let Some(status) = status else {
        let message = format!("{name} {verb} did not end within {PATIENCE} s");
        return Err(Error::new(Kind::TimedOut, message));
    };
    if status.exit_status() == Some(0) {
        return Ok(());
    }
    let said = last_error(&fs::read_to_string(log).unwrap_or_default());
    let said = said.unwrap_or_else(|| match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (_, Some(signal)) => format!("ended by signal {signal}"),
        _ => "an unknown end".to_owned(),
    });
    let said = said.strip_prefix(&format!("{name} {verb} failed: ")).unwrap_or(&said).to_owned();
    Err(Error::new(kind_of(&said), format!("{name} {verb} failed: {said}")))
}

/// The last error of a log whose lines are JSON objects.
fn last_error(log: &str) -> Option<String> {
    let message = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        let level = entry["level"].as_str().unwrap_or("error");
        matches!(level, "error" | "fatal").then(|| entry["msg"].as_str().map(str::to_owned))?
    };
    log.lines().rev().find_map(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, log: &Path) -> Result<()> {
        run(Path::new("/bin/sh"), "create", &["-c".into(), script.into()], None, log)
    }

    #[test]
    fn what_a_runtime_writes_to_its_log_is_the_error() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let script = format!(
            r#"echo '{{"level":"warning","msg":"later"}}' > {0}
               echo '{{"level":"error","msg":"exec: \"x\": executable file not found in $PATH"}}' >> {0}
               exit 1"#,
            log.display()
        );
        let error = sh(&script, &log).unwrap_err();
        assert_eq!(error.kind(), Kind::NoSuchProgram);
        assert_eq!(
            error.to_string(),
            "sh create failed: exec: \"x\": executable file not found in $PATH"
        );
        let error = sh("exit 3", &log).unwrap_err();
        assert_eq!(error.to_string(), "sh create failed: exit status 3");
        sh("exit 0", &log).unwrap();
    }
}
