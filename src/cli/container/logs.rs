//! `container logs`: what a container has printed.

use std::collections::BTreeSet;

use futures_util::stream::StreamExt;

use crate::base;
use crate::cli::app::options::Reading;
use crate::cli::app::output::Output;
use crate::cli::console::follow::records;
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, LogRecord, Stream};
use crate::resource::ContainerSpec;

use super::{everything, find};

/// Show what a container has printed
///
/// What it printed to standard error goes to standard error.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container logs -f web           And what it prints from now on
  compose container logs -n 20 -t web     The last 20 lines, with times
  compose container logs --since 10m web")]
pub struct Logs {
    /// Which container
    container: String,

    /// With the labels and variables that `--log-opt labels=… env=…` names
    #[arg(long)]
    details: bool,

    #[command(flatten)]
    reading: Reading,
}

impl Logs {
    /// Prints it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        let options = self.reading.options()?;
        let details = if self.details { details(&container.spec) } else { String::new() };
        let times = self.reading.timestamps;
        let mut printer = Printer { times, details, inside: [false; 2] };
        let logs = cx.engine()?.logs(&container.id, &options).await?;
        let mut logs = std::pin::pin!(records(logs));
        while let Some(batch) = logs.next().await {
            printer.print(cx.output(), &batch?)?;
        }
        Ok(Exit::Success)
    }
}

/// The labels and variables that the options of the log name, as in `baz=qux,foo=bar ` (Docker:
/// `logs --details`).
fn details(spec: &ContainerSpec) -> String {
    let named = |option: &str| {
        let names = spec.log.options.get(option).map_or("", String::as_str);
        names.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>()
    };
    let labels = named("labels")
        .into_iter()
        .filter_map(|name| spec.labels.get(name).map(|value| format!("{name}={value}")));
    let variables = named("env").into_iter().filter_map(|name| {
        let is_it = |entry: &&String| entry.split_once('=').is_some_and(|(key, _)| key == name);
        spec.process.env.iter().find(is_it).cloned()
    });
    let all: BTreeSet<String> = labels.chain(variables).collect();
    let all: Vec<String> = all.into_iter().collect();
    if all.is_empty() { String::new() } else { format!("{} ", all.join(",")) }
}

/// Prints output exactly as it was printed before, with times if asked.
struct Printer {
    times: bool,
    /// What stands before each line, with a blank behind it; or nothing.
    details: String,
    /// Whether standard output and standard error are in the middle of a line.
    inside: [bool; 2],
}

impl Printer {
    /// Records for the same stream are printed in one piece, and streams in their order.
    fn print(&mut self, output: &Output, records: &[LogRecord]) -> base::Result<()> {
        for run in records.chunk_by(|one, next| one.stream == next.stream) {
            let mut text = Vec::new();
            for record in run {
                let inside = &mut self.inside[usize::from(record.stream == Stream::Stderr)];
                if self.times && !*inside {
                    text.extend_from_slice(format!("{:.9} ", record.time).as_bytes());
                }
                if !*inside {
                    text.extend_from_slice(self.details.as_bytes());
                }
                text.extend_from_slice(&record.text);
                *inside = !record.text.ends_with(b"\n");
            }
            match run[0].stream {
                Stream::Stdout => output.print(text)?,
                Stream::Stderr => output.say(text)?,
            }
        }
        Ok(())
    }
}
