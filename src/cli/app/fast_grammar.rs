//! The grammar of one command alone.
//!
//! The whole command line has some 200 commands, and clap makes all of them before it reads a
//! word: 2.5 ms, a sixth of what a container's start takes. Those that people and scripts wait for
//! are read by themselves. Whatever that grammar does not understand, or is asked to explain, the
//! whole one gets to see: a narrow grammar says yes, or nothing.

use std::ffi::OsString;

use clap::{Args, Command};

use crate::cli::container;
use crate::cli::project::down;
use crate::cli::project::exec;
use crate::cli::project::kill;
use crate::cli::project::logs;
use crate::cli::project::ps;
use crate::cli::project::restart;
use crate::cli::project::rm;
use crate::cli::project::run;
use crate::cli::project::start;
use crate::cli::project::stop;
use crate::cli::project::up;

/// A command's name, and what gives a bare command its options.
type Entry = (&'static str, fn(Command) -> Command);

/// Commands on the project.
const PROJECT: &[Entry] = &[
    ("up", up::Up::augment_args),
    ("down", down::Down::augment_args),
    ("exec", exec::Exec::augment_args),
    ("kill", kill::Kill::augment_args),
    ("logs", logs::Logs::augment_args),
    ("ps", ps::Ps::augment_args),
    ("restart", restart::Restart::augment_args),
    ("rm", rm::Rm::augment_args),
    ("run", run::Run::augment_args),
    ("start", start::Start::augment_args),
    ("stop", stop::Stop::augment_args),
];

/// Commands on single containers: `compose container …`, and `docker …`.
const CONTAINER: &[Entry] = &[
    ("create", container::Create::augment_args),
    ("exec", container::Exec::augment_args),
    ("inspect", container::Inspect::augment_args),
    ("kill", container::Kill::augment_args),
    ("logs", container::Logs::augment_args),
    ("ls", container::Ls::augment_args),
    ("rm", container::Rm::augment_args),
    ("run", container::Run::augment_args),
    ("start", container::Start::augment_args),
    ("stop", container::Stop::augment_args),
];

/// The family of single containers.
const FAMILY: &str = "container";

/// The command that these words, the program's name first, seem to name: the first of them that
/// is a name. `None`: they name none, or one without a grammar of its own.
pub fn command(words: &[OsString]) -> Option<Command> {
    let (at, name) = words.iter().enumerate().skip(1).find_map(|(at, word)| {
        let name = word.to_str().filter(|name| *name == FAMILY || entry(PROJECT, name).is_some());
        name.map(|name| (at, name))
    })?;
    if name != FAMILY {
        return entry(PROJECT, name).map(bare);
    }
    let member = entry(CONTAINER, words.get(at + 1)?.to_str()?)?;
    Some(with_one(Command::new(FAMILY), bare(member)))
}

/// `parent` with one command, which must be there.
pub fn with_one(parent: Command, command: Command) -> Command {
    parent.subcommand_required(true).arg_required_else_help(true).subcommand(command)
}

fn entry(entries: &[Entry], name: &str) -> Option<Entry> {
    entries.iter().find(|(known, _)| *known == name).copied()
}

fn bare((name, options): Entry) -> Command {
    options(Command::new(name))
}

/// The words of every command that has a grammar of its own.
#[cfg(test)]
pub fn lines() -> Vec<String> {
    let project = PROJECT.iter().map(|(name, _)| (*name).to_owned());
    let single = CONTAINER.iter().map(|(name, _)| format!("{FAMILY} {name}"));
    project.chain(single).collect()
}
