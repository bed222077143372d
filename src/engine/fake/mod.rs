//! An engine in memory: what a plan does to it is what it would do to a machine, in microseconds.
//!
//! Programs are not run, they are played: `["true"]` and `["false"]` end at once with 0 and 1,
//! everything else runs until it is stopped. A health check passes at once, unless it is
//! `["false"]`. Ids, times and addresses are counted, so that every run is the same.

mod actions;
mod registry;
mod streams;
mod world;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crate::base::{ContainerId, Digest, Error, Kind, Result};
use crate::build;
use crate::image::Reference;
use crate::image::diff::Change;
use crate::resource::container::{ContainerSpec, Health, HealthStatus, Link, Status};
use crate::resource::file::FileStat;
use crate::resource::observed::Scope;
use crate::resource::process::ExecSpec;
use crate::resource::{
    Endpoint, Image, Inspection, Network, NetworkSpec, Observed, Stats, Update, Volume, VolumeSpec,
    labels,
};

use super::{
    AttachOptions, CommitOptions, CopyOptions, Engine, EventOptions, ExecStdio, Holder, LogOptions,
    LogRecord, Phase, Progress, ProgressUpdate, ProjectLock, PullOptions, PullPolicy,
    RemoveOptions, StopOptions,
};
pub use registry::{image, images};
use streams::{FakeAttachment, FakeEvents, FakeExec, FakeLogs, FakeWatch};
use world::World;

/// The engine. All that was done to it is in [`Fake::calls`].
///
/// Clones are the same engine, so that a test can look at what a command did to it.
#[derive(Clone, Debug, Default)]
pub struct Fake {
    /// Never borrowed across an await.
    world: Rc<RefCell<World>>,
}

impl Fake {
    /// An engine on which this exists.
    #[must_use]
    pub fn with(observed: Observed) -> Fake {
        Fake { world: Rc::new(RefCell::new(World::of(observed))) }
    }

    /// What exists now.
    #[must_use]
    pub fn snapshot(&self) -> Observed {
        self.world.borrow().snapshot()
    }

    /// Everything that was asked of it, one line a call, as in `start web-1`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.world.borrow().calls.clone()
    }

    /// From now on, calls that are written so fail: `start web-1`.
    pub fn fail(&self, call: &str) {
        self.world.borrow_mut().broken.insert(call.to_owned());
    }

    /// Puts an image into the registry that pulls come from. Others are made up when pulled.
    pub fn offer(&self, name: &str, image: Image) {
        self.world.borrow_mut().registry.insert(name.to_owned(), image);
    }

    /// What a container has printed.
    pub fn print(&self, container: &str, records: Vec<LogRecord>) {
        self.world.borrow_mut().logs.entry(container.to_owned()).or_default().extend(records);
    }

    /// What the health check of a container finds from now on.
    pub fn set_health(&self, container: &str, status: HealthStatus) {
        let mut world = self.world.borrow_mut();
        let found = world.observed.containers.iter_mut().find(|it| it.spec.name == container);
        if let Some(container) = found {
            container.status.health = Some(Health { status, ..Health::default() });
        }
    }

    /// Puts a file into a container; directories on the way are made.
    pub fn put_file(&self, container: &str, path: &str, content: &[u8]) {
        let mut world = self.world.borrow_mut();
        world.files.insert((container.to_owned(), path.to_owned()), content.to_vec());
    }

    /// What is in a container's file.
    #[must_use]
    pub fn file(&self, container: &str, path: &str) -> Option<Vec<u8>> {
        self.world.borrow().files.get(&(container.to_owned(), path.to_owned())).cloned()
    }

    /// Exit code of the commands that are executed in containers.
    pub fn exec_exit_code(&self, code: i32) {
        self.world.borrow_mut().exec_exit_code = code;
    }

    fn call<T>(&self, call: &str, act: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        let mut world = self.world.borrow_mut();
        world.calls.push(call.to_owned());
        match world.broken.contains(call) {
            true => Err(Error::other(format!("cannot {call}: the test says so"))),
            false => act(&mut world),
        }
    }

    /// As [`Fake::call`], about a container that exists.
    fn on<T>(
        &self,
        what: &str,
        id: &ContainerId,
        act: impl FnOnce(&mut World, usize) -> Result<T>,
    ) -> Result<T> {
        let found = self.world.borrow().place(id);
        let index = found.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("no such container: {}", id.short()))
        })?;
        let name = self.world.borrow().observed.containers[index].spec.name.clone();
        self.call(&format!("{what} {name}"), |world| act(world, index))
    }
}

