//! Decides what happens to a container while its shim lives, and does none of it.
//!
//! [`Supervisor::on`] takes what happened and when, and returns what to do in order. It holds the
//! container's [`Status`], which it alone changes. Time comes in as [`Now`]: delays are measured on
//! the clock that counts from boot and through suspension, so that setting the clock of the wall
//! fires and skips nothing.

mod event;
mod health;
mod restart;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::resource::container::{RestartPolicy, State, Status, Stop};
use crate::resource::process::HealthCheck;

use health::Monitor;
use restart::Backoff;

pub use event::{Effect, Event, Exit, Grace, Now, ProbeResult, StartFailure, StopRequest, Timer};

/// How long a killed container may take to end before every process in it is killed (Docker).
const AFTER_KILL: Duration = Duration::from_secs(10);

/// Where the container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its first process is being started.
    Starting,
    /// It runs or is frozen.
    Up,
    /// It ended and starts again when the timer says so.
    Waiting,
    /// It ended for good.
    Over,
}

/// What a container's life obeys, and where it stands.
#[derive(Debug)]
pub struct Supervisor {
    policy: RestartPolicy,
    stop: Stop,
    phase: Phase,
    status: Status,
    backoff: Backoff,
    monitor: Option<Monitor>,
    /// When the present run began, since boot.
    started: Duration,
    /// The next end is the last one.
    ending: bool,
    /// When the first process is killed, if it shall end; `None`: not yet, or never.
    kill_at: Option<Duration>,
    /// The first process was sent SIGKILL by us.
    killed: bool,
}

impl Supervisor {
    /// Of a container that is about to be started by hand.
    #[must_use]
    pub fn new(policy: RestartPolicy, stop: Stop, check: Option<HealthCheck>) -> Supervisor {
        Supervisor {
            policy,
            stop,
            phase: Phase::Starting,
            status: Status::default(),
            backoff: Backoff::default(),
            monitor: check.map(Monitor::new),
            started: Duration::ZERO,
            ending: false,
            kill_at: None,
            killed: false,
        }
    }

    /// How the container is.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// From now on it is started again as `policy` says.
    pub fn set_policy(&mut self, policy: RestartPolicy) {
        self.policy = policy;
    }

    /// Facts that others know: about its network, before the first start, and what could not be
    /// done as asked.
    pub fn set_facts(&mut self, facts: impl FnOnce(&mut Status)) {
        facts(&mut self.status);
    }

    /// Its first process exists: it can be signalled, frozen and entered.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// What to do now that `event` happened, in this order.
    #[must_use]
    pub fn on(&mut self, now: Now, event: Event) -> Vec<Effect> {
        match event {
            Event::Begin => vec![Effect::StartInit],
            Event::Started(pid) => self.begin_run(now, pid),
            Event::StartFailed(failure) => self.failed(now, failure),
            Event::Exited(exit) => self.end_run(now, exit),
            Event::Stop(request) => {
                self.status.stopped_by_hand = true;
                self.stop(now, &request)
            }
            Event::Terminate => self.stop(now, &StopRequest::default()),
            Event::Kill(signal) => self.kill(now, signal),
            Event::Paused => self.pause(),
            Event::Resumed => self.resume(now),
            Event::Timer(timer) => self.timer(now, timer),
            Event::ProbeEnded(result) => self.probed(now, result),
        }
    }

    fn begin_run(&mut self, now: Now, pid: i32) -> Vec<Effect> {
        self.phase = Phase::Up;
        self.started = now.boot;
        self.kill_at = None;
        self.killed = false;
        self.status.state = State::Running;
        self.status.pid = Some(pid);
        self.status.started_at = Some(now.wall);
        self.status.finished_at = None;
        self.status.exit_code = None;
        self.status.oom_killed = false;
        self.status.error.clear();
        let mut effects = Vec::new();
        if let Some(monitor) = &mut self.monitor {
            effects.extend(monitor.begin(now, &mut self.status));
        }
        effects.push(Effect::StatusChanged);
        effects
    }

    /// The first start is not tried again (Docker: the container stays `created`). A later one
    /// counts as a run that ended with the failure's code.
    fn failed(&mut self, now: Now, failure: StartFailure) -> Vec<Effect> {
        let first = self.status.started_at.is_none();
        self.status.error = failure.message;
        if first {
            self.status.exit_code = Some(failure.code);
            return self.finish(State::Created, now);
        }
        self.started = now.boot;
        self.end_run(now, Exit { code: failure.code, oom: false })
    }

    fn end_run(&mut self, now: Now, exit: Exit) -> Vec<Effect> {
        let lasted = now.boot.saturating_sub(self.started);
        self.status.pid = None;
        self.status.finished_at = Some(now.wall);
        self.status.exit_code = Some(exit.code);
        self.status.oom_killed = exit.oom;
        let mut effects = self.quiet();
        let delay = self.backoff.next(lasted);
        if self.ending || !self.shall_restart(exit.code) {
            effects.extend(self.finish(State::Exited, now));
            return effects;
        }
        self.phase = Phase::Waiting;
        self.status.state = State::Restarting;
        self.status.restart_count += 1;
        effects.push(Effect::Arm(Timer::Restart, now.boot + delay));
        effects.push(Effect::StatusChanged);
        effects
    }

