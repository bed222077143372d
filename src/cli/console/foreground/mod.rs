//! `up` in the foreground: containers start, their output flows, Ctrl-C stops them, and keys do
//! what the menu says.

mod containers;
mod events;
mod menu;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::base::Context as _;
use crate::cli::console::follow::{begins as begins_anew, happened};
use crate::cli::console::foreground::containers::{Begun, Ended, Screen};
use crate::cli::console::foreground::events::{News, Stage, blindness};
use crate::cli::console::foreground::menu::Menu;
use crate::cli::plans::run_plan::tell;
use crate::cli::project::watch::{Acting, Session};
use crate::cli::ui::prefix::PrefixOptions;
use crate::cli::ui::progress::Progress;
use crate::cli::{Context, Exit, ProgressStyle, Result};
use crate::engine::{Engine, EventOptions, ProjectLock};
use crate::execute::{self, Cancel, Event, Outcome, RunOptions};
use crate::plan::{self, Action, Plan, Selection};
use crate::resource::Observed;

/// A project in the foreground.
pub struct Attached {
    /// The project's name.
    pub project: String,
    /// All services that come up, and go down again with Ctrl-C.
    pub services: BTreeSet<String>,
    /// Services whose end is waited for.
    pub watched: BTreeSet<String>,
    /// Services whose output is shown.
    pub shown: BTreeSet<String>,
    /// What is in front of lines.
    pub prefix: PrefixOptions,
    /// When it ends by itself.
    pub end: End,
    /// The service whose exit code is ours.
    pub exit_code_from: Option<String>,
    /// Time before a container is killed; `None`: its own.
    pub grace: Option<Duration>,
    /// Keys do something, where there is a terminal.
    pub menu: bool,
    /// Services that files can be watched for.
    pub watchable: Vec<String>,
    /// Begin to watch at once (`--watch`).
    pub watch: bool,
}

/// When `up` ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// When all containers have ended.
    LastExit,
    /// When one has, and the others were stopped.
    FirstExit,
    /// When one has failed, and the others were stopped.
    FirstFailure,
}

/// How it will have ended.
#[derive(Default)]
pub struct Verdict {
    /// How often the user asked to stop.
    pub interrupts: u32,
    /// Everything is being stopped because a container ended.
    aborting: bool,
    /// The exit code, if a container decides on it.
    code: Option<i32>,
}

impl Attached {
    /// Carries out `start`, until when it holds the project's lock, and shows what containers print, until all have ended.
    ///
    /// # Errors
    /// A container cannot be started; its output cannot be read.
    pub async fn run<E: Engine>(
        &self,
        cx: &Context<E>,
        observed: &Observed,
        (start, lock): (&Plan, &ProjectLock),
        mut signals: Signals,
    ) -> Result<Exit> {
        // What is wrong with the rules is said before anything starts.
        let session = self.watch.then(|| self.session(cx)).transpose()?;
        let screen = Screen::new(self, cx, observed)?;
        let mut events = cx.engine()?.events(&EventOptions::default()).await?;
        let (begun, mut begins) = mpsc::unbounded_channel();
        let (acted, mut acts) = mpsc::unbounded_channel();
        let cancel = Cancel::default();
        let mut work =
            std::pin::pin!(self.start(cx, (start, lock), &cancel, screen.running(begun)));
        let menu = Menu::open(cx, self.menu, !self.watchable.is_empty())?;
        let mut stage = Stage::new(self, cx, &screen, &cancel, acted, menu);
        stage.session = session;
        while stage.goes_on(begins.is_empty()) {
            let news = tokio::select! {
                outcome = &mut work, if stage.starting => News::Started(outcome),
                Some(begun) = begins.recv() => News::Begun(begun),
                Some(ended) = stage.lives.next() => News::Ended(ended),
                Some(result) = stage.stops.next() => News::Stopped(result),
                event = happened(&mut events) => if begins_anew(&event?) { News::Elsewhere } else { continue },
                () = quiet(stage.patience) => News::Quiet,
                () = signals.next() => News::Signal,
                key = stage.menu.key() => News::Key(key?),
                Some(since) = acts.recv() => News::Acted(since),
                failure = blindness(&mut stage.watching) => News::Blind(failure),
            };
            stage.hear(news).await?;
        }
        Ok(stage.exit())
    }

