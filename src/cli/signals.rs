//! Signals that are for a container, not for us.

use futures_util::stream::{SelectAll, StreamExt};
use tokio::signal::unix::{SignalKind, signal};

use crate::base::{ContainerId, Context as _};
use crate::cli::{Context, Result};
use crate::engine::Engine;

impl<E: Engine> Context<E> {
    /// Does `work`; signals that come meanwhile go on to the container, if `forward` says so.
    ///
    /// # Errors
    /// Those of `work`; a signal cannot be handed on.
    pub async fn with_signals<T>(
        &self,
        container: &ContainerId,
        forward: bool,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut work = std::pin::pin!(work);
        let mut signals = if forward { all()? } else { SelectAll::new() };
        loop {
            tokio::select! {
                result = &mut work => return result,
                Some(name) = signals.next() => {
                    self.engine()?.kill_container(container, name).await?;
                }
            }
        }
    }
}

/// Signals that programs are told things with, by name.
fn all() -> Result<SelectAll<impl futures_util::Stream<Item = &'static str> + Unpin>> {
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
        all.push(Box::pin(named));
    }
    Ok(all)
}
