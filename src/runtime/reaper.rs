//! `init: true`: process 1 starts the program, reaps what is orphaned, and passes signals on.
//!
//! Process 1 is a fork of ours that never executes anything: it shares the shim's pages, so it
//! costs some tens of kilobytes, and there is no file in the container to be replaced. It has the
//! program's user, capabilities and filter, holds no descriptor but the three streams, and is not
//! dumpable, so that a process without `CAP_SYS_PTRACE` can neither trace it, nor read its memory,
//! nor follow `/proc/1/exe`; and that leads to a read-only mount (`sys::selfexe`).

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::io::Write;
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, Pid, WaitOptions};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::process;
use crate::sys::signal::{Received, Signals};

use super::search;

/// What process listings in the container show.
const TITLE: &str = "compose-init";

/// First argument of our executable as process 1 of a container that another runtime started;
/// the program and its arguments follow.
pub const ARGUMENT: &str = "__init";

/// Runs the program that `arguments` name, as process 1 (see [`fork`]); the exit code is what is
/// left to say.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    let Err(error) = become_parent(arguments);
    eprint_failure(&error)
}

fn become_parent(arguments: &[OsString]) -> Result<Infallible> {
    let text = |word: &OsString| word.to_string_lossy().into_owned();
    let argv: Vec<String> = arguments.iter().map(text).collect();
    let strings = |words: Vec<OsString>| -> Result<Vec<CString>> {
        let convert = |word: OsString| CString::new(word.into_encoded_bytes());
        let converted = words.into_iter().map(convert).collect::<Result<_, _>>();
        converted.map_err(|error| Error::other("an argument has a NUL byte").with_source(error))
    };
    let environment = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    let (arguments, environment) = (strings(arguments.to_vec())?, strings(environment.collect())?);
    // Before there is a child, so that a missing program is told by the first process's end.
    search::check(argv.first().map_or("", String::as_str), &environment)?;
    fork(rustix::termios::isatty(rustix::stdio::stdin()))?;
    process::reset_signals();
    Err(search::execute(&argv, &arguments, &environment))
}

/// Docker's exit codes for a program that could not be executed.
fn eprint_failure(error: &Error) -> ExitCode {
    // There is nobody but the container's log to tell it to.
    let _ = writeln!(std::io::stderr(), "[compose-init] {error}");
    match error.kind() {
        Kind::NoSuchProgram => ExitCode::from(127),
        _ => ExitCode::from(126),
    }
}

/// Forks: returns in the child, which is to execute the program. The caller stays behind as
/// process 1 and never returns; it ends when the program ends, with its exit code.
///
/// # Errors
/// No process can be made.
pub fn fork(terminal: bool) -> Result<()> {
    // Blocked before the program can end, so that none is missed.
    let signals = Signals::block_all().context(|| "cannot block signals".to_owned())?;
    match process::fork().context(|| "cannot fork from init".to_owned())? {
        None => {
            own_group(terminal);
            // Only now: going to the foreground from behind would stop it.
            process::unblock_signals();
            Ok(())
        }
        Some(program) => process::exit(reap(program, &signals)),
    }
}

/// A group of its own in the foreground, as a shell makes for a job: keys on the terminal signal
/// the program, not process 1.
fn own_group(terminal: bool) {
    // Both fail only for processes that have no terminal or are leaders already.
    let _ = rustix::process::setpgid(None, None);
    if terminal {
        let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), rustix::process::getpid());
    }
}

/// Waits for the program: its exit code, or 128 and the signal that ended it.
fn reap(program: Pid, signals: &Signals) -> i32 {
    // Each of these only hides process 1; none is worth not starting for. Descriptors are closed
    // so that the program's pipes end with the program's processes.
    let _ = process::close_from(3);
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = rustix::thread::set_name(c"compose-init");
    let _ = process::set_title(TITLE.as_bytes());
    loop {
        match signals.wait() {
            Received::Child => {
                if let Some(code) = reap_all(program) {
                    return code;
                }
            }
            // The program may just have ended; its own signal says so next.
            Received::Other(signal) => signals.pass_on(program, signal),
        }
    }
}

/// Reaps all that ended; the program's exit code if it is among them.
fn reap_all(program: Pid) -> Option<i32> {
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if pid == program {
            let signalled = status.terminating_signal().map(|signal| 128 + signal);
            return signalled.or(status.exit_status()).or(Some(255));
        }
    }
    None
}
