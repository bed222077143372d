//! `container logs`: what a container has printed.

use futures_util::stream::StreamExt;

use crate::base;
use crate::cli::follow::records;
use crate::cli::options::Reading;
use crate::cli::output::Output;
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, LogRecord, Stream};

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

    /// Accepted for old scripts: logs keep no labels or variables
    #[arg(long, hide = true)]
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
        let mut printer = Printer { times: self.reading.timestamps, inside: [false; 2] };
        let logs = cx.engine()?.logs(&container.id, &options).await?;
        let mut logs = std::pin::pin!(records(logs));
        while let Some(batch) = logs.next().await {
            printer.print(cx.output(), &batch?)?;
        }
        Ok(Exit::Success)
    }
}

/// Prints output exactly as it was printed before, with times if asked.
struct Printer {
    times: bool,
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
