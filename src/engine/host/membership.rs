//! Which networks a container that exists is in.
//!
//! The record says it for later starts; a running container's shim does it at once.

use crate::base::{ContainerId, Error, Kind, Result};
use crate::network;
use crate::resource::Endpoint;
use crate::resource::container::Link;
use crate::resource::network::NetworkMode;
use crate::shim::client;
use crate::shim::protocol::Request;
use crate::state::{self, Durability};

use super::containers::{ignore_stopped, missing};
use super::observe::{self, Record};
use super::{Host, networks};

/// Connects a container to one more network.
pub(super) fn connect(
    host: &Host,
    id: &ContainerId,
    mut endpoint: Endpoint,
    links: Vec<Link>,
) -> Result<()> {
    let dir = host.roots().container(id);
    let record: Option<Record> = state::read(&dir.spec())?;
    let mut record = record.ok_or_else(|| missing(id))?;
    let network = network::get(host.roots(), &endpoint.network)?;
    let name = network.spec.name.clone();
    endpoint.network.clone_from(&name);
    let spec = &mut record.spec;
    // Docker: the same words.
    let conflict = |message: &str| Err(Error::new(Kind::Conflict, message));
    let endpoints = match &mut spec.network {
        NetworkMode::Networks(endpoints) => endpoints,
        NetworkMode::None => {
            return conflict(
                "container cannot be connected to multiple networks with one of the networks in \
                 private (none) mode",
            );
        }
        NetworkMode::Host | NetworkMode::Container(_) => {
            return conflict(
                "container sharing network namespace with another container or host cannot be \
                 connected to any other network",
            );
        }
    };
    if endpoints.iter().any(|other| other.network == name) {
        let container = &spec.name;
        return conflict(&format!(
            "endpoint with name {container} already exists in network {name}"
        ));
    }
    endpoints.push(endpoint.clone());
    spec.links.extend(links.iter().cloned());
    if observe::settled(&dir)?.state.is_active() {
        network::ensure(host.roots(), &network)?;
        ignore_stopped(client::request(&dir, &Request::Connect { endpoint, links }).map(drop))?;
    } else {
        networks::register_names(host, id, spec)?;
    }
    state::write(&dir.spec(), &record, Durability::Machine)
}

/// Disconnects a container from a network.
pub(super) fn disconnect(host: &Host, id: &ContainerId, network: &str) -> Result<()> {
    let dir = host.roots().container(id);
    let record: Option<Record> = state::read(&dir.spec())?;
    let mut record = record.ok_or_else(|| missing(id))?;
    // One that is gone is left by its name.
    let name = match network::get(host.roots(), network) {
        Ok(found) => found.spec.name,
        Err(_) => network.to_owned(),
    };
    let endpoints = match &mut record.spec.network {
        NetworkMode::Networks(endpoints) => endpoints,
        mode @ NetworkMode::None if name == "none" => {
            // From here on others can be joined.
            *mode = NetworkMode::Networks(Vec::new());
            return state::write(&dir.spec(), &record, Durability::Machine);
        }
        _ => return Err(not_connected(id, &name)),
    };
    let Some(at) = endpoints.iter().position(|endpoint| endpoint.network == name) else {
        return Err(not_connected(id, &name));
    };
    let gone = endpoints.remove(at);
    if observe::settled(&dir)?.state.is_active() {
        let request = Request::Disconnect { network: name };
        ignore_stopped(client::request(&dir, &request).map(drop))?;
    } else {
        networks::forget_name(host, id, &gone)?;
    }
    state::write(&dir.spec(), &record, Durability::Machine)
}

/// Docker: the same words.
fn not_connected(id: &ContainerId, network: &str) -> Error {
    let message = format!("container {id} is not connected to network {network}");
    Error::new(Kind::NotFound, message)
}
