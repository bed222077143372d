//! A container's output as it is kept and read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A piece of a container's output: a line with its newline, or a part of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Where it was printed.
    pub stream: Stream,
    /// When it was read.
    pub time: Timestamp,
    /// Its bytes; the last part of a line ends in a newline.
    pub text: Vec<u8>,
}

/// A stream of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Which part of a container's output is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with new output until the container's shim ends.
    pub follow: bool,
    /// Only the last lines; `None`: all.
    pub tail: Option<usize>,
    /// Only from this time on.
    pub since: Option<Timestamp>,
    /// Only up to this time.
    pub until: Option<Timestamp>,
}
