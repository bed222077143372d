//! The one error of the effect side: what we tried, why it failed, what to do about it.

use std::error::Error as StdError;
use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What callers branch on. Everything that no caller treats differently is [`Kind::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The named thing does not exist.
    NotFound,
    /// The name, port or address is taken, or the object is in use.
    Conflict,
    /// What the user asked for cannot be done as written.
    Invalid,
    /// The program cannot be executed (Docker: exit code 126).
    NotExecutable,
    /// The program does not exist in the container (Docker: exit code 127).
    NoSuchProgram,
    /// Credentials are missing or were refused.
    Unauthorized,
    /// A time limit ran out.
    TimedOut,
    /// The user interrupted the command.
    Interrupted,
    /// Anything else.
    Other,
}

/// The world said no: one sentence with the object's name, hints, and the cause.
///
/// Made with [`Error::new`] or by [`Context::context`] on any other error; reported once, at the top.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    hints: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` says what was tried, with the name or path.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), hints: Vec::new(), source: None }))
    }

    /// An error no caller branches on.
    pub fn other(message: impl Into<String>) -> Error {
        Error::new(Kind::Other, message)
    }

    /// Adds the cause, shown after the message.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a line that tells the user what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hints.push(hint.into());
        self
    }

    /// What callers branch on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What the operating system said, where that is the innermost cause; `None`: it said nothing.
    #[must_use]
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(IoCause(error)) = error.downcast_ref() {
                return Some(error.kind());
            }
            cause = error.source();
        }
        None
    }

    /// The lines that tell the user what to do, in the order they were added.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }
}

/// The whole chain in one line: `cannot mount volume data: read-only file system`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let mut cause = self.source();
        while let Some(error) = cause {
            // `Error` prints its own chain, so the walk ends there.
            write!(f, ": {error}")?;
            cause = if error.is::<Error>() { None } else { error.source() };
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Says what was tried when a step failed.
pub trait Context<T> {
    /// Wraps the error in `message`; keeps the kind of an [`Error`], and maps
    /// [`std::io::ErrorKind::NotFound`] to [`Kind::NotFound`].
    ///
    /// # Errors
    /// The wrapped error.
    fn context(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| {
            let kind = error.kind();
            let hints = error.0.hints.clone();
            let mut outer = Error::new(kind, message()).with_source(error);
            outer.0.hints = hints;
            outer
        })
    }
}

impl<T> Context<T> for std::io::Result<T> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Other,
            };
            Error::new(kind, message()).with_source(IoCause(error))
        })
    }
}

/// An I/O error without Rust's ` (os error 2)`, which tells users nothing.
#[derive(Debug)]
struct IoCause(std::io::Error);

impl fmt::Display for IoCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&io_text(&self.0))
    }
}

impl StdError for IoCause {}

/// An I/O error in the words of messages: `connection refused`, without its number.
#[must_use]
pub fn io_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match (error.raw_os_error(), text.split_once(" (os error ")) {
        (Some(_), Some((plain, _))) => plain.to_lowercase(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_reads_as_one_sentence() {
        let cause: std::io::Result<()> = Err(std::io::Error::from_raw_os_error(libc::EROFS));
        let error = cause.context(|| "cannot mount volume `data`".to_owned()).unwrap_err();
        let outer = Err::<(), _>(error.hint("make it writable"))
            .context(|| "cannot start web-1".to_owned())
            .unwrap_err();

        assert_eq!(
            outer.to_string(),
            "cannot start web-1: cannot mount volume `data`: read-only file system"
        );
        assert_eq!(outer.hints(), ["make it writable"]);
    }

    #[test]
    fn what_the_system_said_is_found_below_what_was_tried() {
        let cause: std::io::Result<()> = Err(std::io::Error::from_raw_os_error(libc::EPIPE));
        let error = cause.context(|| "inner".to_owned()).context(|| "outer".to_owned());
        assert_eq!(error.unwrap_err().io_kind(), Some(std::io::ErrorKind::BrokenPipe));
        assert_eq!(Error::other("no cause").io_kind(), None);
    }

    #[test]
    fn a_missing_file_keeps_its_kind() {
        let cause: std::io::Result<()> = Err(std::io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(cause.context(|| "x".to_owned()).unwrap_err().kind(), Kind::NotFound);
    }
}
