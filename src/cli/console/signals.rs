//! Signals while a container is made, started and talked to: what comes before its program runs
//! ends the command, what comes later is the program's.

use futures_util::future::FutureExt;
use futures_util::stream::{SelectAll, Stream, StreamExt};
use tokio::signal::unix::{SignalKind, signal};

use crate::base::{ContainerId, Context as _, Error, Kind};
use crate::cli::{Context, Result};
use crate::engine::Engine;

/// Signals that end programs which say nothing else.
const ENDING: [&str; 4] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/// So many of them end the command, whatever the container makes of them (Docker: the same).
const ENOUGH: usize = 3;

/// Signals since it was made, by name: none gets lost between two steps of a command.
pub struct Signals(SelectAll<Box<dyn Stream<Item = &'static str> + Unpin>>);

impl Signals {
    /// Takes what comes from now on, instead of being ended by it.
    ///
    /// # Errors
    /// The operating system does not let us listen.
    pub fn listen() -> Result<Signals> {
        let kinds = [
            (SignalKind::interrupt(), "SIGINT"),
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::hangup(), "SIGHUP"),
            (SignalKind::quit(), "SIGQUIT"),
            (SignalKind::user_defined1(), "SIGUSR1"),
            (SignalKind::user_defined2(), "SIGUSR2"),
        ];
        let mut all = SelectAll::new();
        for (kind, name) in kinds {
            let listener = signal(kind).context(|| format!("cannot listen for {name}"))?;
            let named = futures_util::stream::unfold(listener, move |mut listener| async move {
                listener.recv().await.map(|()| (name, listener))
            });
            all.push(Box::new(Box::pin(named)) as Box<dyn Stream<Item = _> + Unpin>);
        }
        Ok(Signals(all))
    }

    /// Does `work`, which may be given up at any point, until a signal asks to end.
    ///
    /// # Errors
    /// [`Kind::Interrupted`] after a signal; those of `work`.
    pub async fn during<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            () = self.ending() => Err(interrupted()),
        }
    }

    /// Whether no signal has asked to end since this was looked at.
    ///
    /// # Errors
    /// [`Kind::Interrupted`]: one has.
    pub async fn none_yet(&mut self) -> Result<()> {
        // Signals are taken in when there is nothing else to do.
        tokio::task::yield_now().await;
        match self.ending().now_or_never() {
            Some(()) => Err(interrupted()),
            None => Ok(()),
        }
    }

    /// Kills the container if a signal came while it was being started: that was meant for us, not
    /// for a program that had only begun.
    ///
    /// # Errors
    /// [`Kind::Interrupted`]: one came.
    pub async fn stop_what_begins<E: Engine>(
        &mut self,
        engine: &E,
        container: &ContainerId,
    ) -> Result<()> {
        let came = self.none_yet().await;
        if came.is_err() {
            // One that has ended by itself needs none.
            drop(engine.kill_container(container, "SIGKILL").await);
        }
        came
    }

    async fn ending(&mut self) {
        while let Some(name) = self.0.next().await {
            if ENDING.contains(&name) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}

impl<E: Engine> Context<E> {
    /// Does `work`, which talks to the container. Signals go on to it, if `forward` says so. The
    /// third that ends programs, else the first, ends this, and leaves the container to the caller.
    ///
    /// # Errors
    /// Those of `work`; [`Kind::Interrupted`].
    pub async fn with_signals<T>(
        &self,
        container: &ContainerId,
        mut signals: Signals,
        forward: bool,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut work = std::pin::pin!(work);
        let mut asked = 0;
        loop {
            let name = tokio::select! {
                result = &mut work => return result,
                Some(name) = signals.0.next() => name,
            };
            asked += usize::from(ENDING.contains(&name));
            if asked >= if forward { ENOUGH } else { 1 } {
                return Err(interrupted());
            }
            if forward {
                // A container that ends just now needs none; `work` tells how it ended.
                drop(self.engine()?.kill_container(container, name).await);
            }
        }
    }
}

/// What a command says that a signal ended.
pub fn interrupted() -> crate::cli::Failure {
    Error::new(Kind::Interrupted, "interrupted").into()
}
