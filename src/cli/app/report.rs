//! How a command ends: its exit code, and the one place that reports errors.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::base::text::harmless;
use crate::base::{Error, Kind};
use crate::cli::app::global::ProgressStyle;
use crate::cli::app::invoked_as::InvokedAs;
use crate::cli::app::output::{Output, is_closed_pipe};

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
pub fn failure(
    failure: &Failure,
    output: &Output,
    style: ProgressStyle,
    invoked_as: InvokedAs,
) -> u8 {
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
        _ if invoked_as == InvokedAs::Docker && matches!(failure, Failure::Coded(..)) => {
            docker(error)
        }
        _ if invoked_as == InvokedAs::Docker => {
            format!("{}\n{}", line(error, invoked_as), hints(error, ["", ""]))
        }
        _ => plain(error, output.err_has_colour()),
    };
    // Nobody is left to tell that standard error is closed.
    let _ = output.say(text);
    code
}

/// Reports wrong arguments, or prints the help that was asked for. Returns the exit code.
pub fn usage(error: &clap::Error, output: &Output, invoked_as: InvokedAs) -> u8 {
    if (invoked_as, error.kind())
        == (InvokedAs::Docker, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand)
    {
        // Docker: a family without a verb is a question, and its help the answer.
        let _ = output.print(error.render().to_string());
        return 0;
    }
    if let (InvokedAs::Docker, Some(text)) = (invoked_as, misused(error)) {
        // As below.
        let _ = output.say(text);
        return usage_code(error, invoked_as);
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
    usage_code(error, invoked_as)
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
    if error.kind() == ErrorKind::InvalidValue {
        return bad_value(error);
    }
    let usage = match error.get(ContextKind::Usage)? {
        ContextValue::StyledStr(usage) => usage.to_string(),
        _ => return None,
    };
    let usage = usage.trim_start_matches("Usage:").trim();
    let verb = usage.split([' ', '\n']).take_while(|word| !word.starts_with(['[', '<', '-']));
    let verb = verb.collect::<Vec<_>>().join(" ");
    let what = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => {
            match option.strip_prefix("--") {
                Some(_) => format!("unknown flag: {option}"),
                None => {
                    let letter = option.trim_start_matches('-').chars().next()?;
                    format!("unknown shorthand flag: '{letter}' in {option}")
                }
            }
        }
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(_))) => {
            format!("docker: '{verb}' requires {}", wanted_words(usage))
        }
        (ErrorKind::InvalidSubcommand, _) => {
            let ContextValue::String(word) = error.get(ContextKind::InvalidSubcommand)? else {
                return None;
            };
            let close = match error.get(ContextKind::SuggestedSubcommand) {
                // The closest is the last one.
                Some(ContextValue::Strings(close)) => close.last(),
                _ => None,
            };
            let hint = close.map(|close| format!("\n  = hint: did you mean `{close}`?"));
            format!("docker: unknown command: {verb} {word}{}", hint.unwrap_or_default())
        }
        _ => return None,
    };
    let usage = in_dockers_letters(usage, &verb);
    Some(format!("{what}\n\nUsage:  {usage}\n\nRun '{verb} --help' for more information\n"))
}

/// An option without its value, or with one that is not among those it can have.
fn bad_value(error: &clap::Error) -> Option<String> {
    let ContextValue::String(option) = error.get(ContextKind::InvalidArg)? else { return None };
    let option = option.split(' ').next().unwrap_or_default();
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if !value.is_empty() => value,
        _ => return Some(format!("flag needs an argument: {option}\n")),
    };
    let ContextValue::Strings(known) = error.get(ContextKind::ValidValue)? else { return None };
    let known = known.join(", ");
    Some(format!("invalid argument \"{value}\" for \"{option}\" flag: must be one of {known}\n"))
}

/// How many words a usage asks for: `2 arguments`, `at least 1 argument`.
fn wanted_words(usage: &str) -> String {
    let count = usage.split(' ').filter(|word| word.starts_with('<')).count();
    let least = if usage.contains("...") || usage.contains('[') { "at least " } else { "" };
    format!("{least}{count} argument{}", if count == 1 { "" } else { "s" })
}

/// `docker rm <CONTAINER>...` as Docker writes it: `docker rm [OPTIONS] CONTAINER...`.
fn in_dockers_letters(usage: &str, verb: &str) -> String {
    let words = usage.strip_prefix(verb).unwrap_or_default().trim();
    if words.contains('-') || words.contains("[OPTIONS]") || words == "<COMMAND>" {
        return usage.replace(['<', '>'], "");
    }
    format!("{verb} [OPTIONS] {words}").trim_end().replace(['<', '>'], "")
}

fn usage_code(error: &clap::Error, invoked_as: InvokedAs) -> u8 {
    match (error.use_stderr(), invoked_as, error.kind()) {
        (false, ..) => 0,
        // Docker: 1 for a verb that there is not, or too few words behind it, 125 for options.
        (
            true,
            InvokedAs::Docker,
            ErrorKind::InvalidSubcommand | ErrorKind::MissingRequiredArgument,
        ) => 1,
        (true, InvokedAs::Docker, _) => 125,
        (true, ..) => 1,
    }
}

/// An error on one line. Scripts look for Docker's words: what its engine refuses is told apart
/// from what its command line does not understand.
#[must_use]
pub fn line(error: &Error, invoked_as: InvokedAs) -> String {
    let text = error.to_string();
    let text = harmless(&text);
    match (invoked_as, error.kind()) {
        (InvokedAs::Docker, _)
            if text.starts_with("No such object: ") || text.starts_with("No public port ") =>
        {
            format!("Error: {text}")
        }
        (InvokedAs::Docker, Kind::NotFound | Kind::Conflict | Kind::Unauthorized) => {
            format!("Error response from daemon: {text}")
        }
        (InvokedAs::Docker, _) => text.into_owned(),
        _ => format!("error: {text}"),
    }
}

/// What `docker run` says when there is nothing to run.
fn docker(error: &Error) -> String {
    let (line, hints) = (line(error, InvokedAs::Docker), hints(error, ["", ""]));
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
        let code = failure(&error.into(), &output, style, InvokedAs::Compose);
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
    fn how_many_words_a_usage_asks_for() {
        for (usage, words, shown) in [
            ("docker rename <FROM> <TO>", "2 arguments", "docker rename [OPTIONS] FROM TO"),
            ("docker rm <NAMES>...", "at least 1 argument", "docker rm [OPTIONS] NAMES..."),
            (
                "docker port <NAME> [PORT]",
                "at least 1 argument",
                "docker port [OPTIONS] NAME [PORT]",
            ),
            ("docker volume <COMMAND>", "1 argument", "docker volume COMMAND"),
            ("docker ps [OPTIONS]", "at least 0 arguments", "docker ps [OPTIONS]"),
        ] {
            let verb = usage.split(' ').take(2).collect::<Vec<_>>().join(" ");
            assert_eq!(wanted_words(usage), words);
            assert_eq!(in_dockers_letters(usage, &verb), shown);
        }
    }

    #[test]
    fn a_reader_that_went_away_is_not_reported() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let error = Error::other("cannot write").with_source(closed);
        assert_eq!(report(error, ProgressStyle::Plain), (141, String::new()));
    }
}
