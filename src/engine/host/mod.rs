//! The engine on this machine: records on disk, and one shim process for each running container.
//!
//! No state is kept in memory between calls, so that any number of command lines may work at the
//! same time, and each may die at any moment: a record is written in one step, a name is one
//! symbolic link, and what runs is known from locks that the kernel releases.

mod apparmor;
mod build;
mod cdi;
mod check;
mod containers;
mod events;
mod files;
mod foreign;
mod images;
mod inherit;
mod inspect;
mod layer;
mod membership;
mod names;
mod networks;
mod observe;
mod reconcile;
mod resolve;
mod start;
mod streams;
mod volumes;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{ContainerId, Digest, Error, Result};
use crate::image::Store;
use crate::image::diff::Change;
use crate::resource::container::{ContainerSpec, Link, Status};
use crate::resource::file::FileStat;
use crate::resource::observed::Scope;
use crate::resource::process::ExecSpec;
use crate::resource::{
    Endpoint, Image, Inspection, Network, NetworkSpec, Observed, Stats, Update, Volume, VolumeSpec,
};
use crate::state::Roots;

use super::{
    AttachOptions, CommitOptions, CopyOptions, Engine, EventOptions, ExecStdio, Holder, LogOptions,
    Progress, ProjectLock, PullOptions, RemoveOptions, StopOptions,
};

pub use check::{Leftover, leftovers};
pub use events::HostEvents;
pub use images::Relay;
pub use inspect::bytes_below;
pub use streams::{HostAttachment, HostExec, HostLogs, HostWatch};

/// This machine as an [`Engine`].
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    roots: Roots,
    store: Store,
}

impl Host {
    /// The engine with its state below `roots`, after cleaning up what dead processes left.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn open(roots: Roots) -> Result<Host> {
        let store = Store::open(&roots)?;
        let host = Host(Arc::new(Inner { roots, store }));
        reconcile::all(&host)?;
        Ok(host)
    }

    /// Where its state is.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        &self.0.roots
    }

    /// Its images.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Runs `work`, which may block, beside the command's own thread.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Host) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let host = self.clone();
        tokio::task::spawn_blocking(move || work(&host))
            .await
            .map_err(|error| Error::other("a task of the engine ended early").with_source(error))?
    }
}

impl Engine for Host {
    type Events = HostEvents;
    type Watch = HostWatch;
    type Exec = HostExec;
    type Attachment = HostAttachment;
    type Logs = HostLogs;

    async fn observe(&self, scope: &Scope) -> Result<Observed> {
        // A snapshot is a handful of small reads: faster here than on its way to another thread.
        observe::observe(self, scope)
    }

    async fn lock_project(
        &self,
        project: &str,
        command: &str,
        waiting: Box<dyn Fn(&Holder)>,
    ) -> Result<ProjectLock> {
        ProjectLock::wait(self.roots().project_lock(project), command, waiting).await
    }

    async fn pull(
        &self,
        image: &str,
        options: &PullOptions,
        progress: &dyn Progress,
    ) -> Result<Image> {
        images::pull(self, image, options, progress).await
    }

    async fn resolve(&self, image: &str) -> Result<Digest> {
        images::resolve(image).await
    }

    async fn build(
        &self,
        request: &crate::build::Request,
        progress: Arc<dyn crate::build::Progress>,
    ) -> Result<crate::build::Outcome, crate::build::Failure> {
        build::build(self, request.clone(), progress).await
    }

