//! The command line: one file per command; the only module that prints.
//!
//! [`main`] leaves early for what must start fast, then lets clap read the arguments into a
//! [`command::Command`], and runs it with a [`Context`]: the project, loaded when first asked for;
//! the engine, opened when first asked for; and the streams to print to. A command prints through
//! the context only, so that tests see every byte.
//!
//! To add a command: a file with its options and `run`, named after it, and a variant in
//! [`command`]. A family such as `compose image …` is a directory whose `mod.rs` has an enum of
//! its commands (`#[derive(clap::Subcommand)]`) with a `run` that hands on to them, and one
//! variant `#[command(subcommand)]` in [`command`].

mod attach;
mod attached;
mod bridge;
mod bring;
mod build;
mod builder;
mod carry;
mod command;
mod commit;
mod completion;
mod config;
mod container;
mod context;
mod converse;
pub mod copy;
mod cp;
mod create;
mod disk;
mod docker;
mod down;
mod early;
mod environment;
mod events;
mod exec;
mod export;
mod fmt;
mod follow;
mod global;
mod grammar;
mod image;
mod images;
mod init;
mod inspect;
mod kill;
mod lint;
mod lock;
mod login;
mod logout;
mod logs;
mod ls;
mod man;
mod menu;
mod narrow;
mod network;
mod oci;
mod options;
mod output;
mod pause;
mod port;
mod project;
mod ps;
mod publish;
mod pull;
mod push;
mod registry;
mod remote;
mod report;
mod restart;
mod rm;
mod run;
mod screen;
mod signals;
mod single;
mod stage;
mod start;
mod stats;
mod stop;
mod system;
mod terminal;
mod top;
mod transfer;
mod up;
mod version;
mod volume;
mod volumes;
mod wait;
mod watch;

pub mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::engine::Engine;
use crate::engine::host::Host;
use crate::state::Roots;

pub use command::definition;
pub use completion::candidates;
pub use context::{Context, Surroundings};
pub use docker::Face;
pub use environment::Environment;
pub use global::{Ansi, Global, ProgressStyle};
pub use output::{Captured, Output};
pub use report::{Exit, Failure, Result};

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = early::run(&arguments) {
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
    if surroundings.environment.is_set("NO_COLOR") {
        output = output.with_ansi(Ansi::Never);
    }
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let face = docker::face(&arguments);
    let (global, command) = match docker::parse(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => return report::usage(&error, &output, face),
    };
    let style = global.error_style(&surroundings.environment);
    match Context::new(global, surroundings, open).and_then(|cx| command.run(&cx.called(face))) {
        Ok(exit) => exit.code(),
        Err(failure) => report::failure(&failure, &output, style, face),
    }
}
