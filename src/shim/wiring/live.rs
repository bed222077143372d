//! Networks that a running container joins and leaves.

use std::os::fd::AsFd;

use crate::base::{ContainerId, Error, Kind, PortRange, Result};
use crate::network::{self, Publisher, Responder, names};
use crate::resource::container::{BoundPort, PublishedPort};
use crate::resource::{ContainerSpec, Endpoint};
use crate::state::{ContainerDir, Roots};

use super::super::etc::Hosts;
use super::{Wiring, hostname, names_of, read, write};

impl Wiring {
    /// Connects the container to one more network, which is [up](network::ensure). `spec` has the
    /// endpoint already.
    ///
    /// # Errors
    /// The network does not exist or is connected already, an address is taken, the container has
    /// no network namespace of its own. Nothing has changed then.
    pub(in crate::shim) fn join(
        &mut self,
        (roots, id, dir): (&Roots, &ContainerId, &ContainerDir),
        spec: &ContainerSpec,
        endpoint: &Endpoint,
    ) -> Result<()> {
        let Some(namespace) = &self.namespace else {
            let message = "the container has no network of its own";
            return Err(Error::new(Kind::Conflict, message));
        };
        let network = network::get(roots, &endpoint.network)?;
        if self.leases.iter().any(|lease| lease.network.id == network.id) {
            let (container, name) = (&spec.name, &network.spec.name);
            let message =
                format!("endpoint with name {container} already exists in network {name}");
            return Err(Error::new(Kind::Conflict, message));
        }
        let lease = network::allocate(roots, &network, id, endpoint)?;
        self.leases.push(lease);
        match network::join(&self.leases, &self.endpoints, namespace.as_fd()) {
            Ok(joined) => self.endpoints.push(joined),
            Err(error) => {
                self.leases.pop();
                return Err(error);
            }
        }
        let joined = self.publish_last(roots, id, spec).and_then(|()| {
            self.follow(roots, id, spec, None)?;
            self.write_joined(dir, spec, id)
        });
        if joined.is_err() {
            // The first error is the one to tell.
            let _ = self.leave((roots, id, dir), spec, &network.spec.name);
        }
        joined
    }

    /// Disconnects the container from a network. `spec` does not have the endpoint any more.
    ///
    /// # Errors
    /// [`Kind::NotFound`]: it is not connected; the kernel does not let the interface go.
    pub(in crate::shim) fn leave(
        &mut self,
        (roots, id, dir): (&Roots, &ContainerId, &ContainerDir),
        spec: &ContainerSpec,
        name: &str,
    ) -> Result<()> {
        let found = self.leases.iter().position(|lease| lease.network.spec.name == name);
        let (Some(at), Some(namespace)) = (found, &self.namespace) else {
            let message = format!("container {id} is not connected to network {name}");
            return Err(Error::new(Kind::NotFound, message));
        };
        let led = Publisher::way(&self.leases).map(|lease| lease.network.id.clone());
        let (lease, endpoint) = (self.leases.remove(at), self.endpoints.remove(at));
        network::leave(&endpoint, (&self.leases, &self.endpoints), namespace.as_fd())?;
        names::forget(roots, &lease.network, id)?;
        // Its address is free from here on.
        drop(lease);
        self.follow(roots, id, spec, led)?;
        let addresses =
            [endpoint.ipv4.map(|it| it.to_string()), endpoint.ipv6.map(|it| it.to_string())];
        let hosts = read(&dir.etc("hosts"));
        let stays = |line: &&str| {
            let address = line.split_ascii_whitespace().next().map(str::to_owned);
            address.is_none() || !addresses.contains(&address)
        };
        let text: String = hosts.split_inclusive('\n').filter(stays).collect();
        write(&dir.etc("hosts"), &text)
    }

    /// Makes the container's names lead to the address it got last.
    fn publish_last(
        &mut self,
        roots: &Roots,
        id: &ContainerId,
        spec: &ContainerSpec,
    ) -> Result<()> {
        let (Some(lease), Some(endpoint)) = (self.leases.last(), self.endpoints.last_mut()) else {
            return Ok(());
        };
        endpoint.names = names_of(id, spec, lease);
        names::publish(roots, lease, id, &endpoint.names)
    }

    /// Has ports lead to a network that is there, and names mean what they mean in those that are.
    /// `led`: the network that ports led to; `None`: as before.
    fn follow(
        &mut self,
        roots: &Roots,
        id: &ContainerId,
        spec: &ContainerSpec,
        led: Option<String>,
    ) -> Result<()> {
        let way = Publisher::way(&self.leases).map(|lease| lease.network.id.clone());
        let held = self.publisher.as_ref().map_or(Vec::new(), |it| it.ports().to_vec());
        let moved = led.is_some_and(|led| way.as_ref() != Some(&led));
        if moved || (held.is_empty() && way.is_some() && !spec.ports.is_empty()) {
            let wanted = match held.is_empty() {
                true => spec.ports.clone(),
                // The same ones again, also where any would have done.
                false => held.iter().map(again).collect(),
            };
            self.publisher = None;
            self.publisher = Some(Publisher::publish(roots, id, &wanted, &self.leases)?);
        }
        match (&mut self.responder, &self.namespace) {
            (Some(responder), _) => responder.move_to(roots, &self.leases, &spec.links),
            (None, Some(namespace)) if !self.leases.is_empty() => {
                let names = (&spec.dns, spec.links.as_slice());
                let namespace = namespace.as_fd();
                self.responder = Some(Responder::open(roots, &self.leases, names, namespace)?);
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// Adds the newest endpoint to the files in `/etc`, and leaves what was written there since.
    fn write_joined(
        &self,
        dir: &ContainerDir,
        spec: &ContainerSpec,
        id: &ContainerId,
    ) -> Result<()> {
        let Some(endpoint) = self.endpoints.last() else { return Ok(()) };
        let hostname = hostname(id, spec);
        let lines = Hosts::own(&hostname, spec).lines_of(endpoint);
        write(&dir.etc("hosts"), &(read(&dir.etc("hosts")) + &lines))?;
        match self.endpoints.len() {
            1 => write(&dir.etc("resolv.conf"), &self.resolver(spec).text()),
            _ => Ok(()),
        }
    }
}

/// A port to be published as it is.
fn again(port: &BoundPort) -> PublishedPort {
    PublishedPort {
        host_ip: Some(port.host_ip),
        host: Some(PortRange::one(port.host)),
        container: PortRange::one(port.container),
        protocol: port.protocol,
    }
}
