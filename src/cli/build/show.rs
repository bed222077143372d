//! How a build is shown: live on a terminal, lines elsewhere, JSON for programs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use crate::build::{Event, Progress as Listener};
use crate::cli::app::global::ProgressStyle;
use crate::cli::app::output::Output;
use crate::cli::ui::progress::{self, Mark, Progress};
use crate::resource::Image;

use super::raw::{self, Vertex};

/// How often a terminal shows that time passes.
pub const TICK: Duration = Duration::from_millis(100);

/// What a build looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Rows that change in place.
    Live,
    /// A line for each event (Docker: `--progress plain`).
    Plain,
    /// A JSON object for each event.
    Json,
    /// The same as BuildKit's clients read it.
    Raw,
    /// Nothing.
    Silent,
}

/// Shows one build.
pub struct Show {
    output: Output,
    look: Look,
    name: String,
    live: Progress,
    steps: Mutex<BTreeMap<usize, Step>>,
}

struct Step {
    name: String,
    begun: Instant,
    /// A line that has no end yet.
    rest: Vec<u8>,
}

impl Show {
    /// Begins to show the build of this name.
    #[must_use]
    pub fn new(output: &Output, look: Look, name: &str) -> Show {
        let style = if look == Look::Live { ProgressStyle::Tty } else { ProgressStyle::Quiet };
        Show {
            output: output.clone(),
            look,
            name: name.to_owned(),
            live: Progress::new(output, style, "build"),
            steps: Mutex::default(),
        }
    }

    /// Lets a terminal show that time passes.
    pub fn tick(&self) {
        self.live.tick();
    }

    /// No more events come.
    pub fn finish(&self) {
        self.live.finish();
    }

    /// Says what was made, and under which name.
    pub fn built(&self, image: &Image, name: Option<String>) {
        let name = name.unwrap_or_else(|| image.id.to_string());
        match self.look {
            Look::Silent | Look::Raw => {}
            Look::Json => self.line(
                &json!({"build": self.name, "image": image.id, "tags": image.tags}).to_string(),
            ),
            _ => self.line(&format!(" Image {name}  Built")),
        }
    }

    fn line(&self, text: &str) {
        // Work must go on when nobody listens any more.
        let _ = self.output.say_line(text);
    }

    fn steps(&self) -> MutexGuard<'_, BTreeMap<usize, Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plain(&self, event: &Event<'_>) {
        match event {
            Event::Started { step, name } => self.line(&format!("#{step} {name}")),
            Event::Output { step, text } => {
                for (time, line) in self.whole_lines(*step, text) {
                    self.line(&format!("#{step} {time:.3} {line}"));
                }
            }
            Event::Done { step, cached: true } => self.line(&format!("#{step} CACHED")),
            Event::Done { step, cached: false } => {
                let time = self.age(*step).as_secs_f64();
                self.line(&format!("#{step} DONE {time:.1}s"));
            }
            Event::Failed { step } => self.line(&format!("#{step} ERROR")),
        }
    }

    fn json(&self, event: &Event<'_>) {
        let line = match event {
            Event::Started { step, name } => {
                json!({"build": self.name, "id": step, "status": "Started", "text": name})
            }
            Event::Output { step, text } => {
                let text = String::from_utf8_lossy(text);
                json!({"build": self.name, "id": step, "status": "Output", "text": text})
            }
            Event::Done { step, cached } => {
                json!({"build": self.name, "id": step, "status": "Done", "cached": cached})
            }
            Event::Failed { step } => {
                json!({"build": self.name, "id": step, "status": "Error"})
            }
        };
        self.line(&line.to_string());
    }

    fn raw(&self, event: &Event<'_>) {
        let now = Timestamp::now();
        let number = number(event);
        let vertex = self.steps().get(&number).map(|step| Vertex {
            name: step.name.clone(),
            started: now - jiff::SignedDuration::try_from(step.begun.elapsed()).unwrap_or_default(),
        });
        if let Some(vertex) = vertex {
            self.line(&raw::status(&self.name, event, &vertex, now).to_string());
        }
    }

    fn live(&self, event: &Event<'_>) {
        let step = number(event);
        let lines = match event {
            Event::Output { step, text } => self.whole_lines(*step, text),
            _ => Vec::new(),
        };
        let id = self.steps().get(&step).map(|it| it.name.clone()).unwrap_or_default();
        let (mark, text, details) = match event {
            Event::Started { .. } => (Mark::Working, "Building", ""),
            Event::Output { .. } => match lines.last() {
                Some((_, line)) => (Mark::Working, "Building", line.as_str()),
                None => return,
            },
            Event::Done { cached: true, .. } => (Mark::Done, "Cached", ""),
            Event::Done { cached: false, .. } => (Mark::Done, "Built", ""),
            Event::Failed { .. } => (Mark::Failed, "Failed", ""),
        };
        self.live.event(progress::Event { id: &id, mark, text, details });
    }

    fn age(&self, step: usize) -> Duration {
        self.steps().get(&step).map(|it| it.begun.elapsed()).unwrap_or_default()
    }

    /// Lines that are complete now, with the step's age in seconds.
    fn whole_lines(&self, step: usize, text: &[u8]) -> Vec<(f64, String)> {
        let mut steps = self.steps();
        let Some(step) = steps.get_mut(&step) else { return Vec::new() };
        step.rest.extend_from_slice(text);
        let time = step.begun.elapsed().as_secs_f64();
        let Some(end) = memchr::memrchr(b'\n', &step.rest) else { return Vec::new() };
        let whole: Vec<u8> = step.rest.drain(..=end).collect();
        let text = String::from_utf8_lossy(&whole);
        text.lines().map(|line| (time, line.trim_end_matches('\r').to_owned())).collect()
    }
}

/// The number of an event's step.
pub(super) fn number(event: &Event<'_>) -> usize {
    match event {
        Event::Started { step, .. }
        | Event::Output { step, .. }
        | Event::Done { step, .. }
        | Event::Failed { step } => *step,
    }
}

impl Listener for Show {
    fn event(&self, event: Event<'_>) {
        if let Event::Started { step, name } = &event {
            let (name, begun, rest) = ((*name).to_owned(), Instant::now(), Vec::new());
            self.steps().insert(*step, Step { name, begun, rest });
        }
        match self.look {
            Look::Live => self.live(&event),
            Look::Plain => self.plain(&event),
            Look::Json => self.json(&event),
            Look::Raw => self.raw(&event),
            Look::Silent => {}
        }
    }
}
