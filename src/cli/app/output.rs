//! Where commands print: data to standard output, talk to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::text::harmless;
use crate::base::{Error, Kind, Result};
use crate::cli::app::global::Ansi;

/// The two streams of a command, and what is known of the terminals behind them.
///
/// Cloning makes another handle to the same streams. Writers from several threads do not mix
/// within one call.
#[derive(Clone)]
pub struct Output {
    out: Arc<Mutex<Box<dyn Write + Send>>>,
    err: Arc<Mutex<Box<dyn Write + Send>>>,
    out_is_terminal: bool,
    err_is_terminal: bool,
    ansi: Ansi,
    /// A line that stays below everything else on the terminal.
    footer: Arc<Mutex<Option<String>>>,
}

/// To the beginning of the line, and nothing on it any more.
const ERASE_LINE: &str = "\r\x1b[2K";

impl Output {
    /// This process's streams.
    #[must_use]
    pub fn of_process() -> Output {
        Output {
            // Not `io::Stdout`: its line buffer would cut our batches into a write a line.
            out: Arc::new(Mutex::new(Box::new(RawStream(rustix::stdio::stdout())))),
            err: Arc::new(Mutex::new(Box::new(RawStream(rustix::stdio::stderr())))),
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            ansi: Ansi::Auto,
            footer: Arc::default(),
        }
    }

    /// Streams that are kept in memory, for tests.
    #[must_use]
    pub fn captured() -> (Output, Captured) {
        let captured = Captured::default();
        let output = Output {
            out: Arc::new(Mutex::new(Box::new(captured.out.clone()))),
            err: Arc::new(Mutex::new(Box::new(captured.err.clone()))),
            out_is_terminal: false,
            err_is_terminal: false,
            ansi: Ansi::Auto,
            footer: Arc::default(),
        };
        (output, captured)
    }

    /// The same streams, with colours as `ansi` says.
    #[must_use]
    pub fn with_ansi(mut self, ansi: Ansi) -> Output {
        self.ansi = ansi;
        self
    }

    /// The same streams, without those that nobody wants to see.
    #[must_use]
    pub fn only(&self, out: bool, err: bool) -> Output {
        let nowhere = || Arc::new(Mutex::new(Box::new(io::sink()) as Box<dyn Write + Send>));
        let mut output = self.clone();
        if !out {
            output.out = nowhere();
        }
        if !err {
            output.err = nowhere();
        }
        output
    }

    /// Writes data to standard output.
    ///
    /// # Errors
    /// What the operating system says; a closed pipe ends the command silently (see
    /// [`is_closed_pipe`]).
    pub fn print(&self, text: impl AsRef<[u8]>) -> Result<()> {
        self.write(&self.out, self.out_is_terminal, text.as_ref(), "standard output")
    }

