//! What runs in a container.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A program with everything it needs to be started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Program and arguments; the program is searched in the container's `PATH`.
    pub argv: Vec<String>,
    /// How many of `argv` come from the entrypoint (for `inspect`).
    pub entrypoint_len: usize,
    /// `NAME=value`, in order, no name twice. `HOSTNAME` and `HOME` are added by the runtime.
    pub env: Vec<String>,
    /// Working directory inside the container, created when missing; empty: `/`.
    pub cwd: String,
    /// `uid|name[:gid|group]`, resolved inside the image; empty: root.
    pub user: String,
    /// Further groups, by name or number.
    pub groups: Vec<String>,
    /// Give it a terminal.
    pub tty: bool,
    /// Keep standard input open, with no one attached too.
    pub stdin_open: bool,
}

/// A probe that says whether a container works (Docker: HEALTHCHECK).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Program and arguments, run as the container's user, in its working directory.
    /// (`CMD-SHELL` is already `["/bin/sh", "-c", …]`.)
    pub argv: Vec<String>,
    /// From the end of one probe to the next one, and before the first. Docker: 30 s.
    pub interval: Duration,
    /// A probe that takes longer is killed and has failed. Docker: 30 s.
    pub timeout: Duration,
    /// Failures in a row that make it unhealthy, at least 1. Docker: 3.
    pub retries: u32,
    /// Failures this soon after start do not count before the first success. Docker: 0 s.
    pub start_period: Duration,
    /// Interval within the start period. Docker: 5 s.
    pub start_interval: Duration,
}

/// A command run in a running container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Added to the container's environment, as `NAME=value`.
    pub env: Vec<String>,
    /// `None`: the container's own working directory.
    pub cwd: Option<String>,
    /// `None`: the container's own user.
    pub user: Option<String>,
    /// Give it a terminal.
    pub tty: bool,
    /// All capabilities, no seccomp filter.
    pub privileged: bool,
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub columns: u16,
}
