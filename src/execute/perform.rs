//! One step, one engine call.

use std::future::Future;
use std::time::Instant;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::engine::{Engine, PullOptions, PullPolicy, RemoveOptions, StopOptions};
use crate::plan::{Action, Fetch, Moment, Target};

use super::verdict::DEPENDENCY_FAILED;
use super::{Shared, hook};

/// The failure of an optional step, as a warning.
pub(super) fn as_warning(action: &Action, error: Error) -> Error {
    let Action::WaitFor(wait) = action else { return error };
    let text = error.to_string();
    let cause = text.strip_prefix(DEPENDENCY_FAILED).unwrap_or(&text);
    let message = format!("optional dependency \"{}\" failed to start: {cause}", wait.service);
    error.hints().iter().fold(Error::new(error.kind(), message), Error::hint)
}

impl<E: Engine> Shared<'_, E> {
    /// Does what a step says. Only waiting and fetching end early when the run is interrupted:
    /// everything else is short, and would be left half done.
    pub(super) async fn perform(&self, action: &Action) -> Result<()> {
        let engine = self.engine;
        match action {
            Action::Pull { image, fetch, platform } => {
                self.until_cancelled(self.pull(image, *fetch, platform.clone())).await
            }
            Action::CreateNetwork(spec) => engine.create_network(spec).await.map(drop),
            Action::RemoveNetworks(names) => engine.remove_networks(names).await,
            Action::CreateVolume(spec) => engine.create_volume(spec).await.map(drop),
            Action::RemoveVolume(name) => engine.remove_volume(name).await,
            Action::RemoveImage(name) => engine.remove_image(name).await,
            Action::CreateContainer(spec) => {
                let id = engine.create_container(spec).await?;
                self.made.borrow_mut().containers.insert(spec.name.clone(), id);
                Ok(())
            }
            Action::WaitFor(wait) => self.until_cancelled(self.wait(wait)).await,
            other => self.perform_on_container(other).await,
        }
    }

    async fn perform_on_container(&self, action: &Action) -> Result<()> {
        let engine = self.engine;
        let Some(container) = action.container() else {
            return Err(Error::other(format!("nothing does `{action}`")));
        };
        let id = self.id(container)?;
        match action {
            Action::StartContainer(_) => {
                let status = engine.start_container(&id).await?;
                self.noticed.borrow_mut().extend(status.warnings);
                Ok(())
            }
            Action::StopContainer { grace, .. } => {
                let options = StopOptions { grace: *grace, ..StopOptions::default() };
                let begun = Instant::now();
                engine.stop_container(&id, &options).await?;
                self.look_for_deafness(&id, &container.name, begun.elapsed()).await;
                Ok(())
            }
            Action::KillContainer { signal, .. } => engine.kill_container(&id, signal).await,
            Action::PauseContainer { paused, .. } => engine.pause_container(&id, *paused).await,
            Action::RunHook { service, moment, command, .. } => {
                let ran = hook::run(engine, &id, command).await;
                let ran = match ran {
                    // It ended by itself meanwhile: there is nothing left to prepare.
                    Err(error) if *moment == Moment::PreStop && hook::is_over(&error) => {
                        return Ok(());
                    }
                    ran => ran.context(|| format!("{service} {}", moment.as_str()))?,
                };
                self.printed.borrow_mut().push_str(&ran.output);
                ran.verdict(service)
            }
            Action::RemoveContainer { volumes, force, .. } => {
                let options = RemoveOptions { volumes: *volumes, force: *force };
                engine.remove_container(&id, &options).await
            }
            Action::RenameContainer { name, .. } => engine.rename_container(&id, name).await,
            other => Err(Error::other(format!("nothing does `{other}`"))),
        }
    }

    /// The id of a container that exists, or that a step before this one made.
    pub(super) fn id(&self, container: &Target) -> Result<ContainerId> {
        let made = || self.made.borrow().containers.get(&container.name).cloned();
        container.id.clone().or_else(made).ok_or_else(|| {
            Error::new(Kind::NotFound, format!("container {} was not created", container.name))
        })
    }

    async fn pull(&self, image: &str, fetch: Fetch, platform: Option<String>) -> Result<()> {
        let policy = match fetch {
            Fetch::Missing => PullPolicy::Missing,
            Fetch::Always => PullPolicy::Always,
        };
        let options = PullOptions { policy, platform };
        let found = self.engine.pull(image, &options, self.progress).await?;
        self.made.borrow_mut().images.insert(image.to_owned(), found);
        Ok(())
    }

    pub(super) async fn until_cancelled(
        &self,
        work: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        tokio::select! {
            result = work => result,
            () = self.cancel.cancelled() => Err(Error::new(Kind::Interrupted, "interrupted")),
        }
    }
}
