//! How a command ends: its exit code, and the one place that reports errors.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::base::text::harmless;
use crate::base::{Error, Kind};
use crate::cli::docker::Face;
use crate::cli::global::ProgressStyle;
use crate::cli::output::{Output, is_closed_pipe};

/// Shorthand for results of commands.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// How a command ended that did what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0.
    Success,
    /// This exit code: a container's, or that of a check which said no.
    Code(u8),
}

impl Exit {
    /// The exit code of a program in a container, as far as 8 bits carry it.
    #[must_use]
    pub fn of_program(code: i32) -> Exit {
        match code & 0xff {
            0 => Exit::Success,
            code => Exit::Code(code as u8),
        }
    }

    /// The number that the caller of the process sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Code(code) => code,
        }
    }
}

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// The world said no.
    Error(Error),
    /// The same, with an exit code that says more than 1 (Docker: 125 for `run`).
    Coded(Error, u8),
    /// The compose files are wrong: all mistakes, as they are shown.
    Mistakes(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

/// Reports a failure on standard error, and returns the exit code.
pub fn failure(failure: &Failure, output: &Output, style: ProgressStyle, face: Face) -> u8 {
    let (error, code) = match failure {
        Failure::Error(error) => (error, code(error.kind())),
        Failure::Coded(error, code) => (error, *code),
        Failure::Mistakes(text) => {
            // Nobody is left to tell that standard error is closed.
            let _ = output.say(text);
            return 1;
        }
    };
    if is_closed_pipe(error) {
        // As if SIGPIPE had ended us, which is what shells expect of `logs | head`.
        return 141;
    }
    let text = match style {
        ProgressStyle::Json => json(error),
        _ if face == Face::Docker && matches!(failure, Failure::Coded(..)) => docker(error),
        _ if face == Face::Docker => format!("{}\n{}", line(error, face), hints(error, ["", ""])),
        _ => plain(error, output.err_has_colour()),
    };
    // Nobody is left to tell that standard error is closed.
    let _ = output.say(text);
    code
}

/// Reports wrong arguments, or prints the help that was asked for. Returns the exit code.
pub fn usage(error: &clap::Error, output: &Output, face: Face) -> u8 {
    if let (Face::Docker, Some(text)) = (face, misused(error)) {
        // As below.
        let _ = output.say(text);
        return usage_code(error, face);
    }
    let text = error.render();
    let shown = |colour: bool| match colour {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    // Nobody is left to tell that the stream is closed.
    let _ = match error.use_stderr() {
        true => output.say(shown(output.err_has_colour())),
        false => output.print(shown(output.out_has_colour())),
    };
    usage_code(error, face)
}

/// What Docker says of an option that there is not, or of too few words.
fn misused(error: &clap::Error) -> Option<String> {
    if error.kind() == ErrorKind::ValueValidation
        && let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
    {
        let option = option.split(' ').next().unwrap_or_default();
        let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        return Some(format!("invalid argument \"{value}\" for \"{option}\" flag: {why}\n"));
    }
    let usage = match error.get(ContextKind::Usage)? {
        ContextValue::StyledStr(usage) => usage.to_string(),
        _ => return None,
    };
    let usage = usage.trim_start_matches("Usage:").trim();
    let verb = usage.split([' ', '\n']).take_while(|word| !word.starts_with(['[', '<', '-']));
    let verb = verb.collect::<Vec<_>>().join(" ");
    let (what, word) = match (error.kind(), error.get(ContextKind::InvalidArg)?) {
        (ErrorKind::UnknownArgument, ContextValue::String(option)) => {
            match option.strip_prefix("--") {
                Some(_) => (format!("unknown flag: {option}"), "Run"),
                None => {
                    let letter = option.trim_start_matches('-').chars().next()?;
                    (format!("unknown shorthand flag: '{letter}' in {option}"), "Run")
                }
            }
        }
        (ErrorKind::MissingRequiredArgument, ContextValue::Strings(missing)) => {
            let (count, plural) = (missing.len(), if missing.len() == 1 { "" } else { "s" });
            (format!("docker: '{verb}' requires at least {count} argument{plural}"), "See")
        }
        _ => return None,
    };
    Some(format!("{what}\n\nUsage:  {usage}\n\n{word} '{verb} --help' for more information\n"))
}

fn usage_code(error: &clap::Error, face: Face) -> u8 {
    match (error.use_stderr(), face, error.kind()) {
        (false, ..) => 0,
        // Docker: 1 for a verb that there is not, or too few words behind it, 125 for options.
        (true, Face::Docker, ErrorKind::InvalidSubcommand | ErrorKind::MissingRequiredArgument) => {
            1
        }
        (true, Face::Docker, _) => 125,
        (true, ..) => 1,
    }
}

/// An error on one line. Scripts look for Docker's words: what its engine refuses is told apart
/// from what its command line does not understand.
#[must_use]
pub fn line(error: &Error, face: Face) -> String {
    let text = error.to_string();
    let text = harmless(&text);
    match (face, error.kind()) {
        (Face::Docker, _) if text.starts_with("No such object: ") => {
            format!("Error: {text}")
        }
        (Face::Docker, Kind::NotFound | Kind::Conflict | Kind::Unauthorized) => {
            format!("Error response from daemon: {text}")
        }
        (Face::Docker, _) => text.into_owned(),
        _ => format!("error: {text}"),
    }
}

/// What `docker run` says when there is nothing to run.
fn docker(error: &Error) -> String {
    let (line, hints) = (line(error, Face::Docker), hints(error, ["", ""]));
    format!("docker: {line}\n{hints}\nRun 'docker run --help' for more information\n")
}

/// A line for each thing that the user can do; the sign before it is in colour.
fn hints(error: &Error, [colour, end]: [&str; 2]) -> String {
    let line = |hint: &String| format!("  {colour}={end} hint: {}\n", harmless(hint));
    error.hints().iter().map(line).collect()
}

/// Exit codes that say what went wrong (Docker: 126 and 127 as shells; 130 as after Ctrl-C).
fn code(kind: Kind) -> u8 {
    match kind {
        Kind::NotExecutable => 126,
        Kind::NoSuchProgram => 127,
        Kind::Interrupted => 130,
        _ => 1,
    }
}

fn plain(error: &Error, colour: bool) -> String {
    let [red, cyan, bold, end] = match colour {
        true => ["\x1b[1;31m", "\x1b[36m", "\x1b[1m", "\x1b[0m"],
        false => [""; 4],
    };
    let text = error.to_string();
    let text = harmless(&text);
    format!("{red}error{end}{bold}: {text}{end}\n{}", hints(error, [cyan, end]))
}

fn json(error: &Error) -> String {
    let mut line = serde_json::json!({ "error": true, "message": error.to_string() });
    if !error.hints().is_empty() {
        line["hints"] = error.hints().into();
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(error: Error, style: ProgressStyle) -> (u8, String) {
        let (output, captured) = Output::captured();
        let code = failure(&error.into(), &output, style, Face::Compose);
        (code, captured.stderr())
    }

    #[test]
    fn an_error_is_one_line_and_its_hints() {
        let error = Error::other("no such service: wbe").hint("did you mean `web`?");
        assert_eq!(
            report(error, ProgressStyle::Plain),
            (1, "error: no such service: wbe\n  = hint: did you mean `web`?\n".to_owned())
        );
    }

    /// terminal-escape.
    #[test]
    fn what_a_registry_says_has_no_power_over_the_terminal() {
        let error = Error::other("manifest of `\x1b]0;pwned\x07`").hint("\x1b[2J");
        let expected = "error: manifest of `^[]0;pwned^G`\n  = hint: ^[[2J\n".to_owned();
        assert_eq!(report(error, ProgressStyle::Plain), (1, expected));
    }

    #[test]
    fn machines_get_an_object() {
        let error = Error::new(Kind::NoSuchProgram, "x");
        let line = "{\"error\":true,\"message\":\"x\"}\n".to_owned();
        assert_eq!(report(error, ProgressStyle::Json), (127, line));
    }

    #[test]
    fn a_reader_that_went_away_is_not_reported() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let error = Error::other("cannot write").with_source(closed);
        assert_eq!(report(error, ProgressStyle::Plain), (141, String::new()));
    }
}
