//! Errors, warnings and what was done, as runc writes them: logrus' text and JSON.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use crate::base::Error;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// Where errors and warnings go.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<PathBuf>,
    format: Format,
    debug: bool,
}

impl Log {
    pub(super) fn new(file: Option<PathBuf>, format: Format, debug: bool) -> Log {
        Log { file, format, debug }
    }

    /// Tells why the operation failed: in the log, if there is one, and on standard error.
    pub(super) fn error(&self, error: &Error) {
        let text = error.to_string();
        match &self.file {
            Some(_) => {
                self.write("error", &text);
                eprintln!("{text}");
            }
            None => eprintln!("{}", self.line("error", &text)),
        }
        for hint in error.hints() {
            self.warning(hint);
        }
    }

    /// Tells what was not as asked for, but no reason to fail. Success leaves standard error empty.
    pub(super) fn warning(&self, text: &str) {
        match &self.file {
            Some(_) => self.write("warning", text),
            None if self.debug => eprintln!("{}", self.line("warning", text)),
            None => {}
        }
    }

    /// Tells what was done, if that was asked for.
    pub(super) fn debug(&self, text: impl FnOnce() -> String) {
        match &self.file {
            _ if !self.debug => {}
            Some(_) => self.write("debug", &text()),
            None => eprintln!("{}", self.line("debug", &text())),
        }
    }

    fn write(&self, level: &str, text: &str) {
        let Some(path) = &self.file else { return };
        let opened = File::options().append(true).create(true).open(path);
        let line = format!("{}\n", self.line(level, text));
        if let Err(error) = opened.and_then(|mut file| file.write_all(line.as_bytes())) {
            eprintln!("cannot write to {}: {error}", path.display());
        }
    }

    fn line(&self, level: &str, text: &str) -> String {
        let now = jiff::Timestamp::now();
        let time = now.round(jiff::Unit::Second).unwrap_or(now);
        match self.format {
            Format::Text => {
                format!("time={} level={level} msg={}", json!(time.to_string()), json!(text))
            }
            Format::Json => {
                json!({ "level": level, "msg": text, "time": time.to_string() }).to_string()
            }
        }
    }
}
