//! `version`: which version this is.

use std::io::Write;
use std::process::ExitCode;

use crate::base::{Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// Our version, with a `v` as Docker Compose prints it.
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Show the version
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose version             For people
  compose version --short     The number only
  compose version -f json     For scripts")]
pub struct Version {
    /// Print `pretty` text or `json`
    #[arg(short, long, value_name = "FORMAT", default_value = "pretty")]
    format: String,

    /// Print the number only
    #[arg(long)]
    short: bool,
}

impl Version {
    /// Prints it.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let line = match (self.short, self.format.as_str()) {
            (true, _) => VERSION.trim_start_matches('v').to_owned(),
            (false, "json") => serde_json::json!({ "version": VERSION }).to_string(),
            (false, "pretty" | "") => pretty(),
            (false, other) => {
                let message = format!("format value {other:?} could not be parsed");
                return Err(Error::new(Kind::Invalid, message).hint("use pretty or json").into());
            }
        };
        cx.output().print_line(line)?;
        Ok(Exit::Success)
    }
}

/// `compose version` without options, before anything is set up.
pub fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// For people.
#[must_use]
pub fn pretty() -> String {
    format!("compose version {VERSION}")
}
