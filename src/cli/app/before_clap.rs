//! What runs before clap is built: our own child processes, `oci`, `version`, and a shell that
//! completes words.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::build;
use crate::cli::app::invoked_as::InvokedAs;
use crate::cli::docker::{compose_lines, plugin};
use crate::cli::help::completion;
use crate::cli::help::version;
use crate::cli::oci;
use crate::shim;

/// Does what the arguments ask for, if it is one of these; `None`: go on as usual.
pub fn run(arguments: &[OsString]) -> Option<ExitCode> {
    if let Some(shell) = std::env::var_os(completion::VARIABLE) {
        return Some(completion::answer(&shell, arguments));
    }
    if oci::is_link(arguments.first()?) {
        return Some(oci::main(arguments));
    }
    let first = arguments.get(1)?.to_str()?;
    let invoked_as = InvokedAs::of(arguments.first()?);
    match first {
        plugin::METADATA => Some(plugin::print_metadata()),
        "oci" if invoked_as == InvokedAs::Compose => Some(oci::main(&arguments[1..])),
        build::sandbox::ARGUMENT => Some(build::sandbox::main()),
        shim::ARGUMENT => Some(shim::main(&arguments[2..])),
        shim::INIT => Some(shim::init(&arguments[2..])),
        shim::log::compress::ARGUMENT => Some(shim::log::compress::main(&arguments[2..])),
        "version" | "--version" | "-v" if arguments.len() == 2 => match invoked_as {
            InvokedAs::Compose => Some(version::print(&version::pretty())),
            InvokedAs::DockerCompose => Some(version::print(compose_lines().trim_end())),
            InvokedAs::Docker => None,
        },
        _ => None,
    }
}
