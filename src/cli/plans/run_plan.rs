//! Carrying out plans: with progress, and stoppable by Ctrl-C.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::base::{Context as _, Error, Kind};
use crate::cli::app::global::ProgressStyle;
use crate::cli::ui::progress::{Event, Mark, Progress};
use crate::cli::{Context, Result};
use crate::engine::{Engine, ProjectLock};
use crate::execute::{self, Cancel, Outcome, RunOptions};
use crate::plan::{Action, Plan, Step};

/// How often a terminal shows that time passes.
const TICK: Duration = Duration::from_millis(100);

/// How a plan is carried out and shown.
#[derive(Clone, Copy, Default)]
pub struct Carry<'a> {
    /// What to call it, as in `up`.
    pub operation: &'static str,
    /// Waiting for conditions ends after this long; `None`: never.
    pub wait_timeout: Option<Duration>,
    /// Show nothing of transfers (`--quiet-pull`).
    pub quiet_pull: bool,
    /// Show nothing at all but warnings.
    pub quiet: bool,
    /// The lock on the project that the plan changes; `None`: it changes none.
    pub lock: Option<&'a ProjectLock>,
}

impl<E: Engine> Context<E> {
    /// Carries out a plan that changes a project; with `--dry-run` prints it instead.
    ///
    /// # Errors
    /// The first step that failed; `Kind::Interrupted` after Ctrl-C.
    pub async fn execute(
        &self,
        lock: &ProjectLock,
        plan: &Plan,
        operation: &'static str,
    ) -> Result<Outcome> {
        self.carry_out(plan, Carry { operation, lock: Some(lock), ..Carry::default() }).await
    }

    /// As [`Context::execute`], with more to choose.
    ///
    /// # Errors
    /// As [`Context::execute`].
    pub async fn carry_out(&self, plan: &Plan, how: Carry<'_>) -> Result<Outcome> {
        Ok(self.attempt(plan, how).await?.complete()?)
    }

    /// As [`Context::carry_out`], also for a caller who wants to know what was done before a step
    /// failed or Ctrl-C came.
    ///
    /// # Errors
    /// A wrong setting; a second Ctrl-C.
    pub async fn attempt(&self, plan: &Plan, how: Carry<'_>) -> Result<Outcome> {
        if self.global().dry_run {
            self.show(plan)?;
            return Ok(Outcome::default());
        }
        let style = match self.style() {
            // Nothing to redraw: one line for each container that is as it should be.
            ProgressStyle::Tty if plan.is_empty() && plan.kept.is_empty() => ProgressStyle::Quiet,
            _ if how.quiet => ProgressStyle::Quiet,
            style => style,
        };
        let progress = Progress::new(self.output(), style, how.operation);
        for warning in &plan.warnings {
            self.output().warn(warning)?;
        }
        for name in &plan.kept {
            let id = format!("Container {name}");
            progress.event(Event { id: &id, mark: Mark::Done, text: "Running", details: "" });
        }
        let outcome = self.run_shown(plan, how, &progress).await;
        progress.finish();
        let outcome = outcome?;
        self.tell_notes(&outcome)?;
        Ok(outcome)
    }

    /// Says what went well and could go better.
    ///
    /// # Errors
    /// Standard error cannot be written to.
    pub fn tell_notes(&self, outcome: &Outcome) -> Result<()> {
        let quiet = matches!(self.style(), ProgressStyle::Quiet | ProgressStyle::Json);
        for note in outcome.notes.iter().filter(|_| !quiet) {
            self.output().warn(note)?;
        }
        Ok(())
    }

