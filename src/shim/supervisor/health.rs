//! Docker's health check: when to probe, and what the results mean.

use std::time::Duration;

use crate::base::duration;
use crate::resource::container::{Health, HealthStatus, Probe, Status};
use crate::resource::process::HealthCheck;

use super::{Effect, Now, ProbeResult, Timer};

/// The first probe comes this long after the start, when a program that is quick is ready.
const EARLY: Duration = Duration::from_millis(20);

/// Results kept for `inspect` (Docker).
const KEPT: usize = 5;

/// One container's health check.
#[derive(Debug)]
pub(super) struct Monitor {
    check: HealthCheck,
    /// The delay before the next early probe.
    early: Duration,
    /// When the container was started, on both clocks.
    started: Option<Now>,
    /// The probe that runs.
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    start: Now,
    timed_out: bool,
}

impl Monitor {
    pub(super) fn new(check: HealthCheck) -> Monitor {
        Monitor { check, early: EARLY, started: None, running: None }
    }

    /// The container runs: it is `starting`, whatever it was before.
    pub(super) fn begin(&mut self, now: Now, status: &mut Status) -> Vec<Effect> {
        self.started = Some(now);
        self.running = None;
        self.early = EARLY;
        status.health = Some(Health::default());
        vec![self.next_probe(now, status)]
    }

    /// The container runs again after a pause.
    pub(super) fn resume(&mut self, now: Now, status: &Status) -> Effect {
        self.next_probe(now, status)
    }

    /// No more probes; what a running one finds is of no interest.
    pub(super) fn end(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::Disarm(Timer::Probe)];
        if self.running.take().is_some() {
            effects.push(Effect::Disarm(Timer::ProbeTimeout));
            effects.push(Effect::EndProbe { report: false });
        }
        effects
    }

    pub(super) fn timer(&mut self, now: Now, timer: Timer) -> Vec<Effect> {
        match (timer, &mut self.running) {
            (Timer::Probe, None) => {
                self.running = Some(Running { start: now, timed_out: false });
                let limit = Effect::Arm(Timer::ProbeTimeout, now.boot + self.check.timeout);
                vec![limit, Effect::StartProbe]
            }
            (Timer::ProbeTimeout, Some(running)) => {
                running.timed_out = true;
                vec![Effect::EndProbe { report: true }]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn ended(
        &mut self,
        now: Now,
        result: ProbeResult,
        status: &mut Status,
    ) -> Vec<Effect> {
        let (Some(running), Some(health)) = (self.running.take(), &mut status.health) else {
            return Vec::new();
        };
        let probe = self.entry(now, &running, result);
        if probe.exit_code == 0 {
            health.failing_streak = 0;
            health.status = HealthStatus::Healthy;
        } else if health.status != HealthStatus::Starting || !self.is_spared(running.start) {
            health.failing_streak += 1;
            if health.failing_streak >= self.check.retries {
                health.status = HealthStatus::Unhealthy;
            }
        }
        if health.log.len() >= KEPT {
            health.log.drain(..=health.log.len() - KEPT);
        }
        health.log.push(probe);
        let next = self.next_probe(now, status);
        vec![Effect::Disarm(Timer::ProbeTimeout), next, Effect::StatusChanged]
    }

    /// Docker's words for a probe that took too long, with what it had printed until then.
    fn entry(&self, now: Now, running: &Running, result: ProbeResult) -> Probe {
        let limit = duration::print(self.check.timeout);
        let (exit_code, output) = match (running.timed_out, result.output) {
            (false, output) => (result.code, output),
            (true, output) if output.is_empty() => {
                (-1, format!("Health check exceeded timeout ({limit})"))
            }
            (true, output) => (-1, format!("Health check exceeded timeout ({limit}): {output}")),
        };
        Probe { start: running.start.wall, end: now.wall, exit_code, output }
    }

    fn in_start_period(&self, at: Now) -> bool {
        let started = self.started.map_or(at.boot, |started| started.boot);
        at.boot.saturating_sub(started) < self.check.start_period
    }

    /// Whether a failure at this time does not count. Docker's first probe comes after an interval.
    fn is_spared(&self, at: Now) -> bool {
        self.in_start_period(at) || self.is_early(at)
    }

    /// Docker would not have probed yet.
    fn is_early(&self, at: Now) -> bool {
        let started = self.started.map_or(at.boot, |started| started.boot);
        at.boot.saturating_sub(started) < self.check.interval
    }

    /// The interval counts from the end of the previous probe. A container that starts is probed
    /// sooner, to be found healthy as soon as it is: at once, then after delays that double until
    /// they are as long as the interval that applies.
    fn next_probe(&mut self, now: Now, status: &Status) -> Effect {
        let starting =
            status.health.as_ref().is_some_and(|health| health.status == HealthStatus::Starting);
        let interval = match starting && self.in_start_period(now) {
            true => self.check.start_interval,
            false => self.check.interval,
        };
        let mut next = now.boot + interval;
        if starting && self.is_spared(now) {
            next = next.min(now.boot + self.early);
            self.early = (self.early * 2).min(interval);
        }
        Effect::Arm(Timer::Probe, next)
    }
}
