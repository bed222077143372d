//! Making a container from what the command line says: its image first, then its networks, its
//! volumes, its name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::{self, ContainerId, Context as _, Error, Kind};
use crate::cli::{Context, Result};
use crate::engine::Engine;
use crate::resource::container::Sharing;
use crate::resource::network::NetworkMode;
use crate::resource::observed::Scope;
use crate::resource::platform::Platform;
use crate::resource::{Container, ContainerSpec, Image, NetworkSpec, Observed};

use super::fetch;
use super::find::find;
use super::names::draw;
use super::options::{BRIDGE, Options};

/// How often a name is drawn that others may have.
const ATTEMPTS: u32 = 6;

/// A container that nothing is missing for but to be made.
pub struct Draft {
    spec: ContainerSpec,
    /// What it is called; `None`: to be drawn.
    name: Option<String>,
    /// Where its id is written.
    file: Option<PathBuf>,
}

/// Gets ready what the container needs: its image, its networks, its volumes.
///
/// # Errors
/// An option is wrong, or the image cannot be had.
pub async fn draft<E: Engine>(cx: &Context<E>, options: &Options) -> Result<Draft> {
    let service = options.service(cx)?;
    let file = options.life.cidfile.as_ref().map(|path| cx.directory().join(path));
    if let Some(file) = file.as_ref().filter(|file| file.exists()) {
        let message = format!(
            "container ID file found, make sure the other container isn't running or delete {}",
            file.display()
        );
        return Err(Error::new(Kind::Conflict, message).into());
    }
    let engine = cx.engine()?;
    let scope = Scope { images: vec![options.image().to_owned()], ..Scope::default() };
    let observed = engine.observe(&scope).await?;
    let image = image(cx, options, &observed).await?;
    let mut spec = options.spec(&service, &image)?;
    let own = options.life.name.as_deref();
    if matches!(&spec.network, NetworkMode::Container(other) if Some(other.as_str()) == own) {
        return Err(Error::new(Kind::Invalid, "cannot join own network").into());
    }
    for link in &service.external_links {
        link_target(&observed, link.split(':').next().unwrap_or(link))?;
    }
    surroundings(cx, &mut spec, &observed).await?;
    for volume in options.volumes()? {
        engine.create_volume(&volume).await?;
    }
    Ok(Draft { spec, name: options.life.name.clone(), file })
}

impl Draft {
    /// Makes the container, and returns its id.
    ///
    /// # Errors
    /// The name is taken.
    pub async fn create<E: Engine>(self, engine: &E) -> Result<ContainerId> {
        let id = name_and_create(engine, self.spec, self.name.as_deref()).await?;
        if let Some(file) = self.file {
            std::fs::write(&file, id.as_str())
                .context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(id)
    }
}

/// The image, fetched if that is needed and allowed.
async fn image<E: Engine>(
    cx: &Context<E>,
    options: &Options,
    observed: &Observed,
) -> Result<Image> {
    use crate::engine::PullPolicy;
    let name = options.image();
    let platform: Option<Platform> = options.platform().map(str::parse).transpose()?;
    let fits = |image: &Image| platform.as_ref().is_none_or(|wanted| image.is_for(wanted));
    match (observed.images.get(name), options.life.policy()) {
        (Some(image), PullPolicy::Missing | PullPolicy::Never) if fits(image) => Ok(image.clone()),
        (Some(image), PullPolicy::Never) => {
            let wanted = platform.unwrap_or_else(Platform::host);
            Err(image.not_for(name, &wanted).into())
        }
        (found, policy) => {
            let missing = found.is_none();
            fetch::fetch(cx, name, policy, options.platform(), missing, options.life.quiet).await
        }
    }
}

/// Looks up what the container is to be connected with, by the words the user has for it.
async fn surroundings<E: Engine>(
    cx: &Context<E>,
    spec: &mut ContainerSpec,
    observed: &Observed,
) -> Result<()> {
    if let NetworkMode::Container(other) = &mut spec.network {
        *other = find(observed, other)?.id.to_string();
    }
    let spaces = &mut spec.namespaces;
    for sharing in [&mut spaces.pid, &mut spaces.ipc] {
        if let Sharing::Container(other) = sharing {
            *other = find(observed, other)?.id.to_string();
        }
    }
    for from in &mut spec.volumes_from {
        from.container = find(observed, &from.container)?.id.to_string();
    }
    for link in &mut spec.links {
        let target = link_target(observed, &link.target)?;
        link.target.clone_from(&target.spec.name);
    }
    let NetworkMode::Networks(endpoints) = &mut spec.network else { return Ok(()) };
    for endpoint in endpoints {
        match crate::cli::network::find(observed, &endpoint.network) {
            Ok(network) => network.spec.name.clone_into(&mut endpoint.network),
            Err(_) if endpoint.network == BRIDGE => default_network(cx.engine()?).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The container that a link is to. Docker: the same words.
fn link_target<'a>(observed: &'a Observed, name: &str) -> base::Result<&'a Container> {
    find(observed, name).map_err(|error| {
        let message = format!("could not get container for {name}: {error}");
        Error::new(error.kind(), message)
    })
}

/// The network of those who ask for none is made when first needed.
///
/// # Errors
/// No subnet is free.
pub async fn default_network<E: Engine>(engine: &E) -> base::Result<()> {
    let spec = NetworkSpec {
        name: BRIDGE.to_owned(),
        ipv4: true,
        labels: BTreeMap::new(),
        ..NetworkSpec::default()
    };
    match engine.create_network(&spec).await {
        // Another command was faster.
        Err(error) if error.kind() == Kind::Conflict => Ok(()),
        made => made.map(drop),
    }
}

/// Creates it under its name, or under one that nobody has.
async fn name_and_create<E: Engine>(
    engine: &E,
    mut spec: ContainerSpec,
    name: Option<&str>,
) -> base::Result<ContainerId> {
    if let Some(name) = name {
        name.strip_prefix('/').unwrap_or(name).clone_into(&mut spec.name);
        return engine.create_container(&spec).await;
    }
    let mut attempt = 0;
    loop {
        spec.name = draw(attempt)?;
        match engine.create_container(&spec).await {
            Err(error) if error.kind() == Kind::Conflict && attempt + 1 < ATTEMPTS => attempt += 1,
            created => return created,
        }
    }
}
