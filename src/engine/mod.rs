//! The runtime side's front door: one snapshot, and one method for each thing that can be done.
//!
//! [`Engine`] is what plans are carried out on. `Host` does it on this machine; `Fake` does it in
//! memory, so that everything above can be tested in milliseconds. Nothing here knows what Compose
//! is: a project is only a label.
//!
//! Futures are not `Send`: commands run on one thread, and `Host` moves what blocks to tokio's
//! blocking threads.

#![allow(async_fn_in_trait)]

pub mod bundle;
pub mod fake;
pub mod host;
mod project_lock;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::{ContainerId, Digest, Result};
use crate::build;
use crate::image::Reference;
use crate::image::diff::Change;
use crate::resource::container::{ContainerSpec, Link, Status};
use crate::resource::event::Event;
use crate::resource::file::FileStat;
use crate::resource::observed::Scope;
use crate::resource::process::ExecSpec;
use crate::resource::{
    Endpoint, Image, Inspection, Network, NetworkSpec, Observed, Stats, Update, Volume, VolumeSpec,
};

pub use crate::sys::fs::{read_bounded, read_text_bounded};

pub use crate::resource::log::{LogOptions, LogRecord, Stream};
pub use crate::resource::process::TerminalSize;
pub use project_lock::{Holder, ProjectLock};

/// Everything that can be done to resources. One step of a plan is one call.
pub trait Engine {
    /// What exists, as of now.
    async fn observe(&self, scope: &Scope) -> Result<Observed>;

    /// Waits until no other command changes the project, and keeps others from it. `command` is
    /// what they read; `waiting` hears whom it waits for, if that takes longer than two seconds.
    async fn lock_project(
        &self,
        project: &str,
        command: &str,
        waiting: Box<dyn Fn(&Holder)>,
    ) -> Result<ProjectLock>;

    /// Fetches an image from its registry, or finds that the store has it already.
    async fn pull(
        &self,
        image: &str,
        options: &PullOptions,
        progress: &dyn Progress,
    ) -> Result<Image>;

    /// The digest that an image's name stands for in its registry at present; fetches nothing.
    async fn resolve(&self, image: &str) -> Result<Digest>;

    /// Builds an image.
    async fn build(
        &self,
        request: &build::Request,
        progress: Arc<dyn build::Progress>,
    ) -> Result<build::Outcome, build::Failure>;

    /// Looks at a Dockerfile without building it.
    async fn survey(&self, request: &build::Request) -> Result<build::Survey, build::Failure>;

    /// Makes the record of a network.
    async fn create_network(&self, spec: &NetworkSpec) -> Result<Network>;

    /// Removes networks, all in one go; those that are gone already count as removed.
    /// `Kind::Conflict` if a container is attached to one of them.
    async fn remove_networks(&self, names: &[String]) -> Result<()>;

    /// Connects a container to one more network, at once if it runs. `links` are names that only
    /// this container resolves. `Kind::Conflict` if it is connected, or has no network of its own.
    async fn connect(&self, id: &ContainerId, endpoint: &Endpoint, links: &[Link]) -> Result<()>;

    /// Disconnects a container from a network, at once if it runs. `Kind::NotFound` if it is not
    /// connected.
    async fn disconnect(&self, id: &ContainerId, network: &str) -> Result<()>;

    /// Makes a volume.
    async fn create_volume(&self, spec: &VolumeSpec) -> Result<Volume>;

    /// Removes a volume and the data in it. `Kind::Conflict` if a container uses it.
    async fn remove_volume(&self, name: &str) -> Result<()>;

    /// Removes names of an image, and the image with its last name.
    async fn remove_image(&self, image: &str) -> Result<()>;

    /// Makes a container: its record, its writable layer, its volumes' first content, and those
    /// of its volumes that do not exist, as its anonymous ones. `Kind::Conflict` if the name is
    /// taken.
    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId>;

    /// Starts a container, and returns when its program runs (or the start failed).
    /// Starting a running container does nothing.
    async fn start_container(&self, id: &ContainerId) -> Result<Status>;

