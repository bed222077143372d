//! What goes on at the same time in an attached `up`, and what is done about what happens.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cli::app::report;
use crate::cli::console::foreground::containers::{Begun, Ended, Screen};
use crate::cli::console::foreground::menu::{Key, Menu};
use crate::cli::console::foreground::{Attached, Verdict};
use crate::cli::project::watch::{self, Session};
use crate::cli::{Context, Exit, Failure, Result};
use crate::compose::config::to_yaml;
use crate::engine::Engine;
use crate::execute::{Cancel, Outcome};

/// How long a container that a command stopped or removed is expected to come back.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something that goes on beside other things.
type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// Watching files, as long as this lives.
pub type Watching<'a> = Option<Work<'a, Infallible>>;

/// What happens while `up` is in the foreground.
pub enum News {
    /// Everything has started, or could not.
    Started(Result<Outcome>),
    /// A container runs.
    Begun(Begun),
    /// A container has ended for good.
    Ended(Result<Option<Ended>>),
    /// What was to be stopped has stopped.
    Stopped(Result<()>),
    /// A container runs that did not before, because of us or of another command.
    Elsewhere,
    /// Nobody has brought back what was stopped.
    Quiet,
    /// Ctrl-C.
    Signal,
    /// A key of the menu.
    Key(Key),
    /// Files were brought into containers, or containers replaced, since then.
    Acted(Timestamp),
    /// Files cannot be watched any more.
    Blind(Failure),
}

/// Why files cannot be watched any more; never comes as long as they are, or nobody watches.
pub async fn blindness(watching: &mut Watching<'_>) -> Failure {
    match watching {
        None => std::future::pending().await,
        Some(watching) => match watching.await {
            Err(failure) => failure,
            Ok(never) => match never {},
        },
    }
}

/// Everything that goes on at the same time.
pub struct Stage<'a, E> {
    attached: &'a Attached,
    cx: &'a Context<E>,
    screen: &'a Screen<'a>,
    cancel: &'a Cancel,
    /// Not everything has started yet.
    pub starting: bool,
    detached: bool,
    /// Containers that are followed to their ends.
    pub lives: FuturesUnordered<Work<'a, Option<Ended>>>,
    /// What is being stopped.
    pub stops: FuturesUnordered<Work<'a, ()>>,
    /// What was looked at to be stopped was not yet all that had begun to start.
    stop_again: bool,
    /// Keys.
    pub menu: Menu,
    /// Begins to watch when everything has started.
    pub session: Option<Session>,
    /// Files, as long as they are watched.
    pub watching: Watching<'a>,
    acted: mpsc::UnboundedSender<Timestamp>,
    /// When containers were last replaced or restarted because of a file.
    since: Timestamp,
    /// How long a container that a command stopped may take to come back.
    pub patience: Option<Instant>,
    verdict: Verdict,
}