    /// Docker: `always` is always; the count of `on-failure` is of restarts, not of failures in a row.
    fn shall_restart(&self, code: i32) -> bool {
        match self.policy {
            RestartPolicy::No => false,
            RestartPolicy::Always => true,
            RestartPolicy::UnlessStopped => !self.status.stopped_by_hand,
            RestartPolicy::OnFailure { max_retries } => {
                code != 0 && (max_retries == 0 || self.status.restart_count < max_retries)
            }
        }
    }

    fn stop(&mut self, now: Now, request: &StopRequest) -> Vec<Effect> {
        self.ending = true;
        match self.phase {
            Phase::Waiting => self.give_up(now),
            Phase::Starting | Phase::Over => Vec::new(),
            Phase::Up => {
                let signal = request.signal.as_ref().unwrap_or(&self.stop.signal).clone();
                let grace = match request.grace {
                    Grace::Own => self.stop.grace,
                    Grace::Of(duration) => Some(duration),
                    Grace::Endless => None,
                };
                let mut effects = vec![Effect::Signal(signal)];
                effects.extend(self.thaw());
                if let Some(grace) = grace.filter(|_| !self.killed) {
                    // A second request may shorten the time, never lengthen it.
                    let at = self.kill_at.map_or(now.boot + grace, |at| at.min(now.boot + grace));
                    self.kill_at = Some(at);
                    effects.push(Effect::Arm(Timer::Kill, at));
                }
                self.status.stopping = true;
                effects.push(Effect::StatusChanged);
                effects
            }
        }
    }

    /// Docker: any signal sent by hand counts as stopping by hand; the one that ends containers,
    /// and SIGKILL, end the restarting too.
    fn kill(&mut self, now: Now, signal: String) -> Vec<Effect> {
        self.status.stopped_by_hand = true;
        let deadly = signal == "SIGKILL";
        self.ending |= deadly || signal == self.stop.signal;
        match self.phase {
            Phase::Waiting => {
                self.ending = true;
                self.give_up(now)
            }
            Phase::Starting | Phase::Over => Vec::new(),
            Phase::Up => {
                let mut effects = vec![Effect::Signal(signal)];
                if self.ending {
                    effects.extend(self.thaw());
                }
                if deadly && !self.killed {
                    self.killed = true;
                    self.status.stopping = true;
                    effects.push(Effect::Arm(Timer::Kill, now.boot + AFTER_KILL));
                }
                effects.push(Effect::StatusChanged);
                effects
            }
        }
    }

    /// A signal reaches frozen processes only after they run again.
    fn thaw(&mut self) -> Option<Effect> {
        if self.status.state != State::Paused {
            return None;
        }
        self.status.state = State::Running;
        Some(Effect::Thaw)
    }

    fn pause(&mut self) -> Vec<Effect> {
        if self.phase != Phase::Up || self.status.state == State::Paused {
            return Vec::new();
        }
        self.status.state = State::Paused;
        let mut effects = self.end_probing();
        effects.push(Effect::StatusChanged);
        effects
    }

    fn resume(&mut self, now: Now) -> Vec<Effect> {
        if self.status.state != State::Paused {
            return Vec::new();
        }
        self.status.state = State::Running;
        let mut effects = Vec::new();
        if let Some(monitor) = &mut self.monitor {
            effects.push(monitor.resume(now, &self.status));
        }
        effects.push(Effect::StatusChanged);
        effects
    }

    fn timer(&mut self, now: Now, timer: Timer) -> Vec<Effect> {
        match (timer, self.phase) {
            (Timer::Restart, Phase::Waiting) => {
                self.phase = Phase::Starting;
                vec![Effect::StartInit]
            }
            (Timer::Kill, Phase::Up) if self.killed => vec![Effect::KillAll],
            (Timer::Kill, Phase::Up) => {
                self.killed = true;
                let again = Effect::Arm(Timer::Kill, now.boot + AFTER_KILL);
                let mut effects = vec![Effect::Signal("SIGKILL".to_owned())];
                effects.extend(self.thaw());
                effects.push(again);
                effects
            }
            (Timer::Probe | Timer::ProbeTimeout, Phase::Up) => {
                self.monitor.as_mut().map_or(Vec::new(), |monitor| monitor.timer(now, timer))
            }
            _ => Vec::new(),
        }
    }

    fn probed(&mut self, now: Now, result: ProbeResult) -> Vec<Effect> {
        match (&mut self.monitor, self.phase) {
            (Some(monitor), Phase::Up) => monitor.ended(now, result, &mut self.status),
            _ => Vec::new(),
        }
    }

    /// No process is left: forgets every timer that was about one.
    fn quiet(&mut self) -> Vec<Effect> {
        let mut effects = self.end_probing();
        effects.push(Effect::Disarm(Timer::Kill));
        effects
    }

    fn end_probing(&mut self) -> Vec<Effect> {
        self.monitor.as_mut().map_or(Vec::new(), Monitor::end)
    }

    /// Ends the waiting for the next start.
    fn give_up(&mut self, now: Now) -> Vec<Effect> {
        let mut effects = vec![Effect::Disarm(Timer::Restart)];
        effects.extend(self.finish(State::Exited, now));
        effects
    }

    fn finish(&mut self, state: State, now: Now) -> Vec<Effect> {
        self.phase = Phase::Over;
        self.status.state = state;
        self.status.stopping = false;
        self.status.pid = None;
        if state == State::Exited && self.status.finished_at.is_none() {
            self.status.finished_at = Some(now.wall);
        }
        vec![Effect::StatusChanged, Effect::Finish]
    }
}