    async fn survey(
        &self,
        request: &crate::build::Request,
    ) -> Result<crate::build::Survey, crate::build::Failure> {
        build::survey(self, request.clone()).await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<Network> {
        let spec = spec.clone();
        self.blocking(move |host| networks::create(host, &spec)).await
    }

    async fn remove_networks(&self, names: &[String]) -> Result<()> {
        let names = names.to_vec();
        self.blocking(move |host| networks::remove(host, &names)).await
    }

    async fn connect(&self, id: &ContainerId, endpoint: &Endpoint, links: &[Link]) -> Result<()> {
        let (id, endpoint, links) = (id.clone(), endpoint.clone(), links.to_vec());
        self.blocking(move |host| membership::connect(host, &id, endpoint, links)).await
    }

    async fn disconnect(&self, id: &ContainerId, network: &str) -> Result<()> {
        let (id, network) = (id.clone(), network.to_owned());
        self.blocking(move |host| membership::disconnect(host, &id, &network)).await
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<Volume> {
        let spec = spec.clone();
        self.blocking(move |host| volumes::create(host, &spec)).await
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.blocking(move |host| volumes::remove(host, &name)).await
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        let image = image.to_owned();
        self.blocking(move |host| images::remove(host, &image)).await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId> {
        let spec = spec.clone();
        self.blocking(move |host| containers::create(host, spec)).await
    }

    async fn start_container(&self, id: &ContainerId) -> Result<Status> {
        let id = id.clone();
        self.blocking(move |host| start::start(host, &id, None)).await
    }

    async fn stop_container(&self, id: &ContainerId, options: &StopOptions) -> Result<()> {
        let (id, options) = (id.clone(), options.clone());
        self.blocking(move |host| containers::stop(host, &id, &options)).await
    }

    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<()> {
        let (id, signal) = (id.clone(), signal.to_owned());
        self.blocking(move |host| containers::kill(host, &id, signal)).await
    }

    async fn pause_container(&self, id: &ContainerId, paused: bool) -> Result<()> {
        let id = id.clone();
        self.blocking(move |host| containers::pause(host, &id, paused)).await
    }

    async fn remove_container(&self, id: &ContainerId, options: &RemoveOptions) -> Result<()> {
        let (id, options) = (id.clone(), *options);
        self.blocking(move |host| containers::remove(host, &id, options)).await
    }

    async fn rename_container(&self, id: &ContainerId, name: &str) -> Result<()> {
        let (id, name) = (id.clone(), name.to_owned());
        self.blocking(move |host| containers::rename(host, &id, &name)).await
    }

    async fn tell(&self, id: &ContainerId, action: &str) -> Result<()> {
        let (id, action) = (id.clone(), action.to_owned());
        self.blocking(move |host| containers::tell(host, &id, &action)).await
    }

    async fn watch(&self, id: &ContainerId) -> Result<HostWatch> {
        streams::watch(self, id)
    }

    async fn exec(&self, id: &ContainerId, spec: &ExecSpec, stdio: ExecStdio) -> Result<HostExec> {
        let (id, spec) = (id.clone(), spec.clone());
        self.blocking(move |host| streams::exec(host, &id, &spec, stdio)).await
    }

    async fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<HostAttachment> {
        let (id, options) = (id.clone(), *options);
        self.blocking(move |host| streams::attach(host, &id, options)).await
    }

    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<HostLogs> {
        streams::logs(self, id, options)
    }

    async fn processes(&self, id: &ContainerId) -> Result<Vec<i32>> {
        containers::processes(self, id)
    }

    async fn inspect(&self, id: &ContainerId, size: bool) -> Result<Inspection> {
        let id = id.clone();
        self.blocking(move |host| inspect::inspect(host, &id, size)).await
    }

    async fn stats(&self, id: &ContainerId) -> Result<Stats> {
        inspect::stats(self, id)
    }

    async fn stat_file(&self, id: &ContainerId, path: &str) -> Result<Option<FileStat>> {
        let (id, path) = (id.clone(), path.to_owned());
        self.blocking(move |host| files::stat(host, &id, &path)).await
    }

    async fn copy_out(&self, id: &ContainerId, path: &str, top: &str, out: OwnedFd) -> Result<()> {
        let (id, path, top) = (id.clone(), path.to_owned(), top.to_owned());
        self.blocking(move |host| files::copy_out(host, &id, &path, &top, out)).await
    }

    async fn copy_in(
        &self,
        id: &ContainerId,
        into: &str,
        archive: OwnedFd,
        options: &CopyOptions,
    ) -> Result<()> {
        let (id, into, options) = (id.clone(), into.to_owned(), *options);
        self.blocking(move |host| files::copy_in(host, &id, &into, archive, options)).await
    }

    async fn remove_files(&self, id: &ContainerId, paths: &[String]) -> Result<()> {
        let (id, paths) = (id.clone(), paths.to_vec());
        self.blocking(move |host| files::remove(host, &id, &paths)).await
    }

    async fn changes(&self, id: &ContainerId) -> Result<Vec<(Change, PathBuf)>> {
        let id = id.clone();
        self.blocking(move |host| layer::changes(host, &id)).await
    }

    async fn commit(&self, id: &ContainerId, options: &CommitOptions) -> Result<Image> {
        let (id, options) = (id.clone(), options.clone());
        self.blocking(move |host| layer::commit(host, &id, &options)).await
    }

    async fn export(&self, id: &ContainerId, out: OwnedFd) -> Result<()> {
        let id = id.clone();
        self.blocking(move |host| layer::export(host, &id, out)).await
    }

    async fn update_container(&self, id: &ContainerId, update: &Update) -> Result<()> {
        let (id, update) = (id.clone(), update.clone());
        self.blocking(move |host| containers::update(host, &id, &update)).await
    }

    async fn events(&self, options: &EventOptions) -> Result<HostEvents> {
        events::follow(self, options)
    }
}