    /// Writes data and the end of the line to standard output.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn print_line(&self, text: impl AsRef<str>) -> Result<()> {
        self.print(format!("{}\n", text.as_ref()))
    }

    /// Writes to standard error, in one piece.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn say(&self, text: impl AsRef<[u8]>) -> Result<()> {
        self.write(&self.err, self.err_is_terminal, text.as_ref(), "standard error")
    }

    /// Writes a line to standard error.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn say_line(&self, text: impl AsRef<str>) -> Result<()> {
        self.say(format!("{}\n", text.as_ref()))
    }

    /// Keeps a line below everything else that is printed to the terminal; `None`: no more. It
    /// must be narrower than the terminal.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn set_footer(&self, line: Option<String>) -> Result<()> {
        let mut footer = self.footer.lock().unwrap_or_else(PoisonError::into_inner);
        let before = footer.is_some();
        let text = match &line {
            Some(line) => format!("{ERASE_LINE}{line}"),
            None if before => ERASE_LINE.to_owned(),
            None => return Ok(()),
        };
        *footer = line;
        write(&self.err, text.as_bytes(), "standard error")
    }

    fn write(
        &self,
        stream: &Mutex<Box<dyn Write + Send>>,
        is_terminal: bool,
        text: &[u8],
        name: &str,
    ) -> Result<()> {
        // Held while we write, so that nothing comes between the text and the footer.
        let footer = self.footer.lock().unwrap_or_else(PoisonError::into_inner);
        match &*footer {
            Some(line) if is_terminal => write(stream, &above(text, line), name),
            _ => write(stream, text, name),
        }
    }

    /// Warns on standard error.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn warn(&self, text: impl AsRef<str>) -> Result<()> {
        let text = harmless(text.as_ref());
        match self.err_has_colour() {
            true => self.say_line(format!("\x1b[33mwarning\x1b[0m: {text}")),
            false => self.say_line(format!("warning: {text}")),
        }
    }

    /// Standard output is a terminal.
    #[must_use]
    pub fn out_is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Standard error is a terminal.
    #[must_use]
    pub fn err_is_terminal(&self) -> bool {
        self.err_is_terminal
    }

    /// Standard output gets colours.
    #[must_use]
    pub fn out_has_colour(&self) -> bool {
        self.ansi == Ansi::Always || self.ansi == Ansi::Auto && self.out_is_terminal
    }

    /// Standard error gets colours.
    #[must_use]
    pub fn err_has_colour(&self) -> bool {
        self.ansi == Ansi::Always || self.ansi == Ansi::Auto && self.err_is_terminal
    }
}

/// What was written to [`Output::captured`].
#[derive(Clone, Default)]
pub struct Captured {
    out: Buffer,
    err: Buffer,
}

impl Captured {
    /// All of standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.out.text()
    }

    /// All of standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.err.text()
    }
}

/// The reader of our output went away (`compose logs | head`): nothing to report, just the end.
#[must_use]
pub fn is_closed_pipe(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A text in place of the footer, and the footer below it, in one piece, so that nothing flickers.
fn above(text: &[u8], footer: &str) -> Vec<u8> {
    let mut whole = ERASE_LINE.as_bytes().to_vec();
    whole.extend_from_slice(text);
    if !text.ends_with(b"\n") {
        whole.push(b'\n');
    }
    whole.extend_from_slice(footer.as_bytes());
    whole
}

fn write(stream: &Mutex<Box<dyn Write + Send>>, text: &[u8], name: &str) -> Result<()> {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    stream.write_all(text).map_err(|error| {
        Error::new(Kind::Other, format!("cannot write to {name}")).with_source(error)
    })
}

/// One of the process's streams, unbuffered.
struct RawStream(std::os::fd::BorrowedFd<'static>);

impl Write for RawStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(self.0, bytes) {
            // Somebody made the terminal non-blocking; a reader that is slow is no error.
            Err(rustix::io::Errno::AGAIN) => {
                let mut ready =
                    [rustix::event::PollFd::new(&self.0, rustix::event::PollFlags::OUT)];
                rustix::event::poll(&mut ready, None)?;
                Err(io::ErrorKind::Interrupted.into())
            }
            result => Ok(result?),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_stays_below_what_is_printed() {
        let (mut output, captured) = Output::captured();
        (output.out_is_terminal, output.err_is_terminal) = (true, true);
        output.set_footer(Some("menu".to_owned())).unwrap();
        output.print("one\n").unwrap();
        output.say("two").unwrap();
        output.set_footer(None).unwrap();
        output.print_line("three").unwrap();
        let erase = ERASE_LINE;
        assert_eq!(captured.stdout(), format!("{erase}one\nmenuthree\n"));
        assert_eq!(captured.stderr(), format!("{erase}menu{erase}two\nmenu{erase}"));
    }

    #[test]
    fn a_pipe_gets_no_footer() {
        let (output, captured) = Output::captured();
        output.set_footer(Some("menu".to_owned())).unwrap();
        output.print("one\n").unwrap();
        assert_eq!(captured.stdout(), "one\n");
    }
}
