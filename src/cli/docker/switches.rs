//! `--detach=false`: switches with a value, as Go's command lines have them.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Parses; where a switch has a value, it is put in or left out as the value says.
///
/// # Errors
/// What `parse` says.
pub fn lenient<T>(
    mut words: Vec<OsString>,
    parse: impl Fn(Vec<OsString>) -> Result<T, clap::Error>,
) -> Result<T, clap::Error> {
    loop {
        let error = match parse(words.clone()) {
            Ok(parsed) => return Ok(parsed),
            Err(error) => error,
        };
        let Some((at, replacement)) = misread(&words, &error) else { return Err(error) };
        words.splice(at..=at, replacement.map(OsString::from));
    }
}

/// Which word has the value that the parser did not expect, and what shall stand there instead.
fn misread(words: &[OsString], error: &clap::Error) -> Option<(usize, Option<String>)> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let place =
        |fits: &dyn Fn(&str) -> bool| words.iter().position(|word| word.to_str().is_some_and(fits));
    match error.kind() {
        ErrorKind::TooManyValues => {
            let (name, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
            let on = switch(value)?;
            let whole = format!("{name}={value}");
            Some((place(&|word| word == whole)?, on.then(|| name.to_owned())))
        }
        // Of `-d=false` the parser takes `=` for the next switch.
        ErrorKind::UnknownArgument if text(ContextKind::InvalidArg) == Some("-=") => {
            let short = |word: &str| {
                let (name, value) = word.split_once('=')?;
                let is_short = name.starts_with('-') && !name.starts_with("--") && name.len() > 1;
                Some((name.to_owned(), switch(value)?)).filter(|_| is_short)
            };
            let at = place(&|word| short(word).is_some())?;
            let (name, on) = short(words[at].to_str()?)?;
            // The value is the last one's.
            let rest = if on { name } else { name[..name.len() - 1].to_owned() };
            Some((at, Some(rest).filter(|rest| rest.len() > 1)))
        }
        _ => None,
    }
}

fn switch(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Vec<&'static str>, String> {
        let switch = |name: &'static str| {
            let letter = name.chars().next().unwrap_or_default();
            clap::Arg::new(name).long(name).short(letter).action(clap::ArgAction::SetTrue)
        };
        let words = clap::Arg::new("words").num_args(0..).trailing_var_arg(true);
        let command =
            clap::Command::new("x").args([switch("detach"), switch("tty"), switch("rm"), words]);
        let words = line.split(' ').map(OsString::from).collect();
        let matches = lenient(words, |words| command.clone().try_get_matches_from(words));
        let matches = matches.map_err(|error| error.kind().to_string())?;
        Ok(["detach", "tty", "rm"].into_iter().filter(|name| matches.get_flag(name)).collect())
    }

    #[test]
    fn switches_may_have_a_value() {
        for (line, on) in [
            ("x --detach=true --tty=false --rm", &["detach", "rm"][..]),
            ("x --detach=0", &[]),
            ("x -d=true", &["detach"]),
            ("x -dt=false", &["detach"]),
            ("x -d=false image --rm=false", &[]),
        ] {
            assert_eq!(parse(line).unwrap(), on, "{line}");
        }
        assert!(parse("x --detach=maybe").is_err());
        assert!(parse("x --nothing=true").is_err());
    }
}
