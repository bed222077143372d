//! `logs`: what containers have printed.

use std::collections::VecDeque;

use crate::base::{Error, Kind};
use crate::cli::app::options::Reading;
use crate::cli::app::selection::{is_one_off, number_of, service_of, short_name};
use crate::cli::console::follow::Sink;
use crate::cli::project::following::Following;
use crate::cli::ui::prefix::{PrefixOptions, SourceId};
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, LogOptions, LogRecord};
use crate::resource::{Container, Observed};

/// Show what containers have printed
///
/// Lines of several containers are in the order in which they were printed; with `--follow`, new
/// ones are as they come.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose logs -f web            Follow one service
  compose logs -n 20 -t          The last 20 lines of each container, with times
  compose logs --since 10m db    The last ten minutes
  compose logs --no-log-prefix web > web.log")]
pub struct Logs {
    /// Only these services
    services: Vec<String>,

    #[command(flatten)]
    reading: Reading,

    /// Only the container with this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// Without colours
    #[arg(long)]
    no_color: bool,

    /// Without the names of containers
    #[arg(long)]
    no_log_prefix: bool,
}

impl Logs {
    /// Prints them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        if self.index > 0 && self.services.len() != 1 {
            let message = "--index needs exactly one service";
            return Err(Error::new(Kind::Invalid, message).into());
        }
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        if self.index > 0 {
            subject.replica(&observed, &self.services[0], self.index)?;
        }
        let shown = |container: &&Container| {
            let service = service_of(container);
            let by_name = match services.is_empty() {
                true => !subject.silent.contains(service) && !is_one_off(container),
                false => services.contains(service),
            };
            let by_number = self.index == 0 || number_of(container) == self.index;
            subject.owns(container) && by_name && by_number
        };
        let mut containers: Vec<&Container> = observed.containers.iter().filter(shown).collect();
        containers.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
        let mut sink = Sink::new(cx.output(), self.prefix(cx), false);
        let sources = containers.iter().map(|it| sink.source(short_name(it))).collect::<Vec<_>>();
        let options = self.reading.options()?;
        match self.reading.follow {
            true => {
                let shown = |observed: &Observed| -> Vec<Container> {
                    observed.containers.iter().filter(&shown).cloned().collect()
                };
                let project = &subject.name;
                Following { cx, project, shown: &shown, options: &options }
                    .run(&containers, sink)
                    .await?;
            }
            false => merge(cx.engine()?, &containers, &sources, &options, sink).await?,
        }
        Ok(Exit::Success)
    }

    fn prefix(&self, cx: &Context<impl Engine>) -> PrefixOptions {
        PrefixOptions {
            colour: cx.output().out_has_colour() && !self.no_color,
            names: !self.no_log_prefix,
            times: self.reading.timestamps,
        }
    }
}

/// Bytes that are collected before they are printed.
const BATCH: usize = 64 * 1024;

/// What is there already, in order of time.
async fn merge<E: Engine>(
    engine: &E,
    containers: &[&Container],
    sources: &[SourceId],
    options: &LogOptions,
    mut sink: Sink,
) -> Result<()> {
    let mut queues = Vec::new();
    for (container, source) in containers.iter().zip(sources) {
        let logs = engine.logs(&container.id, options).await?;
        let mut queue = Queue { source: *source, logs, records: VecDeque::new() };
        queue.fill().await?;
        queues.push(queue);
    }
    let mut bytes = 0;
    loop {
        let time = |queue: &Queue<E::Logs>| queue.records.front().map(|record| record.time);
        let first = queues.iter().enumerate().filter_map(|(at, it)| Some((time(it)?, at))).min();
        let Some((_, first)) = first else { break };
        let others = queues.iter().enumerate().filter(|(at, _)| *at != first);
        let limit = others.filter_map(|(_, queue)| time(queue)).min();
        let queue = &mut queues[first];
        // A run of lines from one container needs no look at the others.
        while queue.records.front().is_some_and(|it| limit.is_none_or(|limit| it.time <= limit)) {
            let Some(record) = queue.records.pop_front() else { break };
            bytes += record.text.len();
            sink.add(queue.source, &record)?;
        }
        if queue.records.is_empty() {
            queue.fill().await?;
        }
        if bytes > BATCH {
            sink.flush()?;
            bytes = 0;
        }
    }
    sources.iter().for_each(|source| sink.end(*source, None));
    Ok(sink.flush()?)
}

/// Records of one container that are not printed yet.
struct Queue<L> {
    source: SourceId,
    logs: L,
    records: VecDeque<LogRecord>,
}

impl<L: crate::engine::Logs> Queue<L> {
    async fn fill(&mut self) -> Result<()> {
        self.records.extend(self.logs.next().await?.into_iter().flatten());
        Ok(())
    }
}
