//! Signals taken one by one, by a process that does nothing else.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use rustix::process::Pid;

/// All signals, blocked, to be waited for.
#[derive(Debug)]
pub struct Signals(());

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A child ended.
    Child,
    /// Another one, by its number.
    Other(i32),
}

impl Signals {
    /// Blocks every signal that can be blocked.
    ///
    /// # Errors
    /// None that the kernel documents.
    pub fn block_all() -> io::Result<Signals> {
        nix::sys::signal::SigSet::all().thread_block()?;
        Ok(Signals(()))
    }

    /// Waits for the next signal.
    #[must_use]
    pub fn wait(&self) -> Received {
        let all = all_signals();
        loop {
            // SAFETY: `all` was filled and outlives the call; no details are asked for.
            let signal = unsafe { libc::sigwaitinfo(&raw const all, ptr::null_mut()) };
            match signal {
                libc::SIGCHLD => return Received::Child,
                number if number > 0 => return Received::Other(number),
                // Interrupted by being stopped and continued.
                _ => {}
            }
        }
    }

    /// Sends `signal` to `process`; fine if it is gone.
    pub fn pass_on(&self, process: Pid, signal: i32) {
        // SAFETY: takes numbers only.
        unsafe { libc::kill(process.as_raw_nonzero().get(), signal) };
    }
}

fn all_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: writes all of the set that it is given.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: was just filled.
    unsafe { set.assume_init() }
}