    /// Stops a container, and returns when its processes are gone. A stopped one stays so.
    async fn stop_container(&self, id: &ContainerId, options: &StopOptions) -> Result<()>;

    /// Sends a signal, as in `SIGHUP`, to a container's first process.
    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<()>;

    /// Freezes (`true`) or thaws (`false`) a container's processes.
    async fn pause_container(&self, id: &ContainerId, paused: bool) -> Result<()>;

    /// Removes a container that does not run. One that is gone already counts as removed.
    async fn remove_container(&self, id: &ContainerId, options: &RemoveOptions) -> Result<()>;

    /// Gives a container another name.
    async fn rename_container(&self, id: &ContainerId, name: &str) -> Result<()>;

    /// Follows a container's status, from the present one on; ends when its shim has ended.
    async fn watch(&self, id: &ContainerId) -> Result<Self::Watch>;

    /// Runs a command in a running container.
    async fn exec(&self, id: &ContainerId, spec: &ExecSpec, stdio: ExecStdio)
    -> Result<Self::Exec>;

    /// Connects to a running container's own input and output.
    async fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<Self::Attachment>;

    /// Reads what a container has printed, and goes on when asked to follow.
    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<Self::Logs>;

    /// Processes of a running container, by their ids on the host.
    async fn processes(&self, id: &ContainerId) -> Result<Vec<i32>>;

    /// All that is known of a container; `size`: what it takes on disk, too.
    async fn inspect(&self, id: &ContainerId, size: bool) -> Result<Inspection>;

    /// What a container uses, as of now; all zero for one that does not run.
    async fn stats(&self, id: &ContainerId) -> Result<Stats>;

    /// What is at a path in a container. Links on the way are followed, the last one only with a
    /// slash behind it.
    async fn stat_file(&self, id: &ContainerId, path: &str) -> Result<Option<FileStat>>;

    /// Writes what is at a path in a container to `out`, as an archive. Its own entry is called
    /// `top`, what is in it lies below that.
    async fn copy_out(&self, id: &ContainerId, path: &str, top: &str, out: OwnedFd) -> Result<()>;

    /// Unpacks an archive, compressed or not, into a directory of a container.
    async fn copy_in(
        &self,
        id: &ContainerId,
        into: &str,
        archive: OwnedFd,
        options: &CopyOptions,
    ) -> Result<()>;

    /// Removes what is at these paths of a container, directories with all that is in them. What is
    /// gone already counts as removed.
    async fn remove_files(&self, id: &ContainerId, paths: &[String]) -> Result<()>;

    /// What a container has changed of its image's files: absolute paths, sorted.
    async fn changes(&self, id: &ContainerId) -> Result<Vec<(Change, PathBuf)>>;

    /// Makes an image of a container's files and settings.
    async fn commit(&self, id: &ContainerId, options: &CommitOptions) -> Result<Image>;

    /// Writes all files of a container to `out`, as an archive, without volumes and other mounts.
    async fn export(&self, id: &ContainerId, out: OwnedFd) -> Result<()>;

    /// Changes limits and the restart policy of a container, at once if it runs.
    async fn update_container(&self, id: &ContainerId, update: &Update) -> Result<()>;

    /// Tells those who follow events what several calls together were, as in `restart`.
    async fn tell(&self, id: &ContainerId, action: &str) -> Result<()>;

    /// What happens to things on this machine.
    async fn events(&self, options: &EventOptions) -> Result<Self::Events>;

    /// See [`Engine::events`].
    type Events: Events;
    /// See [`Engine::watch`].
    type Watch: Watch;
    /// See [`Engine::exec`].
    type Exec: Exec;
    /// See [`Engine::attach`].
    type Attachment: Attachment;
    /// See [`Engine::logs`].
    type Logs: Logs;
}

/// When an image is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// When the store does not have it.
    #[default]
    Missing,
    /// Always ask the registry whether there is a newer one.
    Always,
    /// Never; a missing image is an error.
    Never,
}

/// How an image is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullOptions {
    /// When to ask the registry.
    pub policy: PullPolicy,
    /// As in `linux/arm64`; `None`: this machine's.
    pub platform: Option<String>,
}

