//! What happens to a container, and what is to be done about it: the supervisor's words.

use std::time::Duration;

use jiff::Timestamp;

/// The time on both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
    /// Since boot, suspension included.
    pub boot: Duration,
    /// For display.
    pub wall: Timestamp,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The shim is ready: start the container.
    Begin,
    /// Its first process runs the program, under this id on the host.
    Started(i32),
    /// It could not be started.
    StartFailed(StartFailure),
    /// Its first process ended, its output is stored, and no other process is left.
    Exited(Exit),
    /// Someone wants it to end for good.
    Stop(StopRequest),
    /// The machine or the user ends the shim: like `Stop`, but not by hand, so that
    /// `unless-stopped` starts it again after a reboot.
    Terminate,
    /// Someone sends a signal, by name.
    Kill(String),
    /// Its processes are frozen now.
    Paused,
    /// Its processes run again.
    Resumed,
    /// A timer armed by [`Effect::Arm`] ran out.
    Timer(Timer),
    /// The probe ended or could not be started.
    ProbeEnded(ProbeResult),
}

/// Why a container did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFailure {
    /// The whole sentence.
    pub message: String,
    /// Docker's code for it: 126, 127 or 128.
    pub code: i32,
}

/// How a container's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code; 128+n after signal n.
    pub code: i32,
    /// A process of it was killed for lack of memory in this run.
    pub oom: bool,
}

/// How a container shall be stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopRequest {
    /// First signal, by name; `None`: the container's own.
    pub signal: Option<String>,
    /// Time before it is killed.
    pub grace: Grace,
}

/// Time between the first signal and the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grace {
    /// The container's own.
    #[default]
    Own,
    /// This long.
    Of(Duration),
    /// It is never killed.
    Endless,
}

/// What a probe of the health check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResult {
    /// Its exit code; -1: it could not be started.
    pub code: i32,
    /// The first 4096 bytes it printed, or why it could not be started.
    pub output: String,
}

/// What shall be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Start the first process; `Started` or `StartFailed` follows.
    StartInit,
    /// Send this signal to the first process.
    Signal(String),
    /// Let frozen processes run.
    Thaw,
    /// Kill every process.
    KillAll,
    /// Run the health check; `ProbeEnded` follows.
    StartProbe,
    /// Kill the probe and report what it printed, if `report` says so.
    EndProbe {
        /// `ProbeEnded` shall follow.
        report: bool,
    },
    /// Raise `Timer` at this time since boot, once; replaces an earlier time.
    Arm(Timer, Duration),
    /// Forget a timer.
    Disarm(Timer),
    /// The status is another now: write it, tell the watchers.
    StatusChanged,
    /// Nothing will happen any more: clean up and end.
    Finish,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Start again.
    Restart,
    /// The grace period is over.
    Kill,
    /// Run the next probe.
    Probe,
    /// The probe takes too long.
    ProbeTimeout,
}
