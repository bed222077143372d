//! The names `docker` and `docker-compose`: called by one of them, we take Docker's grammar.
//!
//! `docker …` has Docker's verbs, each of which is one of our commands on single things;
//! `docker compose …` and `docker-compose …` are our own command line. Docker itself, where it is
//! installed, finds us as its plugin under the name `docker-compose` ([`plugin`]).

mod context;
pub mod plugin;
mod said;
mod switches;
mod verbs;
mod version;

use std::ffi::OsString;

use crate::cli::app::command::{self, Command};
use crate::cli::app::global::Global;
use crate::cli::app::invoked_as::InvokedAs;

pub use context::Contexts;
pub use said::Said;
pub use switches::lenient;
pub use version::{DockerVersion, compose_lines};

/// The name that counts: `docker compose` is `docker-compose`.
pub fn invoked_as(arguments: &[OsString]) -> InvokedAs {
    let invoked_as =
        arguments.first().map_or_else(InvokedAs::default, |program| InvokedAs::of(program));
    let compose = || plugin::first_word(arguments).is_some_and(|at| arguments[at] == "compose");
    if invoked_as == InvokedAs::Docker && compose() { InvokedAs::DockerCompose } else { invoked_as }
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// The arguments are wrong, or ask for help.
pub fn parse(arguments: &[OsString]) -> Result<(Global, Command), clap::Error> {
    match arguments.first().map_or(InvokedAs::Compose, |program| InvokedAs::of(program)) {
        InvokedAs::Compose => lenient(arguments.to_vec(), |words| command::parse(&words)),
        InvokedAs::DockerCompose => compose(arguments, "docker-compose"),
        InvokedAs::Docker => docker(arguments),
    }
}

/// Docker's options come first; then a verb, or `compose` and all of ours.
fn docker(arguments: &[OsString]) -> Result<(Global, Command), clap::Error> {
    match invoked_as(arguments) {
        InvokedAs::DockerCompose => compose(arguments, "docker compose"),
        _ => lenient(arguments.to_vec(), verbs::parse),
    }
}

/// Our own command line, behind `docker [OPTIONS] compose` or `docker-compose`.
fn compose(arguments: &[OsString], name: &str) -> Result<(Global, Command), clap::Error> {
    let mut words = plugin::without_docker(arguments);
    words[0] = name.into();
    let (mut global, command) = lenient(words, |words| command::parse_as(&words, name))?;
    global.address = plugin::address(arguments);
    Ok((global, command))
}