/// Where progress of transfers goes. Called often, from any thread; must return at once.
pub trait Progress: Send + Sync {
    /// One part (a layer) of one image moved on.
    fn report(&self, update: &ProgressUpdate<'_>);
}

/// State of one part of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressUpdate<'a> {
    /// The image, as the user wrote it.
    pub image: &'a str,
    /// The layer's short digest; empty: the image as a whole.
    pub part: &'a str,
    /// What is being done with it.
    pub phase: Phase,
    /// Bytes done in this phase.
    pub done: u64,
    /// Bytes in total; 0: not known.
    pub total: u64,
}

/// Phases of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for its turn.
    Waiting,
    /// Bytes come in, are verified and unpacked.
    Downloading,
    /// All bytes are there, files are being written.
    Extracting,
    /// Was there already.
    Exists,
    /// Bytes go out.
    Uploading,
    /// At the registry.
    Uploaded,
    /// Finished.
    Done,
}

/// How a container is stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopOptions {
    /// Time before it is killed; `None`: the container's own.
    pub grace: Option<Duration>,
    /// First signal; `None`: the container's own.
    pub signal: Option<String>,
    /// The machine goes down: a boot starts it again, if its restart policy says so. Then time and
    /// signal are the container's own.
    pub until_boot: bool,
    /// It is started again at once: one that removes itself when it ends stays (Docker: `restart`).
    pub keep: bool,
}

/// How a container is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// With its anonymous volumes.
    pub volumes: bool,
    /// Kill it first if it runs.
    pub force: bool,
}

/// What a new process in a container is connected to.
#[derive(Debug)]
pub enum ExecStdio {
    /// These three: input, output, errors.
    Pipes([OwnedFd; 3]),
    /// A new terminal of this size.
    Terminal(TerminalSize),
}

/// How to connect to a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttachOptions {
    /// Connect standard input too.
    pub stdin: bool,
    /// Start the container once connected, so that no output is missed.
    pub start: bool,
    /// Size of the caller's terminal.
    pub size: Option<TerminalSize>,
}

/// How files get into a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// They belong to whom the archive says, not to root.
    pub keep_owner: bool,
}

/// How an image is made of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommitOptions {
    /// Its name; `None`: it has only an id.
    pub name: Option<Reference>,
    /// Changes to its settings in Dockerfile words.
    pub changes: Vec<String>,
    /// A remark for its history.
    pub message: String,
    /// Who made it.
    pub author: String,
    /// Freeze the container meanwhile, so that its files are all of one moment.
    pub pause: bool,
}

/// Which events are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventOptions {
    /// Begin with those of the past from this time on; `None`: only what comes.
    pub since: Option<Timestamp>,
    /// End with this time; `None`: never.
    pub until: Option<Timestamp>,
}

/// What happens.
pub trait Events {
    /// The next event; `None` when the time given as the end has come.
    async fn next(&mut self) -> Result<Option<Event>>;
}

/// Follows a container's status.
pub trait Watch {
    /// The present status at first, then each change; `None` when the shim has ended.
    async fn next(&mut self) -> Result<Option<Status>>;
}

/// A command in a container.
pub trait Exec {
    /// The terminal's master side, if one was asked for; taken once.
    fn terminal(&mut self) -> Option<OwnedFd>;
    /// Its exit code; 128+n after signal n.
    async fn wait(&mut self) -> Result<i32>;
}

/// A connection to a container's input and output.
pub trait Attachment {
    /// The next piece of output; `None` when the container ended.
    async fn read(&mut self) -> Result<Option<(Stream, Vec<u8>)>>;
    /// Hands input on; waits while the container does not read.
    async fn write(&mut self, input: &[u8]) -> Result<()>;
    /// The end of input.
    async fn close_input(&mut self) -> Result<()>;
    /// The caller's terminal has another size now.
    async fn resize(&mut self, size: TerminalSize) -> Result<()>;
    /// The exit code, once `read` has returned `None`; `None` if it is not known.
    fn exit_code(&self) -> Option<i32>;
}

/// A container's output.
pub trait Logs {
    /// The next records, at least one; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<LogRecord>>>;
}
