//! Waiting for containers: until they are as others need them, and whether they stay so.

use std::future::pending;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{timeout, timeout_at};

use crate::base::{ContainerId, Context, Error, Kind, Result, duration};
use crate::engine::{Engine, Watch};
use crate::plan::{Await, Condition};
use crate::resource::container::{State, Status};

use super::Shared;
use super::verdict::{crashes, describe, verdict};

/// A container without a health check has started once it has run this long: what is configured
/// wrong ends at once. (Docker Compose looks once, after half a second.)
const SETTLED: Duration = Duration::from_secs(1);

/// Restarts by policy after which a container that keeps ending is given up, when no other one is
/// waited for that it may need itself. With Docker's delays these are 3 and 51 seconds.
const RESTARTS: u32 = 5;
const RESTARTS_OF_DEPENDENCY: u32 = 9;

impl<E: Engine> Shared<'_, E> {
    /// Waits until a container is as others need it, or can no longer become so.
    pub(super) async fn wait(&self, wait: &Await) -> Result<()> {
        let id = self.id(&wait.container)?;
        let mut last = None;
        let Some((deadline, limit)) = self.deadline else {
            return self.reach(&id, wait, &mut last).await;
        };
        let limited = timeout_at(deadline.into(), self.reach(&id, wait, &mut last)).await;
        let Err(_) = limited else { return limited.unwrap_or(Ok(())) };
        let after = duration::print(limit);
        let message = format!("application not healthy after {after}");
        let error = Error::new(Kind::TimedOut, message);
        let error = error.hint(describe(wait, &last.unwrap_or_default()));
        self.with_last_lines(&id, Err(error)).await
    }

    async fn reach(&self, id: &ContainerId, wait: &Await, last: &mut Option<Status>) -> Result<()> {
        let name = &wait.container.name;
        let mut watch =
            self.engine.watch(id).await.context(|| format!("cannot watch container {name}"))?;
        let mut hope = Hope::new(self);
        loop {
            let left = last.as_ref().and_then(|status| unsettled(wait, status));
            let next = match left {
                None => watch.next().await?,
                Some(left) => match timeout(left, watch.next()).await {
                    Ok(next) => next?,
                    Err(_) => return Ok(()),
                },
            };
            let Some(status) = next else { break };
            let settles = unsettled(wait, &status).is_some();
            if let Some(verdict) = verdict(wait, &status, false).filter(|_| !settles) {
                return self.with_last_lines(id, verdict).await;
            }
            let limit = if wait.dependency { RESTARTS_OF_DEPENDENCY } else { RESTARTS };
            if status.state == State::Restarting && status.restart_count >= limit {
                hope.lose();
                if self.waits.get() == 0 {
                    return self.with_last_lines(id, Err(crashes(wait, &status))).await;
                }
            }
            *last = Some(status);
        }
        // Its shim has ended: what it said last is final.
        let verdict = verdict(wait, &last.take().unwrap_or_default(), true).unwrap_or(Ok(()));
        self.with_last_lines(id, verdict).await
    }

    /// Ends with an error when a container that was as the user wants it has ended, while others
    /// are still waited for.
    pub(super) async fn guard(&self, wait: &Await) -> Error {
        let Ok(id) = self.id(&wait.container) else { return pending().await };
        let Ok(mut watch) = self.engine.watch(&id).await else { return pending().await };
        while let Ok(Some(status)) = watch.next().await {
            let failed = match verdict(wait, &status, false) {
                Some(failed @ Err(_)) if status.state != State::Running => failed,
                _ if status.state == State::Restarting && status.restart_count >= RESTARTS => {
                    Err(crashes(wait, &status))
                }
                _ => continue,
            };
            if let Err(error) = self.with_last_lines(&id, failed).await {
                return error;
            }
        }
        pending().await
    }
}

/// A wait that counts among those that may end well, until it ends or its container crashes again
/// and again.
struct Hope<'a, 'b, E>(Option<&'a Shared<'b, E>>);

impl<'a, 'b, E> Hope<'a, 'b, E> {
    fn new(shared: &'a Shared<'b, E>) -> Hope<'a, 'b, E> {
        shared.waits.set(shared.waits.get() + 1);
        Hope(Some(shared))
    }

    fn lose(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.waits.set(shared.waits.get() - 1);
        }
    }
}

impl<E> Drop for Hope<'_, '_, E> {
    fn drop(&mut self) {
        self.lose();
    }
}

/// How long a container that runs must go on before it counts as started; `None`: it does.
fn unsettled(wait: &Await, status: &Status) -> Option<Duration> {
    let asked = !wait.dependency && wait.condition == Condition::Started;
    let started = status.started_at.filter(|_| asked && status.state == State::Running)?;
    let ran = Duration::try_from(Timestamp::now().duration_since(started)).unwrap_or_default();
    SETTLED.checked_sub(ran).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Target;

    #[test]
    fn what_the_user_waits_for_must_run_for_a_second_and_what_others_need_must_not() {
        let container = Target::created("p-web-1");
        let (service, condition) = ("web".to_owned(), Condition::Started);
        let wait = Await { container, service, condition, dependency: false, pre_start: None };
        let started_at = Some(Timestamp::now());
        let status = Status { state: State::Running, started_at, ..Status::default() };
        assert!(unsettled(&wait, &status).is_some_and(|left| left <= SETTLED));
        let old = Status { started_at: Some(Timestamp::UNIX_EPOCH), ..status.clone() };
        assert_eq!(unsettled(&wait, &old), None);
        let exited = Status { state: State::Exited, ..status.clone() };
        assert_eq!(unsettled(&wait, &exited), None);
        assert_eq!(unsettled(&Await { dependency: true, ..wait }, &status), None);
    }
}
