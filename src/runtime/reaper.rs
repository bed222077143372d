//! `init: true`: process 1 starts the program, reaps what is orphaned, and passes signals on.
//!
//! Process 1 is a fork of ours that never executes anything: it shares the shim's pages, so it
//! costs some tens of kilobytes, and there is no file in the container to be replaced. It has the
//! program's user, capabilities and filter, holds no descriptor but the three streams, and is not
//! dumpable, so that a process without `CAP_SYS_PTRACE` can neither trace it, nor read its memory,
//! nor follow `/proc/1/exe`; and that leads to a read-only mount (`sys::selfexe`).

use rustix::process::{DumpableBehavior, Pid, WaitOptions};

use crate::base::{Context, Result};
use crate::sys::process;
use crate::sys::signal::{Received, Signals};

/// What process listings in the container show.
const TITLE: &str = "compose-init";

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
            process::unblock_signals();
            own_group(terminal);
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
