//! Whether a container is as others need it, can still become so, or failed them.

use crate::base::{Error, Kind, Result};
use crate::plan::{Await, Condition};
use crate::resource::container::{Health, HealthStatus, State, Status};

/// `None`: it may still become so. `is_final`: no other status will follow.
///
/// The sentences are those of Docker Compose; hints say where to look.
pub(super) fn verdict(wait: &Await, status: &Status, is_final: bool) -> Option<Result<()>> {
    if is_final && !matches!(status.state, State::Exited | State::Dead) {
        return Some(Err(ended(wait, status)));
    }
    match (wait.condition, status.state) {
        (Condition::CompletedSuccessfully, State::Exited) if status.exit_code == Some(0) => {
            Some(Ok(()))
        }
        (Condition::CompletedSuccessfully, State::Exited | State::Dead) => {
            let code = status.exit_code.unwrap_or(-1);
            if let Some(index) = wait.pre_start {
                return Some(Err(pre_start_failed(wait, index, code)));
            }
            let message =
                format!("service \"{}\" didn't complete successfully: exit {code}", wait.service);
            Some(Err(Error::new(Kind::Other, message).hint(logs_hint(wait))))
        }
        // Nobody depends on it: a job that did its work is as good as a server that runs.
        (_, State::Exited) if !wait.dependency && status.exit_code == Some(0) => Some(Ok(())),
        (_, State::Exited | State::Dead) => Some(Err(ended(wait, status))),
        (Condition::Started, State::Running | State::Paused) => Some(Ok(())),
        (Condition::Healthy, State::Running | State::Paused) => health(wait, status),
        _ => None,
    }
}

/// Docker Compose: the same words.
fn pre_start_failed(wait: &Await, index: usize, code: i32) -> Error {
    let (service, name) = (&wait.service, &wait.container.name);
    let message = format!(
        "service \"{service}\" pre_start[{index}] exited with code {code} (hook container {name} \
         retained for inspection)"
    );
    Error::new(Kind::Other, message).hint(format!("`compose container logs {name}` shows why"))
}

fn health(wait: &Await, status: &Status) -> Option<Result<()>> {
    let Some(health) = &status.health else {
        let error = failure(wait, "has no healthcheck configured")
            .hint("add a healthcheck, or depend on it with service_started");
        return Some(Err(error));
    };
    match health.status {
        HealthStatus::Starting => None,
        HealthStatus::Healthy => Some(Ok(())),
        HealthStatus::Unhealthy => {
            let error = failure(wait, "is unhealthy");
            Some(Err(with_probe(error, health).hint(logs_hint(wait))))
        }
    }
}

/// How sentences about dependencies begin.
pub(super) const DEPENDENCY_FAILED: &str = "dependency failed to start: ";

/// `dependency failed to start: container demo-db-1 is unhealthy`
fn failure(wait: &Await, what: &str) -> Error {
    let before = if wait.dependency { DEPENDENCY_FAILED } else { "" };
    Error::new(Kind::Other, format!("{before}container {} {what}", wait.container.name))
}

fn ended(wait: &Await, status: &Status) -> Error {
    let error = match status.exit_code {
        Some(code) => failure(wait, &format!("exited ({code})")),
        None => failure(wait, &format!("is {}", status.state.as_str())),
    };
    match status.error.as_str() {
        "" => error.hint(logs_hint(wait)),
        cause => error.hint(cause),
    }
}

/// A container that is started again and again, and ends each time.
pub(super) fn crashes(wait: &Await, status: &Status) -> Error {
    failure(wait, &format!("keeps ending: {}", restarts(status))).hint(logs_hint(wait))
}

/// `container demo-db-1 is restarting: exited (1), 4 restarts`
pub(super) fn describe(wait: &Await, status: &Status) -> String {
    let (name, state) = (&wait.container.name, status.state.as_str());
    let health = status.health.as_ref().filter(|_| status.state == State::Running);
    let mut text = match health.map(|health| health.status) {
        Some(HealthStatus::Starting) => format!("container {name} is not healthy yet"),
        Some(HealthStatus::Unhealthy) => format!("container {name} is unhealthy"),
        _ => format!("container {name} is {state}"),
    };
    if status.exit_code.is_some() || status.restart_count > 0 {
        text += &format!(": {}", restarts(status));
    }
    if let Some(probe) = health.and_then(|health| health.log.last()) {
        let output = probe.output.trim();
        text += &format!("; its last health check ended with {}: {output}", probe.exit_code);
    }
    text
}

