//! Output of containers on its way to the user.

use std::cell::RefCell;

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;

use crate::base::{self, ContainerId};
use crate::cli::Result;
use crate::cli::app::output::Output;
use crate::cli::ui::prefix::{PrefixOptions, Prefixer, SourceId};
use crate::engine::{Engine, Events, LogOptions, LogRecord, Logs, Stream, Watch};
use crate::resource::container::{State, Status};
use crate::resource::event::{Event, EventKind};

/// Where lines of several containers come together.
pub struct Sink {
    prefixer: Prefixer,
    output: Output,
    /// What containers print to standard error goes to ours.
    split: bool,
    /// When each source printed last.
    last: Vec<(SourceId, Timestamp)>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Sink {
    /// A sink for `output`. `split`: standard error of containers goes to ours (`up`), not to
    /// standard output (`logs`).
    #[must_use]
    pub fn new(output: &Output, options: PrefixOptions, split: bool) -> Sink {
        let (last, out, err) = Default::default();
        Sink { prefixer: Prefixer::new(options), output: output.clone(), split, last, out, err }
    }

    /// The source with this name.
    pub fn source(&mut self, name: &str) -> SourceId {
        self.prefixer.source(name)
    }

    /// Takes a record in; [`Sink::flush`] prints it, or the next record for the other stream, so
    /// that lines are in order where both streams are one terminal.
    ///
    /// # Errors
    /// A stream cannot be written to.
    pub fn add(&mut self, source: SourceId, record: &LogRecord) -> base::Result<()> {
        let to_err = self.split && record.stream == Stream::Stderr;
        let other = if to_err { &self.out } else { &self.err };
        if !other.is_empty() {
            self.flush()?;
        }
        let buffer = if to_err { &mut self.err } else { &mut self.out };
        match self.last.iter_mut().find(|(other, _)| *other == source) {
            Some((_, last)) => *last = record.time,
            None => self.last.push((source, record.time)),
        }
        self.prefixer.write(source, record.stream, record.time, &record.text, buffer);
        Ok(())
    }

    /// Just after what a source printed last; `None`: nothing yet.
    #[must_use]
    pub fn after(&self, source: SourceId) -> Option<Timestamp> {
        let (_, last) = self.last.iter().find(|(other, _)| *other == source)?;
        last.checked_add(jiff::SignedDuration::from_nanos(1)).ok()
    }

    /// Takes in that a container has ended: what it left unfinished, and a note.
    pub fn end(&mut self, source: SourceId, note: Option<&str>) {
        self.prefixer.finish(source, Stream::Stdout, &mut self.out);
        let err = if self.split { &mut self.err } else { &mut self.out };
        self.prefixer.finish(source, Stream::Stderr, err);
        if let Some(note) = note {
            self.prefixer.note(source, note, &mut self.out);
        }
    }

    /// Prints what was taken in, each stream in one piece.
    ///
    /// # Errors
    /// A stream cannot be written to.
    pub fn flush(&mut self) -> base::Result<()> {
        if !self.err.is_empty() {
            self.output.say(&self.err)?;
            self.err.clear();
        }
        if !self.out.is_empty() {
            self.output.print(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }
}

/// Prints a container's output as it comes, until it has ended for good. Returns its last status.
///
/// # Errors
/// Its output cannot be read, or ours not written.
pub async fn follow<E: Engine>(
    engine: &E,
    id: &ContainerId,
    options: &LogOptions,
    sink: &RefCell<Sink>,
    source: SourceId,
) -> Result<Option<Status>> {
    let logs = records(engine.logs(id, options).await?).map(News::Records);
    let states = statuses(engine.watch(id).await?).map(News::Status);
    let mut news = std::pin::pin!(stream::select(logs, states));
    let (mut last, mut restarting) = (None::<Status>, false);
    while let Some(news) = news.next().await {
        let mut sink = sink.borrow_mut();
        match news {
            News::Records(records) => {
                records?.iter().try_for_each(|record| sink.add(source, record))?;
            }
            News::Status(status) => {
                let status = status?;
                let is_restarting = status.state == State::Restarting;
                if is_restarting && !restarting {
                    let code = status.exit_code.unwrap_or(0);
                    sink.end(source, Some(&format!("exited with code {code} (restarting)")));
                }
                restarting = is_restarting;
                last = Some(status);
            }
        }
        sink.flush()?;
    }
    let mut sink = sink.borrow_mut();
    let ended = last.as_ref().filter(|status| !status.state.is_active());
    let note = ended.and_then(|status| status.exit_code);
    sink.end(source, note.map(|code| format!("exited with code {code}")).as_deref());
    sink.flush()?;
    Ok(last)
}

/// Waits until a container has ended for good. Returns its last status.
///
/// # Errors
/// Its status cannot be read.
pub async fn outlast<E: Engine>(engine: &E, id: &ContainerId) -> Result<Option<Status>> {
    let (mut watch, mut last) = (engine.watch(id).await?, None);
    while let Some(status) = watch.next().await? {
        last = Some(status);
    }
    Ok(last)
}

/// Waits until a container has ended once, whether it is started again or not (Docker: `wait`).
/// Returns its status then; one that does not run has ended.
///
/// # Errors
/// Its status cannot be read.
pub async fn end_once<E: Engine>(engine: &E, id: &ContainerId) -> Result<Option<Status>> {
    let (mut watch, mut last) = (engine.watch(id).await?, None);
    while let Some(status) = watch.next().await? {
        let ended = matches!(status.state, State::Restarting | State::Exited | State::Dead);
        last = Some(status);
        if ended {
            break;
        }
    }
    Ok(last)
}

/// Whether something happened after which containers may run that did not before.
#[must_use]
pub fn begins(event: &Event) -> bool {
    event.kind == EventKind::Container && event.action == "start"
}

/// The next event; never comes when there are none any more.
///
/// # Errors
/// They cannot be read.
pub async fn happened(events: &mut impl Events) -> base::Result<Event> {
    match events.next().await? {
        Some(event) => Ok(event),
        None => std::future::pending().await,
    }
}

enum News {
    Records(base::Result<Vec<LogRecord>>),
    Status(base::Result<Status>),
}

/// What is logged, as a stream; an error is its last item.
pub fn records<L: Logs>(logs: L) -> impl futures_util::Stream<Item = base::Result<Vec<LogRecord>>> {
    stream::unfold(Some(logs), |logs| async {
        let mut logs = logs?;
        match logs.next().await {
            Ok(Some(records)) => Some((Ok(records), Some(logs))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

fn statuses<W: Watch>(watch: W) -> impl futures_util::Stream<Item = base::Result<Status>> {
    stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        match watch.next().await {
            Ok(Some(status)) => Some((Ok(status), Some(watch))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}