impl<'a, E: Engine> Stage<'a, E> {
    /// Before anything happens.
    #[must_use]
    pub fn new(
        attached: &'a Attached,
        cx: &'a Context<E>,
        screen: &'a Screen<'a>,
        cancel: &'a Cancel,
        acted: mpsc::UnboundedSender<Timestamp>,
        menu: Menu,
    ) -> Stage<'a, E> {
        Stage {
            attached,
            cx,
            screen,
            cancel,
            starting: true,
            detached: false,
            lives: FuturesUnordered::new(),
            stops: FuturesUnordered::new(),
            stop_again: false,
            menu,
            session: None,
            watching: None,
            acted,
            since: Timestamp::now(),
            patience: None,
            verdict: Verdict::default(),
        }
    }

    /// Whether there is anything left to wait for.
    #[must_use]
    pub fn goes_on(&self, all_begun: bool) -> bool {
        let awaited = self.patience.is_some() && !self.cancel.is_cancelled();
        let alive = awaited || !all_begun || !self.lives.is_empty() || !self.stops.is_empty();
        self.starting || !self.detached && (alive || self.watching.is_some())
    }

    /// The exit code of `up`.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.detached { Exit::Success } else { self.verdict.exit() }
    }

    /// Does what something that happened asks for.
    ///
    /// # Errors
    /// A container cannot be started, stopped or listened to; the terminal is gone.
    pub async fn hear(&mut self, news: News) -> Result<()> {
        match news {
            News::Started(outcome) => {
                self.starting = false;
                if !self.cancel.is_cancelled() {
                    outcome?.complete()?;
                    if let Some(session) = self.session.take() {
                        self.watch(session)?;
                    }
                }
                self.stop_the_rest();
                Ok(())
            }
            News::Begun(begun) => self.follow(begun),
            News::Ended(ended) => self.ended(ended?).await,
            News::Stopped(result) => {
                self.stop_the_rest();
                result
            }
            News::Elsewhere if self.starting || self.cancel.is_cancelled() => Ok(()),
            News::Elsewhere => self.look_again().await,
            News::Quiet => {
                self.patience = None;
                Ok(())
            }
            News::Signal => self.interrupt(),
            News::Key(key) => self.key(key),
            News::Acted(since) => {
                self.since = since;
                self.look_again().await
            }
            News::Blind(failure) => self.unwatch(Some(&failure)),
        }
    }

    fn follow(&mut self, begun: Begun) -> Result<()> {
        let (screen, engine) = (self.screen, self.cx.engine()?);
        if !self.detached {
            self.patience = None;
            self.lives.push(Box::pin(screen.live(engine, begun)));
        }
        Ok(())
    }

    async fn ended(&mut self, ended: Option<Ended>) -> Result<()> {
        if self.watching.is_some() {
            // What is watched is replaced and restarted, not done.
            return self.look_again().await;
        }
        let by_hand = ended.as_ref().is_some_and(|ended| ended.by_hand);
        if by_hand && !self.starting && !self.cancel.is_cancelled() {
            self.patience = Some(Instant::now() + PATIENCE);
            self.look_again().await?;
        }
        if ended.is_some_and(|ended| self.attached.decides(&ended, &mut self.verdict)) {
            self.cx.output().say_line("Aborting on container exit...")?;
            self.stop();
        }
        Ok(())
    }

    /// Stops all that run, and begins nothing any more. What is starting just now is stopped as
    /// soon as it has: it cannot be seen yet.
    fn stop(&mut self) {
        self.cancel.cancel();
        self.stop_again = self.starting;
        let force = self.verdict.interrupts > 1;
        self.stops.push(Box::pin(self.attached.stop(self.cx, force)));
    }

    fn stop_the_rest(&mut self) {
        if self.stop_again && !self.starting && self.stops.is_empty() {
            self.stop();
        }
    }

    /// Follows containers that were replaced or restarted.
    async fn look_again(&mut self) -> Result<()> {
        let observed = self.cx.observe(&self.attached.project, Vec::new()).await?;
        for begun in self.screen.news(&observed, self.since) {
            self.follow(begun)?;
        }
        Ok(())
    }

    fn interrupt(&mut self) -> Result<()> {
        self.verdict.interrupts += 1;
        self.unwatch(None)?;
        let text = "Gracefully Stopping... press Ctrl+C again to force";
        let force = self.verdict.interrupts > 1;
        self.cx.output().say_line(if force { "Killing..." } else { text })?;
        self.stop();
        Ok(())
    }

    fn key(&mut self, key: Key) -> Result<()> {
        match key {
            Key::Detach => {
                // What was begun to start is started all the same.
                self.detached = true;
                self.lives = FuturesUnordered::new();
                self.watching = None;
                self.cx
                    .output()
                    .say_line("Detached: everything goes on; `compose logs -f` shows it")?;
            }
            Key::View => self.cx.output().print(to_yaml(self.cx.project()?))?,
            Key::Blank => self.cx.output().print_line("")?,
            Key::Watch if self.attached.watchable.is_empty() => {}
            Key::Watch if self.watching.is_some() => self.unwatch(None)?,
            Key::Watch if self.starting => {}
            Key::Watch => match self.attached.session(self.cx) {
                Ok(session) => self.watch(session)?,
                Err(failure) => {
                    report::failure(
                        &failure,
                        self.cx.output(),
                        self.cx.style(),
                        self.cx.invoked_as(),
                    );
                }
            },
        }
        Ok(())
    }

    fn watch(&mut self, mut session: Session) -> Result<()> {
        let (cx, acted) = (self.cx, self.acted.clone());
        self.watching = Some(Box::pin(async move {
            let mut tell = |_: &str, since| {
                // The receiver lives as long as the stage.
                let _ = acted.send(since);
            };
            session.run(cx, &mut tell).await
        }));
        self.menu.set_watching(true)
    }

    /// Stops to watch, if anybody does, because of a failure or because it was asked for.
    fn unwatch(&mut self, failure: Option<&Failure>) -> Result<()> {
        if let Some(failure) = failure {
            report::failure(failure, self.cx.output(), self.cx.style(), self.cx.invoked_as());
        }
        if self.watching.take().is_some() {
            watch::say(self.cx, "Watch disabled")?;
        }
        self.menu.set_watching(false)
    }
}