impl Engine for Fake {
    async fn lock_project(&self, _: &str, _: &str, _: Box<dyn Fn(&Holder)>) -> Result<ProjectLock> {
        Ok(ProjectLock::of_nothing())
    }

    async fn observe(&self, scope: &Scope) -> Result<Observed> {
        let mut observed = self.snapshot();
        if let Some(project) = &scope.project {
            observed
                .containers
                .retain(|container| container.spec.labels.get(labels::PROJECT) == Some(project));
        }
        observed.images.retain(|name, _| scope.images.contains(name));
        Ok(observed)
    }

    async fn pull(
        &self,
        image: &str,
        options: &PullOptions,
        progress: &dyn Progress,
    ) -> Result<Image> {
        let (phase, part) = (Phase::Done, "");
        let found =
            self.call(&format!("pull {image}"), |world| world.pull(image, options.policy))?;
        progress.report(&ProgressUpdate {
            image,
            part,
            phase,
            done: found.size,
            total: found.size,
        });
        Ok(found)
    }

    async fn build(
        &self,
        request: &build::Request,
        _: Arc<dyn build::Progress>,
    ) -> Result<build::Outcome, build::Failure> {
        let name = request.names.first().map(Reference::familiar).unwrap_or_default();
        let image =
            self.call(&format!("build {name}"), |world| world.pull(&name, PullPolicy::Always))?;
        let (warnings, sources) = Default::default();
        Ok(build::Outcome { image, is_new: true, warnings, sources })
    }

    async fn survey(&self, _: &build::Request) -> Result<build::Survey, build::Failure> {
        let (targets, outline, warnings, sources) = Default::default();
        self.call("survey", |_| Ok(build::Survey { targets, outline, warnings, sources }))
            .map_err(build::Failure::from)
    }

