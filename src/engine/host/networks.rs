//! Networks: records now, bridges when the first container needs them.

use crate::base::{ContainerId, Kind, Result};
use crate::network::{self, names};
use crate::resource::event::{Event, EventKind};
use crate::resource::network::{Endpoint, NetworkMode};
use crate::resource::{ContainerSpec, Network, NetworkSpec};

use super::Host;

/// Makes the record of a network; an existing one of that name stays as it is.
pub(super) fn create(host: &Host, spec: &NetworkSpec) -> Result<Network> {
    let known = network::list(host.roots())?.into_iter().any(|it| it.spec.name == spec.name);
    let network = network::create(host.roots(), spec)?;
    if !known {
        host.announce(&event("create", &network));
    }
    Ok(network)
}

/// Removes networks in one go; those that are gone already count as removed.
pub(super) fn remove(host: &Host, names: &[String]) -> Result<()> {
    let mut existing = network::list(host.roots())?;
    existing.retain(|network| names.contains(&network.spec.name));
    for name in names.iter().filter(|name| !existing.iter().any(|it| it.spec.name == **name)) {
        network::remove_damaged(host.roots(), name)?;
    }
    let names: Vec<&str> = existing.iter().map(|network| network.spec.name.as_str()).collect();
    match names.is_empty() {
        true => return Ok(()),
        false => network::remove_many(host.roots(), &names)?,
    }
    existing.iter().for_each(|network| host.announce(&event("destroy", network)));
    Ok(())
}

fn event(action: &str, network: &Network) -> Event {
    let driver = match network.spec.driver.as_str() {
        "" => "bridge",
        driver => driver,
    };
    Event::now(EventKind::Network, action, network.id.as_str())
        .with("name", network.spec.name.as_str())
        .with("type", driver)
}

/// Makes a container's names known in its networks, so that nobody asks the outside for them
/// before it starts.
pub(super) fn register_names(host: &Host, id: &ContainerId, spec: &ContainerSpec) -> Result<()> {
    for endpoint in endpoints(spec) {
        let own = [spec.name.clone(), id.short().to_owned()];
        let known = own.into_iter().chain(endpoint.aliases.iter().cloned()).collect::<Vec<_>>();
        let network = network::get(host.roots(), &endpoint.network)?;
        names::register(host.roots(), &network, id, &known)?;
    }
    Ok(())
}

/// Makes a container known by its new name in its networks, and no longer by the old one.
pub(super) fn rename(host: &Host, id: &ContainerId, spec: &ContainerSpec, old: &str) -> Result<()> {
    for endpoint in endpoints(spec) {
        let network = network::get(host.roots(), &endpoint.network)?;
        names::rename(host.roots(), &network, id, (old, &spec.name))?;
    }
    Ok(())
}

/// Takes a removed container's names out of its networks, as far as those still exist.
pub(super) fn forget_names(host: &Host, id: &ContainerId, spec: &ContainerSpec) -> Result<()> {
    endpoints(spec).iter().try_for_each(|endpoint| forget_name(host, id, endpoint))
}

/// Takes a container's names out of one network.
pub(super) fn forget_name(host: &Host, id: &ContainerId, endpoint: &Endpoint) -> Result<()> {
    match network::get(host.roots(), &endpoint.network) {
        Ok(network) => names::forget(host.roots(), &network, id),
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn endpoints(spec: &ContainerSpec) -> &[Endpoint] {
    match &spec.network {
        NetworkMode::Networks(endpoints) => endpoints,
        _ => &[],
    }
}
