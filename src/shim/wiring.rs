//! The container's network: the one place where a shim uses `network`.

mod live;

use std::fs;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use crate::base::{ContainerId, Context, Result};
use crate::network::{self, Lease, Publisher, Responder, Walls, names};
use crate::resource::ContainerSpec;
use crate::resource::container::{AttachedEndpoint, Sharing, Status};
use crate::resource::network::NetworkMode;
use crate::state::{ContainerDir, Roots};
use crate::sys::netns;

use super::etc::{Hosts, Resolver};
use super::neighbour::Neighbour;
use super::poller::{Interest, Poller, Source};

/// Where the shim answers its container's questions for names (Docker: the same).
const RESPONDER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 11));

/// Everything that connects a container; all of it goes when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Wiring {
    /// `None`: the host's.
    namespace: Option<OwnedFd>,
    leases: Vec<Lease>,
    endpoints: Vec<AttachedEndpoint>,
    publisher: Option<Publisher>,
    responder: Option<Responder>,
    walls: Option<Walls>,
}

impl Wiring {
    /// Connects the container as its specification says. Its networks are [up](network::ensure):
    /// whoever starts many containers brings them up once for all.
    ///
    /// # Errors
    /// A network that does not exist, an address or port that is taken, a container to share with
    /// that does not run.
    pub(super) fn connect(roots: &Roots, id: &ContainerId, spec: &ContainerSpec) -> Result<Wiring> {
        let mut wiring = Wiring::default();
        match &spec.network {
            NetworkMode::Host => (),
            NetworkMode::Container(other) => {
                wiring.namespace = Some(Neighbour::find(roots, other)?.namespace("net")?);
            }
            NetworkMode::None => wiring.plug()?,
            NetworkMode::Networks(endpoints) => {
                for endpoint in endpoints {
                    let network = network::get(roots, &endpoint.network)?;
                    wiring.leases.push(network::allocate(roots, &network, id, endpoint)?);
                }
                wiring.plug()?;
                wiring.serve(roots, id, spec)?;
            }
        }
        Ok(wiring)
    }

    /// Publishes ports and names, and answers the container's own questions.
    fn serve(&mut self, roots: &Roots, id: &ContainerId, spec: &ContainerSpec) -> Result<()> {
        // Before there are rules of ours to lose. Where it cannot be had, the next command sees.
        self.walls = Walls::watch(roots).ok();
        self.publisher = Some(Publisher::publish(roots, id, &spec.ports, &self.leases)?);
        for (lease, endpoint) in self.leases.iter().zip(&mut self.endpoints) {
            endpoint.names = names_of(id, spec, lease);
            names::publish(roots, lease, id, &endpoint.names)?;
        }
        if let (Some(namespace), false) = (&self.namespace, self.leases.is_empty()) {
            let names = (&spec.dns, spec.links.as_slice());
            let responder = Responder::open(roots, &self.leases, names, namespace.as_fd())?;
            self.responder = Some(responder);
        }
        Ok(())
    }

    /// Takes the container's names back: they stay known, unless the container is `removed`.
    ///
    /// # Errors
    /// A record cannot be written.
    pub(super) fn withdraw(&self, roots: &Roots, id: &ContainerId, removed: bool) -> Result<()> {
        for lease in &self.leases {
            match removed {
                true => names::forget(roots, &lease.network, id)?,
                false => names::withdraw(roots, &lease.network, id)?,
            }
        }
        Ok(())
    }

    fn plug(&mut self) -> Result<()> {
        let namespace = netns::create().context(|| "cannot make a network namespace".to_owned())?;
        self.endpoints = network::attach(&self.leases, namespace.as_fd())?;
        self.namespace = Some(namespace);
        Ok(())
    }

