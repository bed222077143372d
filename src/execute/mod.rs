//! Carries a plan out: the only place where a decision becomes an effect.
//!
//! Steps whose predecessors are done run at the same time, all on the caller's thread. The first
//! failure, or an interruption, stops what was not begun; what was begun is finished, so that
//! nothing is left half done. What happens is told as [`Event`]s while it happens.

mod aftermath;
mod cancel;
mod hold;
mod hook;
mod perform;
mod verdict;
mod wait;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::base::{ContainerId, Error, Kind, Result};
use crate::engine::{Engine, Holder, Progress, ProjectLock};
use crate::plan::{Action, Plan, Step, StepId};
use crate::resource::Image;

pub use cancel::Cancel;
use hold::Hold;

/// How a plan is carried out.
#[derive(Clone, Copy, Default)]
pub struct RunOptions<'a> {
    /// At most so many steps at the same time; `None`: as many as there are.
    pub parallel: Option<NonZeroUsize>,
    /// All waiting for conditions ends after this long (`--wait-timeout`); `None`: never.
    pub wait_timeout: Option<Duration>,
    /// The lock on the plan's project; `None`: the plan changes no project.
    pub lock: Option<&'a ProjectLock>,
}

/// What happens to a step.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It was begun.
    Started(&'a Step),
    /// It was done, in this time.
    Done(&'a Step, Duration),
    /// It failed, but the plan can go on without.
    Warned(&'a Step, Duration, &'a Error),
    /// It failed.
    Failed(&'a Step, Duration, &'a Error),
    /// What a command of it printed, one line without its end.
    Printed(&'a Step, &'a str),
    /// It was done, but not quite as asked.
    Noticed(&'a Step, &'a str),
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Containers that were made, by name.
    pub created: BTreeMap<String, ContainerId>,
    /// Images that were fetched or found, by the names they were asked for.
    pub images: BTreeMap<String, Image>,
    /// Steps that failed, in the order in which they did.
    pub failed: Vec<(StepId, Error)>,
    /// Steps that were never begun, as text: `start web-1`.
    pub not_done: Vec<String>,
    /// Sentences about what went well and could go better.
    pub notes: Vec<String>,
    /// Who changed the project while all steps waited.
    pub changed_by: Option<Holder>,
    /// The user interrupted it.
    pub interrupted: bool,
}

impl Outcome {
    /// The outcome if everything was done.
    ///
    /// # Errors
    /// The first failure, with a hint that names what was not done because of it;
    /// `Kind::Interrupted` when the user stopped it.
    pub fn complete(mut self) -> Result<Outcome> {
        if self.interrupted {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        }
        if self.failed.is_empty() {
            return Ok(self);
        }
        let (_, mut error) = self.failed.swap_remove(0);
        if let Some(other) = self.changed_by {
            error = error.hint(format!("{other} changed the project meanwhile"));
        }
        Err(match self.not_done.as_slice() {
            [] => error,
            steps => error.hint(format!("not done: {}", steps.join(", "))),
        })
    }
}

/// Carries out a plan; `events` is called for each step, `progress` for each piece of a transfer.
pub async fn run<E: Engine>(
    plan: &Plan,
    engine: &E,
    options: &RunOptions<'_>,
    cancel: &Cancel,
    progress: &dyn Progress,
    events: &mut dyn FnMut(Event<'_>),
) -> Outcome {
    let deadline = options.wait_timeout.map(|timeout| (Instant::now() + timeout, timeout));
    let (made, printed, noticed, waits) = Default::default();
    let shared = Shared { engine, cancel, progress, deadline, made, printed, noticed, waits };
    let mut queue = Queue::new(plan);
    let mut running = FuturesUnordered::new();
    let mut guards = FuturesUnordered::new();
    let mut outcome = Outcome::default();
    let mut hold = Hold::new(options.lock);
    let limit = options.parallel.map_or(usize::MAX, NonZeroUsize::get);
    loop {
        while running.len() < limit && outcome.failed.is_empty() && !cancel.is_cancelled() {
            let Some(step) = queue.next() else { break };
            if let Err(error) = shared.until_cancelled(hold.begin(step)).await {
                if !cancel.is_cancelled() {
                    outcome.failed.push((step.id, error));
                }
                break;
            }
            events(Event::Started(step));
            let begun = Instant::now();
            let shared = &shared;
            running
                .push(async move { (step, shared.perform(&step.action).await, begun.elapsed()) });
        }
        if !running.is_empty() {
            hold.before_waiting();
        }
        let ended = tokio::select! {
            biased;
            ended = running.next() => ended,
            Some((step, error)) = guards.next(), if !guards.is_empty() => {
                Some((step, Err(error), Duration::ZERO))
            }
        };
        let Some((step, result, elapsed)) = ended else { break };
        hold.end(step);
        if let (Ok(()), Action::WaitFor(wait)) = (&result, &step.action)
            && !wait.dependency
        {
            let shared = &shared;
            guards.push(async move { (step, shared.guard(wait).await) });
        }
        for line in shared.printed.take().lines() {
            events(Event::Printed(step, line));
        }
        for text in shared.noticed.take() {
            events(Event::Noticed(step, &text));
        }
        match result {
            Ok(()) => {
                events(Event::Done(step, elapsed));
                queue.done(step);
            }
            Err(error) if step.optional => {
                let error = perform::as_warning(&step.action, error);
                events(Event::Warned(step, elapsed, &error));
                queue.done(step);
            }
            Err(error) if error.kind() == Kind::Interrupted && cancel.is_cancelled() => {}
            Err(error) => {
                events(Event::Failed(step, elapsed, &error));
                outcome.failed.push((step.id, error));
            }
        }
    }
    drop((running, guards));
    let made = shared.made.into_inner();
    (outcome.created, outcome.images) = (made.containers, made.images);
    outcome.notes = made.notes;
    outcome.not_done = queue.left().map(|step| step.action.to_string()).collect();
    outcome.changed_by = options.lock.and_then(ProjectLock::changed_by);
    outcome.interrupted = cancel.is_cancelled();
    outcome
}

/// What all steps of a run share.
struct Shared<'a, E> {
    engine: &'a E,
    cancel: &'a Cancel,
    progress: &'a dyn Progress,
    /// When waiting ends, and after how long that is.
    deadline: Option<(Instant, Duration)>,
    /// Never borrowed while a step waits.
    made: RefCell<Made>,
    /// What the step that has just ended printed.
    printed: RefCell<String>,
    /// What could not be done quite as asked by the step that has just ended.
    noticed: RefCell<Vec<String>>,
    /// Waits that may still end well by themselves.
    waits: Cell<usize>,
}

/// What the steps made.
#[derive(Default)]
struct Made {
    containers: BTreeMap<String, ContainerId>,
    images: BTreeMap<String, Image>,
    notes: Vec<String>,
}

/// Which steps can be begun.
struct Queue<'a> {
    plan: &'a Plan,
    /// Ready steps, the lowest id first.
    ready: BTreeSet<StepId>,
    /// Steps not done yet that a step waits for.
    missing: Vec<usize>,
    /// Steps that wait for a step.
    followers: Vec<Vec<StepId>>,
    begun: Vec<bool>,
}

impl<'a> Queue<'a> {
    fn new(plan: &'a Plan) -> Queue<'a> {
        let mut followers = vec![Vec::new(); plan.steps.len()];
        for step in &plan.steps {
            step.after.iter().for_each(|before| followers[before.index()].push(step.id));
        }
        let ready = plan.steps.iter().filter(|step| step.after.is_empty()).map(|step| step.id);
        let missing = plan.steps.iter().map(|step| step.after.len()).collect();
        let begun = vec![false; plan.steps.len()];
        Queue { plan, ready: ready.collect(), missing, followers, begun }
    }

    fn next(&mut self) -> Option<&'a Step> {
        let id = self.ready.pop_first()?;
        self.begun[id.index()] = true;
        self.plan.step(id)
    }

    fn done(&mut self, step: &Step) {
        for follower in &self.followers[step.id.index()] {
            let missing = &mut self.missing[follower.index()];
            *missing -= 1;
            if *missing == 0 {
                self.ready.insert(*follower);
            }
        }
    }

    /// Steps that were not begun.
    fn left(&self) -> impl Iterator<Item = &'a Step> {
        self.plan.steps.iter().zip(&self.begun).filter(|(_, begun)| !**begun).map(|(step, _)| step)
    }
}
