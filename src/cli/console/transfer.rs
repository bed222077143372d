//! Pulls and pushes as commands show them: progress on standard error, stoppable by Ctrl-C.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::base::{self, Context as _, Error, Kind};
use crate::cli::app::global::ProgressStyle;
use crate::cli::ui::progress::{Event, Mark, Progress};
use crate::cli::{Context, Result};
use crate::engine::Engine;
use crate::engine::host::Relay;
use crate::image;

/// How often a terminal shows that time passes.
const TICK: Duration = Duration::from_millis(100);

/// What a transfer is called.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// The operation, as in `pull`.
    pub operation: &'static str,
    /// While it is under way, as in `Pulling`.
    pub working: &'static str,
    /// Once it is over, as in `Pulled`.
    pub done: &'static str,
}

/// A pull.
pub const PULL: Words = Words { operation: "pull", working: "Pulling", done: "Pulled" };
/// A push.
pub const PUSH: Words = Words { operation: "push", working: "Pushing", done: "Pushed" };

/// Transfers the image `name`; `work` gets who listens.
///
/// # Errors
/// Whatever `work` says; [`Kind::Interrupted`] after Ctrl-C.
pub async fn transfer<T>(
    cx: &Context<impl Engine>,
    name: &str,
    words: Words,
    quiet: bool,
    work: impl AsyncFnOnce(&dyn image::Progress) -> base::Result<T>,
) -> Result<T> {
    shown(cx, words.operation, quiet, async |progress| one(progress, name, words, work).await).await
}

/// Shows the progress of all that `work` does.
///
/// # Errors
/// As [`transfer`].
pub async fn shown<T>(
    cx: &Context<impl Engine>,
    operation: &'static str,
    quiet: bool,
    work: impl AsyncFnOnce(&Progress) -> base::Result<T>,
) -> Result<T> {
    let style = if quiet { ProgressStyle::Quiet } else { cx.style() };
    let progress = Progress::new(cx.output(), style, operation);
    let mut work = std::pin::pin!(work(&progress));
    let mut interrupt =
        signal(SignalKind::interrupt()).context(|| "cannot listen for Ctrl-C".to_owned())?;
    let mut tick = tokio::time::interval(TICK);
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = tick.tick(), if style == ProgressStyle::Tty => progress.tick(),
            _ = interrupt.recv() => break Err(Error::new(Kind::Interrupted, "interrupted")),
        }
    };
    progress.finish();
    Ok(result?)
}

/// One of the transfers that [`shown`] shows.
///
/// # Errors
/// Whatever `work` says.
pub async fn one<T>(
    progress: &Progress,
    name: &str,
    words: Words,
    work: impl AsyncFnOnce(&dyn image::Progress) -> base::Result<T>,
) -> base::Result<T> {
    let id = format!("Image {name}");
    let tell = |mark, text, details: &str| {
        progress.event(Event { id: &id, mark, text, details });
    };
    tell(Mark::Working, words.working, "");
    let result = work(&Relay { image: name, progress }).await;
    match &result {
        Ok(_) => tell(Mark::Done, words.done, ""),
        Err(error) => tell(Mark::Failed, "Error", &error.to_string()),
    }
    result
}