    /// The container's network namespace; `None`: the host's.
    pub(super) fn namespace(&self) -> Option<BorrowedFd<'_>> {
        self.namespace.as_ref().map(AsFd::as_fd)
    }

    /// Puts addresses and ports into the status.
    pub(super) fn describe(&self, status: &mut Status) {
        status.endpoints.clone_from(&self.endpoints);
        status.ports = self.publisher.as_ref().map_or(Vec::new(), |it| it.ports().to_vec());
    }

    /// Has the loop wait for what the network listens to.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn listen(&self, poller: &Poller) -> Result<()> {
        let ports = self.publisher.as_ref().map(|it| (it.fd(), Source::Ports));
        let names = self.responder.as_ref().map(|it| (it.fd(), Source::Names));
        let walls = self.walls.as_ref().map(|it| (it.fd(), Source::Walls));
        for (fd, source) in ports.into_iter().chain(names).chain(walls) {
            poller
                .watch(fd, source, Interest::READ)
                .context(|| "cannot wait for the container's network".to_owned())?;
        }
        Ok(())
    }

    /// When something is to be done even if nobody sends anything.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let ports = self.publisher.as_ref().and_then(|it| it.next_deadline(now));
        let names = self.responder.as_ref().and_then(Responder::next_deadline);
        ports.into_iter().chain(names).min()
    }

    /// Passes on what has arrived for published ports, or answers what was asked.
    pub(super) fn on_ready(&mut self, source: Source, poller: &Poller) {
        let now = Instant::now();
        if source == Source::Walls {
            // What cannot be put up now is missed by the next deletion, or the next command.
            if let Some(walls) = &self.walls {
                drop(walls.restore(&self.leases, self.publisher.as_ref()));
            }
            return;
        }
        // After an error that does not go away: better no relay than a busy loop.
        if source == Source::Ports {
            if let Some(publisher) = &mut self.publisher
                && publisher.on_ready(now).is_err()
            {
                poller.forget(publisher.fd());
            }
        } else if let Some(responder) = &mut self.responder
            && responder.on_ready(now).is_err()
        {
            poller.forget(responder.fd());
        }
    }

    /// Writes the files in `/etc` that depend on the network.
    ///
    /// # Errors
    /// They cannot be written, or name a gateway that there is not.
    pub(super) fn write_files(
        &self,
        dir: &ContainerDir,
        roots: &Roots,
        id: &ContainerId,
        spec: &ContainerSpec,
    ) -> Result<()> {
        if let Some(parent) = dir.etc("hosts").parent() {
            crate::state::roots::make_dir(parent)?;
        }
        if let NetworkMode::Container(other) = &spec.network {
            let other = Neighbour::find(roots, other)?;
            for file in ["hosts", "hostname", "resolv.conf"] {
                write(&dir.etc(file), &read(&other.dir().etc(file)))?;
            }
            return Ok(());
        }
        let hostname = hostname(id, spec);
        let host_mode = spec.network == NetworkMode::Host;
        let gateway = self.endpoints.iter().find_map(|endpoint| {
            endpoint.gateway_v4.map(IpAddr::V4).or(endpoint.gateway_v6.map(IpAddr::V6))
        });
        let hosts = Hosts {
            endpoints: &self.endpoints,
            gateway: gateway.or(host_mode.then_some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))),
            ipv6: self.endpoints.iter().any(|endpoint| endpoint.ipv6.is_some()),
            ..Hosts::own(&hostname, spec)
        };
        let text = match host_mode {
            true => read(Path::new("/etc/hosts")) + &hosts.extra_lines()?,
            false => hosts.text()?,
        };
        write(&dir.etc("hosts"), &text)?;
        write(&dir.etc("hostname"), &format!("{hostname}\n"))?;
        write(&dir.etc("resolv.conf"), &self.resolver(spec).text())
    }

    fn resolver(&self, spec: &ContainerSpec) -> Resolver {
        let host = Resolver::parse(&read(Path::new("/etc/resolv.conf"))).with(&spec.dns);
        match self.endpoints.is_empty() {
            true => host,
            false => host.behind(RESPONDER),
        }
    }
}

/// Every name of the container in a network, its own first (Docker: name, aliases, short id, and
/// the host name if there is one).
fn names_of(id: &ContainerId, spec: &ContainerSpec, lease: &Lease) -> Vec<String> {
    let mut names = vec![spec.name.clone()];
    let more = lease.endpoint.aliases.iter().chain(&spec.hostname).cloned();
    for name in more.chain([id.short().to_owned()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The container's host name.
fn hostname(id: &ContainerId, spec: &ContainerSpec) -> String {
    let shares = spec.namespaces.uts == Sharing::Host || spec.network == NetworkMode::Host;
    match &spec.hostname {
        Some(name) => name.clone(),
        None if shares => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        None => id.short().to_owned(),
    }
}

/// The host's file, or nothing where there is none.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).context(|| format!("cannot write {}", path.display()))
}
