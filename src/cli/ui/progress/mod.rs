//! Work in progress on standard error: live, as plain lines, as JSON lines, or not at all.
//!
//! What happens is told to a [`Progress`] as [`Event`]s; it keeps a [`Board`] of them. On a
//! terminal the board is drawn in place; see [`frame`] for how. Everywhere else each event is one
//! line, written at once.

mod board;
mod frame;
mod lines;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle as Template};

use crate::cli::app::global::ProgressStyle;
use crate::cli::app::output::Output;
use crate::engine::{self, ProgressUpdate};

pub use board::{Board, Mark};

/// How often a terminal is redrawn at most, in hertz. More would flicker, and cost time.
const REDRAWS: u8 = 10;

/// Something that happened to something.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// To what: `Container demo-web-1`.
    pub id: &'a str,
    /// How it is going.
    pub mark: Mark,
    /// One or two words: `Created`.
    pub text: &'a str,
    /// More words, such as an error; may be empty.
    pub details: &'a str,
}

/// Shows what is being done.
pub struct Progress {
    output: Output,
    style: ProgressStyle,
    begin: Instant,
    board: Mutex<Board>,
    live: Option<ProgressBar>,
}

impl Progress {
    /// Begins to show an operation with this name, as in `up`. `style` is never `Auto`.
    #[must_use]
    pub fn new(output: &Output, style: ProgressStyle, operation: &'static str) -> Progress {
        let live = (style == ProgressStyle::Tty).then(|| {
            let bar =
                ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(REDRAWS));
            // The frame is ours; only the drawing is left to indicatif.
            Template::with_template("{msg}").into_iter().for_each(|style| bar.set_style(style));
            bar
        });
        let board = Mutex::new(Board::new(operation));
        Progress { output: output.clone(), style, begin: Instant::now(), board, live }
    }

    /// Tells what happened.
    pub fn event(&self, event: Event<'_>) {
        let fresh = self.board().event(&event, self.elapsed());
        match self.style {
            ProgressStyle::Plain if fresh => self.line(&lines::plain(&event)),
            ProgressStyle::Json if fresh => self.line(&lines::json(&event)),
            ProgressStyle::Tty => self.draw(),
            _ => {}
        }
    }

    /// Shows how time passes. To be called a few times a second; does nothing but on a terminal.
    pub fn tick(&self) {
        if self.live.is_some() {
            self.draw();
        }
    }

    /// Writes a line of another kind, such as a warning, without harm to the drawing.
    pub fn say(&self, text: &str) {
        match &self.live {
            Some(live) => live.suspend(|| self.line(text)),
            None => self.line(text),
        }
    }

    /// Leaves the final state on the screen.
    pub fn finish(&self) {
        let Some(live) = &self.live else { return };
        live.finish_and_clear();
        let (width, _) = size();
        let frame = frame::frame(&self.board(), self.elapsed(), width, usize::MAX);
        let colour = self.output.err_has_colour();
        for line in frame {
            self.line(&line.text(colour));
        }
    }

    fn draw(&self) {
        let Some(live) = &self.live else { return };
        let (width, height) = size();
        let board = self.board();
        let lines = frame::frame(&board, self.elapsed(), width, height);
        let colour = self.output.err_has_colour();
        let text: Vec<_> = lines.iter().map(|line| line.text(colour)).collect();
        live.set_message(text.join("\n"));
        live.tick();
    }

    fn line(&self, text: &str) {
        // Work must go on when nobody listens any more: the result counts, not the talk.
        let _ = self.output.say_line(text);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }
}

/// Transfers of images.
impl engine::Progress for Progress {
    fn report(&self, update: &ProgressUpdate<'_>) {
        if update.part.is_empty() {
            return;
        }
        let news = self.board().part(update, self.elapsed());
        match self.style {
            ProgressStyle::Plain if news.ended => self.line(&lines::plain_part(update)),
            ProgressStyle::Json if news.worth_telling => self.line(&lines::json_part(update)),
            // The thread that transfers does not draw: `tick` does soon enough.
            _ => {}
        }
    }
}

/// Columns and lines of the terminal.
fn size() -> (usize, usize) {
    let (height, width) = console_size();
    (width.max(20), height.max(4))
}

fn console_size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(rustix::stdio::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            (usize::from(size.ws_row), usize::from(size.ws_col))
        }
        _ => (24, 80),
    }
}
