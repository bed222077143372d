//! The instructions, as types. Words in them are as written: variables are expanded when the step
//! is built, since values depend on the steps before it.

use std::time::Duration;

use crate::diag::Span;

use super::heredoc::Heredoc;
use super::words::Word;

/// One step of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Where the instruction stands.
    pub span: Span,
    /// The instruction as written, continuations joined: for progress and history.
    pub text: String,
    /// What it says.
    pub instruction: Instruction,
}

/// What a step does (Docker: reference/dockerfile).
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// `ADD` and `COPY`.
    Copy(Copy),
    /// `ARG`.
    Arg(Vec<Argument>),
    /// `CMD`.
    Cmd(Command),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `ENV`: names and values.
    Env(Vec<(Word, Word)>),
    /// `EXPOSE`.
    Expose(Vec<Word>),
    /// `HEALTHCHECK`; `None`: `HEALTHCHECK NONE`.
    Healthcheck(Option<Health>),
    /// `LABEL`: names and values.
    Label(Vec<(Word, Word)>),
    /// `MAINTAINER`.
    Maintainer(String),
    /// `ONBUILD`: an instruction for those who build from this image.
    OnBuild(String),
    /// `RUN`.
    Run(Run),
    /// `SHELL`.
    Shell(Vec<String>),
    /// `STOPSIGNAL`.
    StopSignal(Word),
    /// `USER`.
    User(Word),
    /// `VOLUME`.
    Volume(Vec<Word>),
    /// `WORKDIR`.
    WorkDir(Word),
}

/// A command in one of its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A line for the shell.
    Shell(String),
    /// Program and arguments.
    Exec(Vec<String>),
}

/// One name of an `ARG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The name.
    pub name: Word,
    /// Its default.
    pub default: Option<Word>,
}

/// `ADD` or `COPY`.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// It is `ADD`: archives are unpacked, and sources may be URLs.
    pub add: bool,
    /// Files to copy, in order.
    pub sources: Vec<Word>,
    /// Files with content given here, after the others.
    pub inline: Vec<Heredoc>,
    /// Where to.
    pub destination: Word,
    /// A stage, an image or a named context; `None`: the build context.
    pub from: Option<Word>,
    /// `user[:group]`; `None`: 0:0.
    pub chown: Option<Word>,
    /// Mode, in octal or as `chmod` takes it; `None`: as the source has it.
    pub chmod: Option<Word>,
    /// Independent of the layers below.
    pub link: bool,
    /// Keep the sources' directories.
    pub parents: bool,
    /// Patterns of what to leave out.
    pub exclude: Vec<Word>,
    /// Digest that a downloaded file must have.
    pub checksum: Option<Word>,
    /// Keep `.git` of a repository.
    pub keep_git_dir: bool,
    /// Unpack archives, or not; `None`: local ones only.
    pub unpack: Option<bool>,
}

/// `RUN`.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What to run; for here-documents the line with their marks.
    pub command: Command,
    /// Here-documents of the line.
    pub heredocs: Vec<Heredoc>,
    /// What to mount.
    pub mounts: Vec<Mount>,
    /// Which network; `None`: the build's.
    pub network: Option<RunNetwork>,
    /// With all privileges.
    pub insecure: bool,
}

/// Network of a `RUN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunNetwork {
    /// The build's.
    Default,
    /// Nothing but the loopback device.
    None,
    /// The host's.
    Host,
}

/// What `RUN --mount` mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context or of a stage.
    Bind,
    /// A directory that outlives the build.
    Cache,
    /// An empty directory in memory.
    Tmpfs,
    /// A file that only this step sees.
    Secret,
    /// An agent's socket.
    Ssh,
}

impl MountKind {
    /// The word in `type=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            MountKind::Bind => "bind",
            MountKind::Cache => "cache",
            MountKind::Tmpfs => "tmpfs",
            MountKind::Secret => "secret",
            MountKind::Ssh => "ssh",
        }
    }
}

/// How builds that run at the same time share a cache directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All use it.
    #[default]
    Shared,
    /// Whoever comes second gets an empty one.
    Private,
    /// Whoever comes second waits.
    Locked,
}

/// One `--mount`. Words are as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Mount {
    /// What.
    pub kind: MountKind,
    /// Where; `None`: where the kind says.
    pub target: Option<String>,
    /// Path in `from`, or for a secret its name.
    pub source: Option<String>,
    /// A stage, an image or a named context; `None`: the build context, or an empty directory.
    pub from: Option<String>,
    /// Name of a cache, secret or agent.
    pub id: Option<String>,
    /// `Some(true)`: read-only. `None`: as the kind has it.
    pub read_only: Option<bool>,
    /// How a cache is shared.
    pub sharing: Sharing,
    /// The step fails when there is no such secret or agent.
    pub required: bool,
    /// Variable that gets the secret's value.
    pub env: Option<String>,
    /// Permission bits; `None`: as the kind has it.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Size of a tmpfs in bytes.
    pub size: Option<u64>,
    /// All of it.
    pub span: Span,
}

/// `HEALTHCHECK CMD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What to run.
    pub command: Command,
    /// Between probes.
    pub interval: Option<Duration>,
    /// A probe may take this long.
    pub timeout: Option<Duration>,
    /// Failures do not count that long.
    pub start_period: Option<Duration>,
    /// Between probes in the start period.
    pub start_interval: Option<Duration>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u32>,
}
