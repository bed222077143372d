//! Programs that others want to be run while a container comes and goes (OCI: config.md#posix-platform-hooks).

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use oci_spec::runtime::{Hook, State};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::base::{Context, Error, Kind, Result};

/// So much of what a hook printed is told when it fails, in bytes.
const MAX_OUTPUT: u64 = 4096;

/// Runs `hooks` one after the other, each with `state` on its standard input, in `directory` or, if
/// `None`, in the caller's. `kind` names them in messages, as in `createRuntime`.
///
/// # Errors
/// The first one that cannot be run, ends with another code than 0, or takes too long.
pub fn run(hooks: &[Hook], kind: &str, state: &State, directory: Option<&Path>) -> Result<()> {
    for (number, hook) in hooks.iter().enumerate() {
        let path = hook.path().display();
        run_one(hook, state, directory)
            .context(|| format!("error running hook #{number} ({kind} {path})"))?;
    }
    Ok(())
}

fn run_one(hook: &Hook, state: &State, directory: Option<&Path>) -> Result<()> {
    let timeout = match hook.timeout() {
        Some(seconds) => match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => Some(Duration::from_secs(seconds)),
            _ => return Err(Error::new(Kind::Invalid, "its timeout must be greater than zero")),
        },
        None => None,
    };
    if !hook.path().is_absolute() {
        return Err(Error::new(Kind::Invalid, "its path must be absolute"));
    }
    let failed = || "cannot execute it".to_owned();
    // Files, not pipes: a hook that leaves a process behind keeps nobody waiting.
    let input = memory(&serde_json::to_vec(state).unwrap_or_default()).context(failed)?;
    let mut output = memory(b"").context(failed)?;
    let mut command = Command::new(hook.path());
    if let Some((name, arguments)) = hook.args().as_deref().and_then(<[String]>::split_first) {
        command.arg0(name).args(arguments);
    }
    let copies = (output.try_clone().context(failed)?, output.try_clone().context(failed)?);
    // Without a word on it, it has the caller's (runc, crun: the same).
    if let Some(env) = hook.env() {
        command.env_clear().envs(env.iter().filter_map(|entry| entry.split_once('=')));
    }
    if let Some(directory) = directory {
        command.current_dir(directory);
    }
    command.stdin(Stdio::from(input)).stdout(Stdio::from(copies.0)).stderr(Stdio::from(copies.1));
    let child = command.spawn().context(failed)?;
    match wait(child, timeout).context(|| "cannot wait for it".to_owned())? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(Error::other(describe(status, &said(&mut output)))),
        None => Err(Error::new(
            Kind::TimedOut,
            format!(
                "hook ran past specified timeout of {:.1}s",
                timeout.unwrap_or_default().as_secs_f64()
            ),
        )),
    }
}

/// A file in memory, read from its beginning.
fn memory(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("hook", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// Waits for its end; killed, and `None`, when that takes too long.
fn wait(mut child: Child, timeout: Option<Duration>) -> io::Result<Option<ExitStatus>> {
    let Some(timeout) = timeout else { return child.wait().map(Some) };
    let pid = Pid::from_raw(child.id() as i32).ok_or(io::ErrorKind::InvalidData)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let limit = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: 0 };
    let ended = loop {
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)) {
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

fn said(output: &mut File) -> String {
    let mut bytes = Vec::new();
    // Only makes a message longer.
    let _ = output.rewind().and_then(|()| output.take(MAX_OUTPUT).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn describe(status: ExitStatus, output: &str) -> String {
    let end = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "an unknown end".to_owned(),
    };
    if output.is_empty() { end } else { format!("{end}, output: {output}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(json: &str) -> Result<()> {
        let hook: Hook = serde_json::from_str(json).unwrap();
        let mut state = State::default();
        state.set_id("c1".to_owned());
        run(&[hook], "poststop", &state, None)
    }

    /// CVE-2025-23266: nothing of the container's environment, such as `LD_PRELOAD`, either.
    #[test]
    fn a_hook_gets_the_state_and_only_its_own_environment() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let script = format!("cat > {0}; echo $0 $X $HOME >> {0}", out.display());
        hook(&format!(
            r#"{{"path": "/bin/sh", "args": ["name", "-c", "{script}"], "env": ["X=y"], "timeout": 5}}"#
        ))
        .unwrap();
        let text = std::fs::read_to_string(out).unwrap();
        assert!(text.contains(r#""id":"c1""#), "{text}");
        assert!(text.ends_with("}name y\n") || text.ends_with("}sh y\n"), "{text}");
    }

    #[test]
    fn what_goes_wrong_is_told() {
        for (json, expected) in [
            (
                r#"{"path": "/bin/sh", "args": ["sh", "-c", "echo no >&2; exit 3"]}"#,
                "error running hook #0 (poststop /bin/sh): exit status 3, output: no",
            ),
            (
                r#"{"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}"#,
                "error running hook #0 (poststop /bin/sleep): hook ran past specified timeout of 1.0s",
            ),
            (
                r#"{"path": "/no/such"}"#,
                "error running hook #0 (poststop /no/such): cannot execute it: no such file or directory",
            ),
            (r#"{"path": "sh"}"#, "error running hook #0 (poststop sh): its path must be absolute"),
        ] {
            assert_eq!(hook(json).unwrap_err().to_string(), expected);
        }
    }
}