    /// Prints a plan as text, or as JSON when progress is asked for as such.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub fn show(&self, plan: &Plan) -> Result<()> {
        for warning in &plan.warnings {
            self.output().warn(warning)?;
        }
        match self.style() {
            ProgressStyle::Json => self.output().print_line(plan.to_json().to_string())?,
            _ if plan.is_empty() => self.output().say_line("Nothing to do.")?,
            _ => self.output().print(plan.to_string())?,
        }
        Ok(())
    }

    /// How many things may be done at once; `None`: no limit.
    ///
    /// # Errors
    /// The variable for it has a wrong value.
    pub fn parallel(&self) -> Result<Option<NonZeroUsize>> {
        Ok(self.global().parallel(self.environment())?.and_then(NonZeroUsize::new))
    }

    async fn run_shown(&self, plan: &Plan, how: Carry<'_>, progress: &Progress) -> Result<Outcome> {
        let wait_timeout = how.wait_timeout;
        let options = RunOptions { parallel: self.parallel()?, wait_timeout, lock: how.lock };
        let (engine, cancel, silent) = (self.engine()?, Cancel::default(), Silent);
        let transfers: &dyn crate::engine::Progress =
            if how.quiet_pull { &silent } else { progress };
        let mut events = |event: execute::Event<'_>| tell(progress, &event);
        let work = execute::run(plan, engine, &options, &cancel, transfers, &mut events);
        let mut work = std::pin::pin!(work);
        if plan.is_empty() {
            return Ok(work.await);
        }
        let mut interrupt =
            signal(SignalKind::interrupt()).context(|| "cannot listen for Ctrl-C".to_owned())?;
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                outcome = &mut work => return Ok(outcome),
                _ = tick.tick(), if self.style() == ProgressStyle::Tty => progress.tick(),
                _ = interrupt.recv() => {
                    // The second Ctrl-C does not wait for what was begun.
                    if cancel.is_cancelled() {
                        return Err(Error::new(Kind::Interrupted, "interrupted").into());
                    }
                    cancel.cancel();
                }
            }
        }
    }

    /// Says what is about to be lost and asks whether it may; not where the user forced it.
    ///
    /// # Errors
    /// As [`Context::ask`].
    pub fn agreed(&self, forced: bool, warning: &str) -> Result<bool> {
        if forced {
            return Ok(true);
        }
        self.output().say_line(warning)?;
        self.ask("Are you sure you want to continue?")
    }

    /// Asks a question that is answered with yes or no; no is the default, also when nobody is
    /// there to answer.
    ///
    /// # Errors
    /// Standard error cannot be written to, or input not read.
    pub fn ask(&self, question: &str) -> Result<bool> {
        self.output().say(format!("{question} [y/N] "))?;
        let mut answer = String::new();
        let mut input = self.input();
        input.read_line(&mut answer).context(|| "cannot read the answer".to_owned())?;
        if !answer.ends_with('\n') {
            self.output().say("\n")?;
        }
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}

/// Tells what happened to a step, in Docker Compose's words.
pub fn tell(progress: &Progress, event: &execute::Event<'_>) {
    let say = |step: &Step, mark, text: &str, details: &str| {
        for id in subjects(&step.action) {
            progress.event(Event { id: &id, mark, text, details });
        }
    };
    match event {
        execute::Event::Started(step) => say(step, Mark::Working, step.action.words().doing, ""),
        execute::Event::Done(step, _) => say(step, Mark::Done, step.action.words().done, ""),
        execute::Event::Warned(step, _, error) => {
            say(step, Mark::Warning, "Skipped:", &error.to_string());
        }
        execute::Event::Failed(step, _, error) => {
            say(step, Mark::Failed, "Error", &error.to_string());
        }
        execute::Event::Printed(step, line) => {
            let name = step.action.container().map_or("", |container| &container.name);
            progress.say(&format!("{name} -> | {line}"));
        }
        execute::Event::Noticed(step, text) => {
            let name = step.action.container().map_or("", |container| &container.name);
            progress.say(&format!("warning: container {name}: {text}"));
        }
    }
}

/// The things a step is about; all but one kind of step are about one thing.
fn subjects(action: &Action) -> Vec<String> {
    match action {
        Action::RemoveNetworks(names) => {
            names.iter().map(|name| format!("Network {name}")).collect()
        }
        other => vec![other.subject()],
    }
}

/// Nobody looks.
struct Silent;

impl crate::engine::Progress for Silent {
    fn report(&self, _: &crate::engine::ProgressUpdate<'_>) {}
}
