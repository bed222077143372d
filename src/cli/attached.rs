//! `up` in the foreground: containers start, their output flows, Ctrl-C stops them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::base::Context as _;
use crate::cli::carry::tell;
use crate::cli::follow::{Sink, follow, outlast};
use crate::cli::project::{is_one_off, service_of, short_name};
use crate::cli::ui::prefix::PrefixOptions;
use crate::cli::ui::progress::Progress;
use crate::cli::{Context, Exit, ProgressStyle, Result};
use crate::engine::{Engine, LogOptions};
use crate::execute::{self, Cancel, Event, Outcome, RunOptions};
use crate::plan::{self, Action, Plan, Selection};
use crate::resource::{Container, Observed};

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

/// A container's name, and how many old lines of it are shown; `None`: all since `up` began.
type Begun = (String, Option<usize>);

/// A container that ended, and how.
struct Ended {
    service: String,
    code: i32,
}

/// How it will have ended.
#[derive(Default)]
struct Verdict {
    /// How often the user asked to stop.
    interrupts: u32,
    /// Everything is being stopped because a container ended.
    aborting: bool,
    /// The exit code, if a container decides on it.
    code: Option<i32>,
}

impl Attached {
    /// Carries out `start` and shows what containers print, until all have ended.
    ///
    /// # Errors
    /// A container cannot be started; its output cannot be read.
    pub async fn run<E: Engine>(
        &self,
        cx: &Context<E>,
        observed: &Observed,
        start: &Plan,
    ) -> Result<Exit> {
        let screen = Screen::new(self, cx, observed)?;
        let (begun, mut begins) = mpsc::unbounded_channel();
        let cancel = Cancel::default();
        let mut work = std::pin::pin!(self.start(cx, start, &cancel, screen.running(begun)));
        let (mut signals, mut starting) = (Signals::new()?, true);
        let (mut lives, mut stops) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut verdict = Verdict::default();
        while starting || !begins.is_empty() || !lives.is_empty() || !stops.is_empty() {
            tokio::select! {
                outcome = &mut work, if starting => {
                    starting = false;
                    if !cancel.is_cancelled() {
                        outcome?.complete()?;
                    }
                }
                Some(begun) = begins.recv() => lives.push(screen.live(cx.engine()?, begun)),
                Some(ended) = lives.next() => {
                    let ended = ended?;
                    if ended.is_some_and(|ended| self.decides(&ended, &mut verdict)) {
                        cx.output().say_line("Aborting on container exit...")?;
                        cancel.cancel();
                        stops.push(self.stop(cx, false));
                    }
                }
                Some(result) = stops.next() => result?,
                () = signals.next() => {
                    verdict.interrupts += 1;
                    cancel.cancel();
                    let text = "Gracefully Stopping... press Ctrl+C again to force";
                    let force = verdict.interrupts > 1;
                    cx.output().say_line(if force { "Killing..." } else { text })?;
                    stops.push(self.stop(cx, force));
                }
            }
        }
        Ok(verdict.exit())
    }

    /// Takes an end in; whether everything is to be stopped now because of it.
    fn decides(&self, ended: &Ended, verdict: &mut Verdict) -> bool {
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
        plan: &Plan,
        cancel: &Cancel,
        begun: mpsc::UnboundedSender<Begun>,
    ) -> Result<Outcome> {
        let options = RunOptions { parallel: cx.parallel()?, wait_timeout: None };
        let progress = Progress::new(cx.output(), ProgressStyle::Quiet, "up");
        let mut events = |event: Event<'_>| {
            if let Event::Done(step, _) = event
                && let Action::StartContainer(target) = &step.action
            {
                // The receiver is gone only when nobody shows anything any more.
                let _ = begun.send((target.name.clone(), None));
            }
        };
        let engine = cx.engine()?;
        Ok(execute::run(plan, engine, &options, cancel, &progress, &mut events).await)
    }

    /// Stops or kills everything, telling so in plain lines: what containers print goes on.
    async fn stop<E: Engine>(&self, cx: &Context<E>, force: bool) -> Result<()> {
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
        let options = RunOptions { parallel: cx.parallel()?, wait_timeout: None };
        let (engine, cancel) = (cx.engine()?, Cancel::default());
        let outcome = execute::run(&plan, engine, &options, &cancel, &progress, &mut events).await;
        outcome.complete()?;
        Ok(())
    }
}

impl Verdict {
    fn exit(&self) -> Exit {
        match (self.code, self.interrupts) {
            (Some(code), _) => Exit::of_program(code),
            (None, 0) => Exit::Success,
            (None, _) => Exit::Code(130),
        }
    }
}

/// The containers, and where their output goes.
struct Screen<'a> {
    containers: Vec<&'a Container>,
    shown: &'a BTreeSet<String>,
    sink: RefCell<Sink>,
    begin: Timestamp,
}

impl<'a> Screen<'a> {
    /// Says whose output is going to be shown.
    fn new<E: Engine>(
        attached: &'a Attached,
        cx: &Context<E>,
        observed: &'a Observed,
    ) -> Result<Screen<'a>> {
        let watched =
            |it: &&Container| !is_one_off(it) && attached.watched.contains(service_of(it));
        let containers: Vec<&Container> = observed.containers.iter().filter(watched).collect();
        let mut sink = Sink::new(cx.output(), attached.prefix, true);
        let shown = containers.iter().filter(|it| attached.shown.contains(service_of(it)));
        let mut names: Vec<&str> = shown.map(|container| short_name(container)).collect();
        names.sort_unstable();
        if !names.is_empty() {
            cx.output().print_line(format!("Attaching to {}", names.join(", ")))?;
        }
        // All names are known before the first line, so that they are equally wide from it on.
        names.iter().for_each(|name| {
            sink.source(name);
        });
        let (sink, begin) = (RefCell::new(sink), Timestamp::now());
        Ok(Screen { containers, shown: &attached.shown, sink, begin })
    }

    /// Tells of those that run already: only their new output is shown.
    fn running(&self, begun: mpsc::UnboundedSender<Begun>) -> mpsc::UnboundedSender<Begun> {
        for container in self.containers.iter().filter(|it| it.status.state.is_active()) {
            // The receiver lives as long as the sender here.
            let _ = begun.send((container.spec.name.clone(), Some(0)));
        }
        begun
    }

    /// Follows a container to its end; `None`: it is not one of those that are watched.
    async fn live<E: Engine>(&self, engine: &E, begun: Begun) -> Result<Option<Ended>> {
        let (name, tail) = begun;
        let found = self.containers.iter().find(|container| container.spec.name == name);
        let Some(container) = found else { return Ok(None) };
        let service = service_of(container).to_owned();
        let status = match self.shown.contains(&service) {
            true => {
                let source = self.sink.borrow_mut().source(short_name(container));
                let since = tail.is_none().then_some(self.begin);
                let options = LogOptions { follow: true, tail, since, until: None };
                follow(engine, &container.id, &options, &self.sink, source).await?
            }
            false => outlast(engine, &container.id).await?,
        };
        let code = status.and_then(|status| status.exit_code).unwrap_or(0);
        Ok(Some(Ended { service, code }))
    }
}

/// Ctrl-C, and the polite request to end.
struct Signals(Signal, Signal);

impl Signals {
    fn new() -> Result<Signals> {
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