/// `exited (1), 4 restarts`
fn restarts(status: &Status) -> String {
    let ended = status.exit_code.map(|code| format!("exited ({code})"));
    let count = status.restart_count;
    let plural = if count == 1 { "" } else { "s" };
    let again = (count > 0).then(|| format!("{count} restart{plural}"));
    ended.into_iter().chain(again).collect::<Vec<_>>().join(", ")
}

/// Adds what the last probe found.
fn with_probe(error: Error, health: &Health) -> Error {
    let Some(probe) = health.log.last() else { return error };
    let output = probe.output.trim();
    let output = if output.is_empty() { "it printed nothing" } else { output };
    error.hint(format!("its last health check ended with {}: {output}", probe.exit_code))
}

fn logs_hint(wait: &Await) -> String {
    format!("`compose logs {}` shows what it printed", wait.service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Target;
    use crate::resource::container::Probe;

    fn wait(condition: Condition, dependency: bool) -> Await {
        let container = Target::created("p-db-1");
        Await { container, service: "db".into(), condition, dependency, pre_start: None }
    }

    fn say(wait: &Await, status: &Status) -> String {
        match verdict(wait, status, false) {
            None => "pending".to_owned(),
            Some(Ok(())) => "fine".to_owned(),
            Some(Err(error)) => format!("{error} [{}]", error.hints().join("; ")),
        }
    }

    fn status(state: State) -> Status {
        Status { state, ..Status::default() }
    }

    #[test]
    fn a_started_dependency_is_one_that_runs() {
        let wait = wait(Condition::Started, true);
        assert_eq!(say(&wait, &status(State::Running)), "fine");
        assert_eq!(say(&wait, &status(State::Restarting)), "pending");
        let exited = Status { exit_code: Some(1), ..status(State::Exited) };
        assert_eq!(
            say(&wait, &exited),
            "dependency failed to start: container p-db-1 exited (1) \
             [`compose logs db` shows what it printed]"
        );
    }

    #[test]
    fn an_unhealthy_dependency_shows_its_last_probe() {
        let wait = wait(Condition::Healthy, true);
        let time = jiff::Timestamp::UNIX_EPOCH;
        let probe = Probe { start: time, end: time, exit_code: 7, output: "no route\n".into() };
        let mut health = Health { log: vec![probe], ..Health::default() };
        let mut running = status(State::Running);
        assert!(say(&wait, &running).contains("has no healthcheck configured"));
        running.health = Some(health.clone());
        assert_eq!(say(&wait, &running), "pending");
        health.status = HealthStatus::Unhealthy;
        running.health = Some(health);
        assert_eq!(
            say(&wait, &running),
            "dependency failed to start: container p-db-1 is unhealthy [its last health check \
             ended with 7: no route; `compose logs db` shows what it printed]"
        );
    }

    #[test]
    fn who_waits_for_everything_takes_a_job_that_did_its_work_as_done() {
        let exited = |code| Status { exit_code: Some(code), ..status(State::Exited) };
        for condition in [Condition::Started, Condition::Healthy] {
            assert_eq!(say(&wait(condition, false), &exited(0)), "fine");
            assert!(say(&wait(condition, false), &exited(2)).starts_with("container p-db-1"));
            assert!(say(&wait(condition, true), &exited(0)).starts_with("dependency failed"));
        }
    }

    #[test]
    fn what_keeps_ending_is_told_with_its_code_and_restarts() {
        let wait = wait(Condition::Healthy, false);
        let (exit_code, restart_count) = (Some(3), 4);
        let status = Status { exit_code, restart_count, ..status(State::Restarting) };
        let text = "container p-db-1 keeps ending: exited (3), 4 restarts";
        assert_eq!(crashes(&wait, &status).to_string(), text);
        let text = "container p-db-1 is restarting: exited (3), 4 restarts";
        assert_eq!(describe(&wait, &status), text);
    }

    #[test]
    fn a_job_must_end_with_zero() {
        let wait = wait(Condition::CompletedSuccessfully, true);
        let mut status = status(State::Running);
        assert_eq!(say(&wait, &status), "pending");
        status.state = State::Exited;
        status.exit_code = Some(0);
        assert_eq!(say(&wait, &status), "fine");
        status.exit_code = Some(3);
        assert!(
            say(&wait, &status).starts_with("service \"db\" didn't complete successfully: exit 3")
        );
    }
}
