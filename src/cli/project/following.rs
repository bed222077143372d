//! `logs --follow`: output as it comes, of containers that run now and of those that begin to,
//! because another command restarts them, makes them anew or adds some.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::base::ContainerId;
use crate::cli::app::selection::short_name;
use crate::cli::console::follow::{Sink, begins, happened, records};
use crate::cli::{Context, Result};
use crate::engine::{Engine, EventOptions, LogOptions};
use crate::resource::{Container, Observed};

/// After the last container was stopped by a command, or removed: a restart is on its way, or not.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is followed.
pub struct Following<'a, E> {
    /// Of this command.
    pub cx: &'a Context<E>,
    /// The project's name.
    pub project: &'a str,
    /// Those of a snapshot whose output was asked for.
    pub shown: &'a dyn Fn(&Observed) -> Vec<Container>,
    /// Which part of what was printed before is shown.
    pub options: &'a LogOptions,
}

/// Containers that were or are followed.
#[derive(Default)]
struct Runs {
    /// When each was started.
    begun: BTreeMap<ContainerId, Option<Timestamp>>,
    /// Those that are followed now, and whether they ran when that began.
    followed: BTreeMap<ContainerId, bool>,
}

impl Runs {
    fn begin(&mut self, container: &Container) {
        let status = &container.status;
        self.begun.insert(container.id.clone(), status.started_at);
        self.followed.insert(container.id.clone(), status.state.is_active());
    }

    fn is_new(&self, container: &Container) -> bool {
        container.status.state.is_active()
            && !self.followed.contains_key(&container.id)
            && self.begun.get(&container.id) != Some(&container.status.started_at)
    }
}

impl<E: Engine> Following<'_, E> {
    /// Prints until all have ended, and none is about to be started again.
    ///
    /// # Errors
    /// Output cannot be read, or ours not written.
    pub async fn run(&self, containers: &[&Container], sink: Sink) -> Result<()> {
        let engine = self.cx.engine()?;
        let mut events = engine.events(&EventOptions::default()).await?;
        let (sink, begin) = (RefCell::new(sink), Timestamp::now());
        let (mut runs, mut lives) = (Runs::default(), FuturesUnordered::new());
        for container in containers {
            runs.begin(container);
            lives.push(self.follow(container, &sink, self.options.clone()));
        }
        let mut quiet: Option<Instant> = None;
        // What began between the first look and the first event.
        let mut look = true;
        loop {
            if std::mem::take(&mut look) {
                for (container, options) in self.fresh(&mut runs, &sink, begin).await? {
                    lives.push(self.follow(&container, &sink, options));
                }
            }
            let end = quiet.filter(|_| lives.is_empty());
            if lives.is_empty() && end.is_none() {
                return Ok(());
            }
            tokio::select! {
                Some(ended) = lives.next() => {
                    let id: ContainerId = ended?;
                    let ran = runs.followed.remove(&id) == Some(true);
                    look = ran;
                    let may_return = ran && self.may_return(&id).await?;
                    quiet = may_return.then(|| Instant::now() + PATIENCE);
                }
                event = happened(&mut events) => look = begins(&event?),
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => {
                    return Ok(());
                }
            }
        }
    }

    /// Those that run and are not followed, and from where on they are.
    async fn fresh(
        &self,
        runs: &mut Runs,
        sink: &RefCell<Sink>,
        begin: Timestamp,
    ) -> Result<Vec<(Container, LogOptions)>> {
        let observed = self.cx.observe(self.project, Vec::new()).await?;
        let mut fresh = Vec::new();
        for container in (self.shown)(&observed) {
            if !runs.is_new(&container) {
                continue;
            }
            runs.begin(&container);
            let mut sink = sink.borrow_mut();
            let source = sink.source(short_name(&container));
            let since = Some(sink.after(source).unwrap_or(begin));
            let options = LogOptions { follow: true, tail: None, since, until: None };
            fresh.push((container, options));
        }
        Ok(fresh)
    }

    /// Whether a command ended the container, or removed it: another one may bring it back.
    async fn may_return(&self, id: &ContainerId) -> Result<bool> {
        let observed = self.cx.observe(self.project, Vec::new()).await?;
        let container = observed.containers.iter().find(|it| it.id == *id);
        Ok(container.is_none_or(|it| it.status.stopped_by_hand || it.status.state.is_active()))
    }

    fn follow<'f>(
        &self,
        container: &Container,
        sink: &'f RefCell<Sink>,
        options: LogOptions,
    ) -> Pin<Box<dyn Future<Output = Result<ContainerId>> + 'f>>
    where
        Self: 'f,
    {
        let (id, cx) = (container.id.clone(), self.cx);
        let source = sink.borrow_mut().source(short_name(container));
        Box::pin(async move {
            let mut logs = std::pin::pin!(records(cx.engine()?.logs(&id, &options).await?));
            while let Some(batch) = logs.next().await {
                let mut sink = sink.borrow_mut();
                batch?.iter().try_for_each(|record| sink.add(source, record))?;
                sink.flush()?;
            }
            let mut sink = sink.borrow_mut();
            sink.end(source, None);
            sink.flush()?;
            Ok(id)
        })
    }
}
