//! What is known of an operation's progress: one row for each thing, in order of appearance.

use std::time::Duration;

use crate::cli::ui::progress::Event;
use crate::engine::{Phase, ProgressUpdate};

/// How it is going with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Not done yet.
    Working,
    /// Done.
    Done,
    /// Done, but.
    Warning,
    /// Not done, and it will not be.
    Failed,
}

/// All rows of an operation.
#[derive(Debug, Default)]
pub struct Board {
    /// Name of the operation, as in `up`.
    pub operation: &'static str,
    /// One for each thing.
    pub rows: Vec<Row>,
}

/// How it is going with one thing. Times are since the operation began.
#[derive(Debug)]
pub struct Row {
    /// As in `Container demo-web-1`.
    pub id: String,
    /// How it is going.
    pub mark: Mark,
    /// As in `Created`.
    pub text: String,
    /// More words; may be empty.
    pub details: String,
    /// When it first appeared.
    pub begin: Duration,
    /// When it was last done; `None`: it is not.
    pub end: Option<Duration>,
    /// Layers of an image, in order of appearance.
    pub parts: Vec<Part>,
}

/// How it is going with one layer.
#[derive(Debug)]
pub struct Part {
    /// Short digest.
    pub name: String,
    /// What is being done with it.
    pub phase: Phase,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all; 0: not known.
    pub total: u64,
    /// When a line was last written about it.
    told: Duration,
}

/// What a report about a part changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// It is finished now, and was not.
    pub ended: bool,
    /// Its phase changed, or nothing was told for a while.
    pub worth_telling: bool,
}

/// How often one layer's bytes are told to programs at most.
const TELL_EVERY: Duration = Duration::from_millis(500);

impl Board {
    /// Without rows yet.
    #[must_use]
    pub fn new(operation: &'static str) -> Board {
        Board { operation, rows: Vec::new() }
    }

    /// Takes an event in at time `now`; whether it says anything new.
    pub fn event(&mut self, event: &Event<'_>, now: Duration) -> bool {
        let row = self.row(event.id, now);
        let fresh = row.text != event.text || row.mark != event.mark;
        row.mark = event.mark;
        event.text.clone_into(&mut row.text);
        event.details.clone_into(&mut row.details);
        row.end = (event.mark != Mark::Working).then_some(now);
        fresh
    }

    /// Takes a report about one part of an image in.
    pub fn part(&mut self, update: &ProgressUpdate<'_>, now: Duration) -> News {
        let row = self.row(&image_id(update.image), now);
        let index = row.parts.iter().position(|part| part.name == update.part);
        let index = index.unwrap_or_else(|| {
            row.parts.push(Part {
                name: update.part.to_owned(),
                phase: Phase::Waiting,
                done: 0,
                total: 0,
                told: Duration::ZERO,
            });
            row.parts.len() - 1
        });
        let part = &mut row.parts[index];
        let changed = part.phase != update.phase;
        let worth_telling = changed || now.saturating_sub(part.told) >= TELL_EVERY;
        (part.phase, part.done, part.total) = (update.phase, update.done, update.total);
        if worth_telling {
            part.told = now;
        }
        News { ended: changed && is_over(update.phase), worth_telling }
    }

    /// How many things are done, and how many there are.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.rows.iter().filter(|row| row.mark != Mark::Working).count(), self.rows.len())
    }

    fn row(&mut self, id: &str, now: Duration) -> &mut Row {
        let index = self.rows.iter().position(|row| row.id == id).unwrap_or_else(|| {
            self.rows.push(Row {
                id: id.to_owned(),
                mark: Mark::Working,
                text: String::new(),
                details: String::new(),
                begin: now,
                end: None,
                parts: Vec::new(),
            });
            self.rows.len() - 1
        });
        &mut self.rows[index]
    }
}

impl Part {
    /// How much of it is done, 0 to 1.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        match self.phase {
            phase if is_over(phase) => 1.0,
            Phase::Extracting => 1.0,
            _ if self.total == 0 => 0.0,
            _ => (self.done as f64 / self.total as f64).min(1.0),
        }
    }
}

impl Row {
    /// Bytes done and to do, of all parts whose size is known; `None` without any.
    #[must_use]
    pub fn bytes(&self) -> Option<(u64, u64)> {
        let sized = self.parts.iter().filter(|part| part.total > 0);
        let sums = sized.fold((0, 0), |(done, total), part| {
            (done + (part.total as f64 * part.ratio()) as u64, total + part.total)
        });
        (sums.1 > 0).then_some(sums)
    }
}

/// An image's row, as steps of a plan call it too.
#[must_use]
pub fn image_id(image: &str) -> String {
    format!("Image {image}")
}

/// Nothing more will be done with it.
#[must_use]
pub fn is_over(phase: Phase) -> bool {
    matches!(phase, Phase::Done | Phase::Uploaded | Phase::Exists)
}