    /// A session that watches files, and shows nothing of builds: the screen belongs to the
    /// containers.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn session<E: Engine>(&self, cx: &Context<E>) -> Result<Session> {
        let how = Acting { quiet_build: true, calm: true, prune: true };
        Session::new(cx, &self.watchable, how)
    }

    /// Takes an end in; whether everything is to be stopped now because of it.
    pub fn decides(&self, ended: &Ended, verdict: &mut Verdict) -> bool {
        if self.exit_code_from.as_ref() == Some(&ended.service) {
            verdict.code = Some(ended.code);
        }
        let counts = match self.end {
            End::LastExit => false,
            End::FirstExit => true,
            End::FirstFailure => ended.code != 0,
        };
        if !counts || verdict.aborting || verdict.interrupts > 0 {
            return false;
        }
        verdict.aborting = true;
        if self.exit_code_from.is_none() {
            verdict.code = Some(ended.code);
        }
        true
    }

    /// Starts containers, and tells of each.
    async fn start<E: Engine>(
        &self,
        cx: &Context<E>,
        (plan, lock): (&Plan, &ProjectLock),
        cancel: &Cancel,
        begun: mpsc::UnboundedSender<Begun>,
    ) -> Result<Outcome> {
        let parallel = cx.parallel()?;
        let options = RunOptions { parallel, lock: Some(lock), ..RunOptions::default() };
        let progress = Progress::new(cx.output(), ProgressStyle::Quiet, "up");
        let mut events = |event: Event<'_>| {
            if let Event::Done(step, _) = event
                && let Action::StartContainer(target) = &step.action
            {
                // The receiver is gone only when nobody shows anything any more.
                let _ = begun.send(Begun { name: target.name.clone(), tail: None, since: None });
            }
        };
        let engine = cx.engine()?;
        let outcome = execute::run(plan, engine, &options, cancel, &progress, &mut events).await;
        // From now on it only shows what runs.
        lock.release();
        Ok(outcome)
    }

    /// Stops or kills everything, telling so in plain lines: what containers print goes on.
    ///
    /// # Errors
    /// A container cannot be stopped.
    pub async fn stop<E: Engine>(&self, cx: &Context<E>, force: bool) -> Result<()> {
        let observed = cx.observe(&self.project, Vec::new()).await?;
        let (project, services) = (self.project.clone(), self.services.clone());
        let selection = Selection { project, services };
        let plan = match force {
            true => plan::kill(&observed, &selection, "SIGKILL"),
            false => plan::stop(&observed, &selection, self.grace),
        };
        let style = match cx.style() {
            ProgressStyle::Tty => ProgressStyle::Plain,
            style => style,
        };
        let progress = Progress::new(cx.output(), style, "stop");
        let mut events = |event: Event<'_>| tell(&progress, &event);
        // Without the project's lock: an interrupt does not wait for others.
        let options = RunOptions { parallel: cx.parallel()?, ..RunOptions::default() };
        let (engine, cancel) = (cx.engine()?, Cancel::default());
        let outcome = execute::run(&plan, engine, &options, &cancel, &progress, &mut events).await;
        cx.tell_notes(&outcome)?;
        outcome.complete()?;
        Ok(())
    }
}

impl Verdict {
    /// The exit code of `up`.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match (self.code, self.interrupts) {
            (Some(code), _) => Exit::of_program(code),
            (None, 0) => Exit::Success,
            (None, _) => Exit::Code(130),
        }
    }
}

/// Returns at that time; never without one.
async fn quiet(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Ctrl-C, and the polite request to end, since it was made.
pub struct Signals(Signal, Signal);

impl Signals {
    /// Takes what comes from now on, instead of being ended by it.
    ///
    /// # Errors
    /// The operating system does not let us listen.
    pub fn listen() -> Result<Signals> {
        let listen = |kind| signal(kind).context(|| "cannot listen for signals".to_owned());
        Ok(Signals(listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
