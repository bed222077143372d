//! Running the other runtime's program, and what it says when it fails.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::process;

use super::kind_of;

/// Standard input, output and errors.
pub(super) type Streams<'a> = [BorrowedFd<'a>; 3];

/// How long a runtime may take for one thing, in seconds (Docker: two minutes for a start).
const PATIENCE: i64 = 120;

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
    let mut command = Command::new(program);
    // Several threads may be alive here: only what `Command` does in its child is allowed.
    process::isolate(&mut command);
    command.args(arguments).env_clear().env("PATH", SEARCH);
    let [stdin, stdout, stderr] = match streams {
        None => [Stdio::null(), Stdio::null(), Stdio::null()],
        Some([stdin, stdout, stderr]) => [copy(stdin)?, copy(stdout)?, copy(stderr)?],
    };
    let started = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn();
    let mut child = started.map_err(|error| Error::other(failed()).with_source(error))?;
    let status = wait(&mut child).context(failed)?;
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    judge(&name, verb, status, log)
}

/// Where runtimes look for their own programs.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn copy(stream: BorrowedFd<'_>) -> Result<Stdio> {
    let copied = stream.try_clone_to_owned().context(|| "cannot copy a descriptor".to_owned())?;
    Ok(copied.into())
}

/// Waits for its end; `None`: it took too long and was killed.
fn wait(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let limit = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let ended = loop {
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit)) {
            Err(rustix::io::Errno::INTR) => {}
            result => break result? > 0,
        }
    };
    if !ended {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok(ended.then_some(status))
}

fn judge(name: &str, verb: &str, status: Option<ExitStatus>, log: &Path) -> Result<()> {
    let Some(status) = status else {
        let message = format!("{name} {verb} did not end within {PATIENCE} s");
        return Err(Error::new(Kind::TimedOut, message));
    };
    if status.success() {
        return Ok(());
    }
    let said = last_error(&fs::read_to_string(log).unwrap_or_default());
    let said = said.unwrap_or_else(|| match (status.code(), status.signal()) {
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
        let error = run(Path::new("/nonexistent"), "create", &[], None, &log).unwrap_err();
        assert_eq!(error.kind(), Kind::Other, "a missing runtime is no missing container: {error}");
    }

    /// Removing containers happens on many threads at once: none may be caught by another's lock.
    #[test]
    fn many_threads_call_runtimes_at_once() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let log = directory.path().join(thread.to_string());
                scope.spawn(move || (0..25).for_each(|_| sh("exit 0", &log).unwrap()));
            }
        });
    }

    #[test]
    fn a_runtime_gets_three_streams_and_the_usual_signals() {
        let directory = tempfile::tempdir().unwrap();
        let (log, out) = (directory.path().join("log"), directory.path().join("out"));
        let _open = rustix::io::dup(fs::File::open("/dev/null").unwrap()).unwrap();
        let script = format!(
            "ls /proc/self/fd > {0}; grep -E '^Sig(Ign|Blk)' /proc/$$/status >> {0}; env >> {0}",
            out.display()
        );
        sh(&script, &log).unwrap();
        let text = fs::read_to_string(out).unwrap();
        let zeros = "0000000000000000";
        let signals = format!("0\n1\n2\n3\nSigBlk:\t{zeros}\nSigIgn:\t{zeros}\n");
        assert!(text.starts_with(&signals), "{text}");
        assert!(text.contains(&format!("PATH={SEARCH}")), "{text}");
    }
}
