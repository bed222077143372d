//! Docker's protocol for plugins: `docker compose …` is us where a real `docker` is installed.
//!
//! Docker looks for programs named `docker-NAME` in its directories of plugins, asks each for its
//! metadata, and runs it with the whole command line, its own options and the name included.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::cli::app::address::Address;

/// The argument that asks for metadata.
pub const METADATA: &str = "docker-cli-plugin-metadata";

/// Docker's own options that are followed by a value.
const WITH_VALUE: [&str; 10] = [
    "-H",
    "--host",
    "-c",
    "--context",
    "--config",
    "-l",
    "--log-level",
    "--tlscacert",
    "--tlscert",
    "--tlskey",
];

/// Docker's own options that stand alone.
const ALONE: [&str; 4] = ["-D", "--debug", "--tls", "--tlsverify"];

/// Prints who we are (Docker: a plugin that says anything else is left out).
pub fn print_metadata() -> ExitCode {
    let metadata = serde_json::json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "compose",
        "Version": concat!("v", env!("CARGO_PKG_VERSION")),
        "ShortDescription": "Docker Compose on a container runtime of its own",
    });
    match writeln!(std::io::stdout(), "{metadata}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What Docker's own options, before the word `compose`, say about the engine's place.
#[must_use]
pub fn address(arguments: &[OsString]) -> Address {
    let mut address = Address::default();
    let end = first_word(arguments).filter(|at| arguments[*at] == "compose").unwrap_or(0);
    let mut words = arguments[..end].iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => (name, Some(value)),
            _ if word.starts_with("--") || word.len() <= 2 => (word, None),
            _ => (&word[..2], Some(word[2..].trim_start_matches('='))),
        };
        if !WITH_VALUE.contains(&name) {
            continue;
        }
        let Some(value) = value.or_else(|| words.next()).map(str::to_owned) else { break };
        match name {
            "-H" | "--host" => address.hosts.push(value),
            "-c" | "--context" => address.context = Some(value),
            "--config" => address.config = Some(value.into()),
            _ => {}
        }
    }
    address
}

/// Where the first word is that is neither one of Docker's own options nor its value.
#[must_use]
pub fn first_word(arguments: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = arguments.get(at).and_then(|word| word.to_str()) {
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        at += match word.starts_with('-') {
            false => return Some(at),
            true if WITH_VALUE.contains(&word) => 2,
            true if WITH_VALUE.contains(&name) || ALONE.contains(&name) => 1,
            // `-Hunix:///…` and `-lerror`.
            true if !word.starts_with("--") && WITH_VALUE.contains(&&word[..2]) => 1,
            true => return None,
        };
    }
    None
}

/// The command line without Docker's own options and the word `compose`, if it has that.
#[must_use]
pub fn without_docker(arguments: &[OsString]) -> Vec<OsString> {
    let compose = first_word(arguments).filter(|at| arguments[*at] == "compose");
    let (program, rest) = arguments.split_at(arguments.len().min(1));
    let rest = compose.map_or(rest, |at| &arguments[at + 1..]);
    program.iter().chain(rest).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn dockers_own_options_are_left_out() {
        for (line, rest) in [
            ("docker compose up -d", "docker up -d"),
            ("docker -H unix:///x --debug compose -f a.yml ps", "docker -f a.yml ps"),
            ("docker --config=/x -lerror compose version", "docker version"),
            ("docker-compose up compose", "docker-compose up compose"),
            ("docker-compose -p compose up", "docker-compose -p compose up"),
        ] {
            assert_eq!(without_docker(&words(line)), words(rest), "{line}");
        }
    }

    #[test]
    fn the_place_of_the_engine_is_read_in_every_spelling() {
        for line in [
            "docker -H tcp://a --context prod --config /x compose up",
            "docker --host=tcp://a -c=prod --config=/x compose up -c other",
            "docker-compose -D -Htcp://a -cprod -l error --config /x compose -H b",
        ] {
            let found = address(&words(line));
            assert_eq!(found.hosts, ["tcp://a"], "{line}");
            assert_eq!(found.context.as_deref(), Some("prod"), "{line}");
            assert_eq!(found.config.as_deref(), Some(std::path::Path::new("/x")), "{line}");
        }
        assert!(address(&words("docker-compose -H tcp://a up")).hosts.is_empty());
    }

    #[test]
    fn the_first_word_is_the_verb() {
        assert_eq!(first_word(&words("docker -c remote run x")), Some(3));
        assert_eq!(first_word(&words("docker --version")), None);
        assert_eq!(first_word(&words("docker")), None);
    }
}
