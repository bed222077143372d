//! A container that joins and leaves networks while it runs.

use crate::base::Result;
use crate::resource::container::Link;
use crate::resource::network::NetworkMode;
use crate::resource::{ContainerSpec, Endpoint};

use super::protocol::Reply;
use super::run::Shim;

impl Shim {
    /// Joins a network.
    pub(super) fn connect(
        &mut self,
        peer: u32,
        endpoint: &Endpoint,
        links: Vec<Link>,
    ) -> Result<()> {
        let mut spec = self.spec.clone();
        spec.links.extend(links);
        match &mut spec.network {
            NetworkMode::Networks(endpoints) => endpoints.push(endpoint.clone()),
            // Whoever asks knows that a namespace of its own is there.
            mode => *mode = NetworkMode::Networks(vec![endpoint.clone()]),
        }
        self.wiring.join((&self.roots, &self.id, &self.dir), &spec, endpoint)?;
        self.rewired(peer, spec, "connect", &endpoint.network)
    }

    /// Leaves a network.
    pub(super) fn disconnect(&mut self, peer: u32, network: &str) -> Result<()> {
        let mut spec = self.spec.clone();
        if let NetworkMode::Networks(endpoints) = &mut spec.network {
            endpoints.retain(|endpoint| endpoint.network != network);
        }
        self.wiring.leave((&self.roots, &self.id, &self.dir), &spec, network)?;
        self.rewired(peer, spec, "disconnect", network)
    }

    /// Tells everybody what has changed.
    fn rewired(
        &mut self,
        peer: u32,
        spec: ContainerSpec,
        action: &str,
        network: &str,
    ) -> Result<()> {
        self.spec = spec;
        self.wiring.listen(&self.poller)?;
        let wiring = &self.wiring;
        self.supervisor.set_facts(|status| wiring.describe(status));
        let status = self.supervisor.status();
        self.records.changed(&self.dir, status);
        self.peers.tell_status(status, &self.poller);
        self.announcer.rewired(&self.spec, action, network);
        self.peers.answer(peer, &Reply::Done, &self.poller);
        Ok(())
    }
}
