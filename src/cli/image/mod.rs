//! `image …`: single images, whatever project uses them.

mod build;
mod diff;
mod history;
mod import;
mod inspect;
mod load;
pub mod ls;
mod prune;
mod pull;
mod push;
mod rm;
mod save;
mod tag;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::Digest;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::{Settings, Store, Usage, User};
use crate::resource::observed::Scope;

pub use build::Build;
pub use history::History;
pub use import::Import;
pub use load::Load;
pub use ls::Ls;
pub use prune::PruneImages;
pub use pull::Pull;
pub use push::Push;
pub use rm::{Rm, text};
pub use save::Save;
pub use tag::Tag;
pub use tags::Tags;

/// Manage images
#[derive(clap::Subcommand, Debug)]
pub enum Image {
    Build(Box<build::Build>),
    Diff(diff::Diff),
    History(history::History),
    Import(import::Import),
    Inspect(inspect::Inspect),
    Load(load::Load),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    Prune(prune::Prune),
    Pull(pull::Pull),
    Push(push::Push),
    #[command(visible_alias = "remove")]
    Rm(rm::Rm),
    Save(save::Save),
    Tag(tag::Tag),
    Tags(tags::Tags),
}

pub(in crate::cli) use save::Printer;

impl Image {
    /// Hands on to the command.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            Image::Build(command) => command.run(cx).await,
            Image::Diff(command) => command.run(cx),
            Image::History(command) => command.run(cx),
            Image::Import(command) => command.run(cx).await,
            Image::Inspect(command) => command.run(cx),
            Image::Load(command) => command.run(cx),
            Image::Ls(command) => command.run(cx).await,
            Image::Prune(command) => command.run(cx).await,
            Image::Pull(command) => command.run(cx).await,
            Image::Push(command) => command.run(cx).await,
            Image::Rm(command) => command.run(cx).await,
            Image::Save(command) => command.run(cx),
            Image::Tag(command) => command.run(cx),
            Image::Tags(command) => command.run(cx).await,
        }
    }
}

impl<E: Engine> Context<E> {
    /// The images of this machine.
    ///
    /// # Errors
    /// Its directories cannot be made.
    pub fn images(&self) -> Result<Store> {
        Ok(Store::open(&self.roots()?)?)
    }

    /// How registries are reached.
    ///
    /// # Errors
    /// A configuration file or variable is wrong.
    pub fn registries(&self) -> Result<Arc<Settings>> {
        let variable = |name: &str| self.environment().get(name).map(str::to_owned);
        let mut settings = Settings::load(variable)?;
        settings.insecure.extend(self.global().insecure_registry.iter().cloned());
        Ok(Arc::new(settings))
    }

    /// Which images and layers containers stand on.
    ///
    /// # Errors
    /// The containers cannot be read.
    pub async fn image_usage(&self, store: &Store) -> Result<Usage> {
        let observed = self.engine()?.observe(&Scope::default()).await?;
        let mut images: BTreeMap<Digest, Vec<User>> = BTreeMap::new();
        let mut layers = BTreeSet::new();
        for container in &observed.containers {
            let Some(image) = &container.spec.image_id else { continue };
            layers.extend(store.config(image).map(|it| it.diff_ids).unwrap_or_default());
            images.entry(image.clone()).or_default().push(User {
                container: container.id.short().to_owned(),
                running: container.status.state.is_active(),
            });
        }
        Ok(Usage { images, layers })
    }
}
