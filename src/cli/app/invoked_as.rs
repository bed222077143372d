//! The name this program was invoked by: it has three, each with a command line of its own.

use std::ffi::OsStr;
use std::path::Path;

/// The name in `argv[0]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvokedAs {
    /// Our own.
    #[default]
    Compose,
    /// `docker`.
    Docker,
    /// `docker-compose`.
    DockerCompose,
}

impl InvokedAs {
    /// Which of them a program's name or path is.
    #[must_use]
    pub fn of(program: &OsStr) -> InvokedAs {
        match Path::new(program).file_name().and_then(OsStr::to_str) {
            Some("docker") => InvokedAs::Docker,
            Some("docker-compose") => InvokedAs::DockerCompose,
            _ => InvokedAs::Compose,
        }
    }
}