    async fn resolve(&self, name: &str) -> Result<Digest> {
        self.call(&format!("resolve {name}"), |world| {
            let found = world.registry.get(name).cloned().unwrap_or_else(|| image(name));
            let pinned = found.digests.first().and_then(|it| it.rsplit_once('@'));
            pinned.map_or(Ok(found.id), |(_, digest)| digest.parse())
        })
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<Network> {
        self.call(&format!("create network {}", spec.name), |world| world.create_network(spec))
    }

    async fn remove_networks(&self, names: &[String]) -> Result<()> {
        let call = format!("remove networks {}", names.join(" "));
        self.call(&call, |world| world.remove_networks(names))
    }

    async fn connect(&self, id: &ContainerId, endpoint: &Endpoint, links: &[Link]) -> Result<()> {
        self.on(&format!("connect to {}", endpoint.network), id, |world, index| {
            world.connect(index, endpoint, links)
        })
    }

    async fn disconnect(&self, id: &ContainerId, network: &str) -> Result<()> {
        self.on(&format!("disconnect from {network}"), id, |world, index| {
            world.disconnect(index, network)
        })
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<Volume> {
        self.call(&format!("create volume {}", spec.name), |world| Ok(world.create_volume(spec)))
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        self.call(&format!("remove volume {name}"), |world| world.remove_volume(name))
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        self.call(&format!("remove image {image}"), |world| {
            let gone = world.observed.images.remove(image);
            let missing = || Error::new(Kind::NotFound, format!("no such image: {image}"));
            gone.map(drop).ok_or_else(missing)
        })
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId> {
        self.call(&format!("create {}", spec.name), |world| world.create_container(spec))
    }

    async fn start_container(&self, id: &ContainerId) -> Result<Status> {
        self.on("start", id, World::start)
    }

    async fn stop_container(&self, id: &ContainerId, options: &StopOptions) -> Result<()> {
        self.on("stop", id, |world, index| {
            world.end(index, 0, !options.until_boot);
            Ok(())
        })
    }

    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<()> {
        self.on(&format!("send {signal} to"), id, |world, index| {
            world.kill(index, signal);
            Ok(())
        })
    }

    async fn pause_container(&self, id: &ContainerId, paused: bool) -> Result<()> {
        let what = if paused { "pause" } else { "unpause" };
        self.on(what, id, |world, index| world.pause(index, paused))
    }

    async fn remove_container(&self, id: &ContainerId, options: &RemoveOptions) -> Result<()> {
        if self.world.borrow().place(id).is_none() {
            return Ok(());
        }
        self.on("remove", id, |world, index| world.remove_container(index, *options))
    }

    async fn rename_container(&self, id: &ContainerId, name: &str) -> Result<()> {
        self.on("rename", id, |world, index| world.rename(index, name))
    }

    async fn tell(&self, id: &ContainerId, action: &str) -> Result<()> {
        self.on("tell of", id, |world, index| world.told(index, action))
    }

    async fn watch(&self, id: &ContainerId) -> Result<FakeWatch> {
        let status = |world: &mut World, index: usize| {
            Ok(FakeWatch::new(world.observed.containers[index].status.clone()))
        };
        self.on("watch", id, status)
    }

    async fn exec(&self, id: &ContainerId, spec: &ExecSpec, _: ExecStdio) -> Result<FakeExec> {
        let what = format!("exec {} in", spec.argv.join(" "));
        self.on(&what, id, |world, index| {
            world.must_run(index)?;
            Ok(FakeExec(world.exec_exit_code))
        })
    }

    async fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<FakeAttachment> {
        self.on("attach to", id, |world, index| {
            if options.start {
                world.start(index)?;
            }
            let container = &world.observed.containers[index];
            let printed = world.logs.get(&container.spec.name).cloned().unwrap_or_default();
            Ok(FakeAttachment::new(printed, container.status.exit_code))
        })
    }

    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<FakeLogs> {
        self.on("logs of", id, |world, index| {
            let name = &world.observed.containers[index].spec.name;
            let printed = world.logs.get(name).cloned().unwrap_or_default();
            Ok(FakeLogs::new(printed, options))
        })
    }

    async fn processes(&self, id: &ContainerId) -> Result<Vec<i32>> {
        self.on("processes of", id, |world, index| {
            world.must_run(index)?;
            Ok(world.observed.containers[index].status.pid.into_iter().collect())
        })
    }

    async fn inspect(&self, id: &ContainerId, size: bool) -> Result<Inspection> {
        self.on("inspect", id, |world, index| Ok(world.inspect(index, size)))
    }

    async fn stats(&self, id: &ContainerId) -> Result<Stats> {
        self.on("stats of", id, |world, index| Ok(world.stats(index)))
    }

    async fn stat_file(&self, id: &ContainerId, path: &str) -> Result<Option<FileStat>> {
        self.on(&format!("look at {path} in"), id, |world, index| Ok(world.stat_file(index, path)))
    }

    async fn copy_out(&self, id: &ContainerId, path: &str, top: &str, out: OwnedFd) -> Result<()> {
        self.on(&format!("copy {path} from"), id, |world, index| {
            world.copy_out(index, path, top, out)
        })
    }

    async fn copy_in(
        &self,
        id: &ContainerId,
        into: &str,
        archive: OwnedFd,
        options: &CopyOptions,
    ) -> Result<()> {
        let owner = if options.keep_owner { " with owners" } else { "" };
        self.on(&format!("copy{owner} into {into} of"), id, |world, index| {
            world.copy_in(index, into, archive)
        })
    }

    async fn remove_files(&self, id: &ContainerId, paths: &[String]) -> Result<()> {
        self.on(&format!("remove {} in", paths.join(" ")), id, |world, index| {
            world.remove_files(index, paths);
            Ok(())
        })
    }

    async fn changes(&self, id: &ContainerId) -> Result<Vec<(Change, PathBuf)>> {
        self.on("changes of", id, |world, index| Ok(world.changes(index)))
    }

    async fn commit(&self, id: &ContainerId, options: &CommitOptions) -> Result<Image> {
        let name = options.name.as_ref().map(Reference::familiar).unwrap_or_default();
        let pause = if options.pause { "pause and " } else { "" };
        self.on(&format!("{pause}commit {name} of"), id, |world, _| {
            let made = image(&name);
            world.observed.images.insert(name.clone(), made.clone());
            Ok(made)
        })
    }

    async fn export(&self, id: &ContainerId, out: OwnedFd) -> Result<()> {
        self.on("export", id, |world, index| world.copy_out(index, "/", ".", out))
    }

    async fn update_container(&self, id: &ContainerId, update: &Update) -> Result<()> {
        self.on("update", id, |world, index| {
            update.apply(&mut world.observed.containers[index].spec)
        })
    }

    async fn events(&self, options: &EventOptions) -> Result<FakeEvents> {
        Ok(FakeEvents::new(&self.world.borrow().events, options))
    }

    type Events = FakeEvents;
    type Watch = FakeWatch;
    type Exec = FakeExec;
    type Attachment = FakeAttachment;
    type Logs = FakeLogs;
}
