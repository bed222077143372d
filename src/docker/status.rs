//! The text of a STATUS column.

use jiff::Timestamp;

use crate::docker::human;
use crate::resource::container::{HealthStatus, State, Status};

/// `Up 5 seconds (healthy)`, `Exited (0) 2 minutes ago`, … (Docker: `docker ps`).
#[must_use]
pub fn text(status: &Status, now: Timestamp) -> String {
    let age = |then: Option<Timestamp>| {
        then.map_or_else(String::new, |then| human::duration(human::since(then, now)))
    };
    let code = status.exit_code.unwrap_or(0);
    match status.state {
        State::Running => format!("Up {}{}", age(status.started_at), health(status)),
        State::Paused => format!("Up {} (Paused)", age(status.started_at)),
        State::Restarting => format!("Restarting ({code}) {} ago", age(status.finished_at)),
        State::Exited if status.finished_at.is_none() => String::new(),
        State::Exited => format!("Exited ({code}) {} ago", age(status.finished_at)),
        State::Created => "Created".to_owned(),
        State::Dead => "Dead".to_owned(),
    }
}

/// The health as the field `Health` has it; empty without a health check.
#[must_use]
pub fn health_word(status: &Status) -> &'static str {
    match status.health.as_ref().map(|health| health.status) {
        None => "",
        Some(HealthStatus::Starting) => "starting",
        Some(HealthStatus::Healthy) => "healthy",
        Some(HealthStatus::Unhealthy) => "unhealthy",
    }
}

fn health(status: &Status) -> &'static str {
    match status.health.as_ref().map(|health| health.status) {
        None => "",
        Some(HealthStatus::Starting) => " (health: starting)",
        Some(HealthStatus::Healthy) => " (healthy)",
        Some(HealthStatus::Unhealthy) => " (unhealthy)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::container::Health;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn status(state: State) -> Status {
        let (started_at, finished_at) = (Some(at(0)), Some(at(60)));
        Status { state, started_at, finished_at, exit_code: Some(137), ..Status::default() }
    }

    #[test]
    fn each_state_has_its_sentence() {
        for (state, expected) in [
            (State::Created, "Created"),
            (State::Running, "Up 2 minutes"),
            (State::Paused, "Up 2 minutes (Paused)"),
            (State::Restarting, "Restarting (137) About a minute ago"),
            (State::Exited, "Exited (137) About a minute ago"),
            (State::Dead, "Dead"),
        ] {
            assert_eq!(text(&status(state), at(120)), expected);
        }
    }

    #[test]
    fn health_is_told_while_it_runs() {
        for (health, expected) in [
            (HealthStatus::Starting, "Up 5 seconds (health: starting)"),
            (HealthStatus::Healthy, "Up 5 seconds (healthy)"),
            (HealthStatus::Unhealthy, "Up 5 seconds (unhealthy)"),
        ] {
            let health = Some(Health { status: health, ..Health::default() });
            let status = Status { health, ..status(State::Running) };
            assert_eq!(text(&status, at(5)), expected);
        }
    }
}
