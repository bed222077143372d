//! The command line: one file per command; the only module that prints.
//!
//! [`main`] leaves early for what must start fast, then lets clap read the arguments into a
//! [`app::command::Command`], and runs it with a [`Context`]: the project, loaded when first asked for;
//! the engine, opened when first asked for; and the streams to print to. A command prints through
//! the context only, so that tests see every byte.
//!
//! Commands lie in folders by what they act on: [`project`], [`files`], [`build`], [`container`],
//! [`image`], [`network`], [`volume`], [`registry`], [`system`], [`help`] and [`oci`]. What they
//! share is in [`app`] (start, options, context, output, errors), [`plans`] (running plans),
//! [`console`] (terminal, signals, streams) and [`ui`] (how things look).
//!
//! To add a command: a file with its options and `run`, named after it, in its folder, and a
//! variant in [`app::command`]. A family such as `compose image …` is a folder whose `mod.rs` has
//! an enum of its commands (`#[derive(clap::Subcommand)]`) with a `run` that hands on to them, and
//! one variant `#[command(subcommand)]` in [`app::command`].

mod app;
mod build;
pub mod console;
mod container;
mod docker;
mod files;
mod help;
mod image;
mod network;
mod oci;
mod plans;
mod project;
mod registry;
mod system;
pub mod ui;
mod volume;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::app::{before_clap, refused, report};
use crate::engine::Engine;
use crate::engine::host::Host;
use crate::state::Roots;

pub use app::command::definition;
pub use app::context::{Context, Surroundings};
pub use app::environment::Environment;
pub use app::global::{Ansi, Global, ProgressStyle};
pub use app::invoked_as::InvokedAs;
pub use app::output::{Captured, Output};
pub use app::report::{Exit, Failure, Result};
pub use help::completion::candidates;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    refused::tell_in_one_line();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = before_clap::run(&arguments) {
        return code;
    }
    ExitCode::from(run(arguments, Surroundings::of_process(), Host::open))
}

/// Runs one command line and returns its exit code. `open` makes the engine, at most once, when
/// the command needs it.
pub fn run<E: Engine + 'static>(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    surroundings: Surroundings,
    open: impl Fn(Roots) -> crate::base::Result<E> + 'static,
) -> u8 {
    let mut output = surroundings.output.clone();
    if surroundings.environment.is_set("NO_COLOR") || surroundings.environment.is_dumb() {
        output = output.with_ansi(Ansi::Never);
    }
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let invoked_as = docker::invoked_as(&arguments);
    let (global, command) = match docker::parse(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => return report::usage(&error, &output, invoked_as),
    };
    let style = global.error_style(&surroundings.environment);
    match Context::new(global, surroundings, open)
        .and_then(|cx| command.run(&cx.called(invoked_as)))
    {
        Ok(exit) => exit.code(),
        Err(failure) => report::failure(&failure, &output, style, invoked_as),
    }
}
