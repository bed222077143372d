//! The names `docker` and `docker-compose`: called by one of them, we take Docker's grammar.
//!
//! `docker …` has Docker's verbs, each of which is one of our commands on single things;
//! `docker compose …` and `docker-compose …` are our own command line. Docker itself, where it is
//! installed, finds us as its plugin under the name `docker-compose` ([`plugin`]).

mod context;
mod lines;
pub mod plugin;
mod said;
mod switches;
mod verbs;
mod version;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::cli::command::{self, Command};
use crate::cli::global::Global;

pub use context::Contexts;
pub use lines::{Lines, Way, heading};
pub use said::Said;
pub use switches::lenient;
pub use version::{DockerVersion, architecture, compose_lines};

/// The version of Docker whose command line we speak: what asks for it wants to know that.
pub const SPOKEN: &str = "28.2.2";

/// By which name we were called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Face {
    /// Our own.
    #[default]
    Compose,
    /// `docker`.
    Docker,
    /// `docker-compose`.
    DockerCompose,
}

impl Face {
    /// The face behind a program's name or path.
    #[must_use]
    pub fn of(program: &OsStr) -> Face {
        match Path::new(program).file_name().and_then(OsStr::to_str) {
            Some("docker") => Face::Docker,
            Some("docker-compose") => Face::DockerCompose,
            _ => Face::Compose,
        }
    }
}

/// Who speaks: `docker compose` is `docker-compose`.
pub fn face(arguments: &[OsString]) -> Face {
    let face = arguments.first().map_or_else(Face::default, |program| Face::of(program));
    let compose = || plugin::first_word(arguments).is_some_and(|at| arguments[at] == "compose");
    if face == Face::Docker && compose() { Face::DockerCompose } else { face }
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// The arguments are wrong, or ask for help.
pub fn parse(arguments: &[OsString]) -> Result<(Global, Command), clap::Error> {
    match arguments.first().map_or(Face::Compose, |program| Face::of(program)) {
        Face::Compose => lenient(arguments.to_vec(), |words| command::parse(&words)),
        Face::DockerCompose => compose(arguments, "docker-compose"),
        Face::Docker => docker(arguments),
    }
}

/// Docker's options come first; then a verb, or `compose` and all of ours.
fn docker(arguments: &[OsString]) -> Result<(Global, Command), clap::Error> {
    match face(arguments) {
        Face::DockerCompose => compose(arguments, "docker compose"),
        _ => lenient(arguments.to_vec(), verbs::parse),
    }
}

/// Our own command line, behind `docker [OPTIONS] compose` or `docker-compose`.
fn compose(arguments: &[OsString], name: &str) -> Result<(Global, Command), clap::Error> {
    let mut words = plugin::without_docker(arguments);
    words[0] = name.into();
    lenient(words, |words| command::parse_as(&words, name))
}
