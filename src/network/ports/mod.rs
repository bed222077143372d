//! Published ports.
//!
//! The kernel forwards connections to a published port by one element of a map (see
//! [`super::ruleset`]); the bound socket of the same port is what keeps others from taking it, and
//! serves what the kernel cannot forward: `::1`, IPv6 to a container that has only IPv4, and
//! everything while somebody has flushed our rules.

mod bind;
mod datagram;
mod relay;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::net::SocketFlags;

use crate::base::{ContainerId, Context, Protocol, Result};
use crate::resource::ContainerSpec;
use crate::resource::container::{BoundPort, PublishedPort};
use crate::state::{Lock, Roots, record};
use crate::sys::netlink::conntrack;
use crate::sys::netlink::nft::{Change, Element};

use super::address::Lease;
use super::firewall::Firewall;
use super::readiness::{Readiness, Watch};
use super::{options, record as network_record, ruleset, vlan};
use datagram::Datagrams;
use relay::{Next, Relay};

/// Connections relayed at the same time; further ones wait to be accepted.
const MOST_RELAYS: usize = 4096;
/// How long no connection is accepted after there were too many.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections accepted before others get a turn.
const TURN: usize = 16;

/// The published ports of one container, for a poll loop: wait until [`fd`](Publisher::fd) is
/// readable or [`next_deadline`](Publisher::next_deadline) has come, then call
/// [`on_ready`](Publisher::on_ready). Dropping it unpublishes.
#[derive(Debug)]
pub struct Publisher {
    roots: Roots,
    ready: Readiness,
    ports: Vec<BoundPort>,
    elements: Vec<Element>,
    doors: Vec<Door>,
    relays: HashMap<u64, Relay>,
    again: VecDeque<u64>,
    next_number: u64,
    paused_until: Option<Instant>,
}

/// A published socket.
#[derive(Debug)]
enum Door {
    Stream { socket: OwnedFd, target: SocketAddr },
    Datagrams(Datagrams),
}

impl Publisher {
    /// Publishes a container's ports: binds them all, then tells the kernel, or on an error
    /// neither. Call it in the host's network namespace, when the container is attached.
    ///
    /// Ports lead to the first network that is not internal; without one nothing is published
    /// (Docker: silently).
    ///
    /// # Errors
    /// `Kind::Conflict` when a port is taken, in Docker's words.
    pub fn publish(
        roots: &Roots,
        owner: &ContainerId,
        wanted: &[PublishedPort],
        leases: &[Lease],
    ) -> Result<Publisher> {
        let open = Publisher::way(leases);
        let mut publisher = Publisher::empty(roots)?;
        let (Some(lease), false) = (open, wanted.is_empty()) else { return Ok(publisher) };
        let default = options::host_binding(&lease.network.spec);
        let allocated = bind::bind_all(wanted, default).map_err(|refused| {
            let holder = holder(roots, &refused.port).unwrap_or_default();
            bind::refusal(&refused, target_for(lease, &refused.port), holder.as_deref())
        })?;
        for allocation in allocated {
            publisher.add(owner, lease, allocation)?;
        }
        publisher.forward()?;
        Ok(publisher)
    }

    /// The network that ports lead to: the first one with a way to the outside.
    #[must_use]
    pub fn way(leases: &[Lease]) -> Option<&Lease> {
        let open =
            |lease: &&Lease| !lease.network.spec.internal && vlan::is_bridged(&lease.network.spec);
        leases.iter().find(open)
    }

    fn empty(roots: &Roots) -> Result<Publisher> {
        let ready = Readiness::new().context(|| "cannot watch published ports".to_owned())?;
        Ok(Publisher {
            roots: roots.clone(),
            ready,
            ports: Vec::new(),
            elements: Vec::new(),
            doors: Vec::new(),
            relays: HashMap::new(),
            again: VecDeque::new(),
            next_number: 1 << 32,
            paused_until: None,
        })
    }

    /// Takes over one bound port.
    fn add(&mut self, owner: &ContainerId, lease: &Lease, bound: bind::Allocation) -> Result<()> {
        let bind::Allocation { port, socket } = bound;
        let Some(address) = target_for(lease, &port) else { return Ok(()) };
        let target = SocketAddr::new(address, port.container);
        for element in ruleset::port(owner, &port, target) {
            if !self.elements.contains(&element) {
                self.elements.push(element);
            }
        }
        if let Some(socket) = socket {
            let number = self.doors.len() as u64;
            let watched = self.ready.add(&socket, number, Watch::Readable);
            watched.context(|| "cannot watch a published port".to_owned())?;
            self.doors.push(match port.protocol {
                Protocol::Udp => Door::Datagrams(Datagrams::new(UdpSocket::from(socket), target)),
                _ => Door::Stream { socket, target },
            });
        }
        self.ports.push(port);
        Ok(())
    }

    /// Tells the kernel. We hold the sockets, so whatever is there already is a dead container's.
    fn forward(&self) -> Result<()> {
        let _lock = Lock::wait_shared(&network_record::lock_path(&self.roots))?;
        let mut firewall = Firewall::open(&self.roots)?;
        let additions: Vec<Change> =
            self.elements.iter().cloned().map(Change::CreateElement).collect();
        match firewall.try_apply(&additions) {
            Err(failure) if failure.is(libc::EEXIST) => {
                firewall.delete(&self.elements)?;
                firewall.apply(&additions)?;
            }
            Err(_) => firewall.apply(&additions)?,
            Ok(()) => {}
        }
        self.forget_datagrams();
        Ok(())
    }

    /// Tells the kernel again after somebody deleted our rules; what is there stays.
    ///
    /// # Errors
    /// The kernel refuses, as it does without our table.
    pub fn renew(&self) -> Result<()> {
        let _lock = Lock::wait_shared(&network_record::lock_path(&self.roots))?;
        let elements = self.elements.iter().cloned();
        let additions: Vec<Change> = elements.map(Change::AddElement).collect();
        Firewall::open(&self.roots)?.apply(&additions)
    }

    /// Clients that kept sending while nobody published the port have an entry in the kernel's
    /// table of connections, which leads to this machine or to a dead container, until forgotten.
    fn forget_datagrams(&self) {
        let udp = self.ports.iter().filter(|port| port.protocol == Protocol::Udp);
        let ports: Vec<u16> = udp.map(|port| port.host).collect();
        // Only a matter of half a minute: such entries run out by themselves.
        let _ = conntrack::forget_udp(&ports);
    }

    /// What is published, as it was bound.
    #[must_use]
    pub fn ports(&self) -> &[BoundPort] {
        &self.ports
    }

    /// What the kernel was told.
    #[cfg(test)]
    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// Readable when there is something to do.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// When there is something to do even if nothing becomes readable; `None`: never.
    #[must_use]
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if !self.again.is_empty() {
            return Some(now);
        }
        let silent = self.doors.iter().filter_map(|door| match door {
            Door::Datagrams(datagrams) => datagrams.next_deadline(),
            Door::Stream { .. } => None,
        });
        silent.chain(self.paused_until).min()
    }

    /// Passes on what has arrived; never blocks.
    ///
    /// # Errors
    /// None that go away by trying again: stop calling it then.
    pub fn on_ready(&mut self, now: Instant) -> Result<()> {
        self.on_time(now);
        for number in std::mem::take(&mut self.again) {
            self.on_relay(number);
        }
        let ready = self.ready.ready().context(|| "cannot watch published ports".to_owned())?;
        for number in ready {
            match usize::try_from(number).ok().filter(|door| *door < self.doors.len()) {
                Some(door) => self.on_door(door, now),
                None if self.relays.contains_key(&number) => self.on_relay(number),
                None => self.on_answer(number, now),
            }
        }
        Ok(())
    }

    fn on_time(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            for (number, door) in self.doors.iter().enumerate() {
                if let Door::Stream { socket, .. } = door {
                    // Fails only if it is watched still, which is as well.
                    let _ = self.ready.add(socket, number as u64, Watch::Readable);
                }
            }
        }
        for door in &mut self.doors {
            if let Door::Datagrams(datagrams) = door
                && datagrams.next_deadline().is_some_and(|deadline| deadline <= now)
            {
                datagrams.on_deadline(now);
            }
        }
    }

    fn on_door(&mut self, number: usize, now: Instant) {
        match &mut self.doors[number] {
            Door::Datagrams(datagrams) => {
                let (ready, next) = (&self.ready, &mut self.next_number);
                datagrams.on_request(now, |socket| {
                    *next += 1;
                    ready.add(socket, *next, Watch::Readable).map(|()| *next)
                });
            }
            Door::Stream { .. } => {
                for _ in 0..TURN {
                    if !self.accept(number, now) {
                        break;
                    }
                }
            }
        }
    }

    /// Accepts one connection; `false` when there is none or it has to wait.
    fn accept(&mut self, door: usize, now: Instant) -> bool {
        let Door::Stream { socket, target } = &self.doors[door] else { return false };
        if self.relays.len() >= MOST_RELAYS {
            self.pause(now);
            return false;
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let client = match rustix::net::accept_with(socket, flags) {
            Ok(client) => client,
            Err(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
                self.pause(now);
                return false;
            }
            // None there, or one that was given up meanwhile.
            Err(_) => return false,
        };
        // On an error the client is closed, as if the container had refused it.
        let Ok(relay) = Relay::new(client, *target) else { return true };
        self.next_number += 1;
        let number = self.next_number;
        let watch = |socket: &OwnedFd| self.ready.add(socket, number, Watch::Changes);
        if relay.sockets().into_iter().all(|socket| watch(socket).is_ok()) {
            self.relays.insert(number, relay);
        }
        true
    }

    /// Out of descriptors: a listening socket would stay readable and keep the loop busy.
    fn pause(&mut self, now: Instant) {
        for door in &self.doors {
            if let Door::Stream { socket, .. } = door {
                // Not watched is what we want.
                let _ = self.ready.remove(socket);
            }
        }
        self.paused_until = Some(now + PAUSE);
    }

    fn on_relay(&mut self, number: u64) {
        let Some(relay) = self.relays.get_mut(&number) else { return };
        match relay.on_ready() {
            Next::Wait => {}
            Next::Again => self.again.push_back(number),
            Next::Done => drop(self.relays.remove(&number)),
        }
    }

    fn on_answer(&mut self, number: u64, now: Instant) {
        for door in &mut self.doors {
            if let Door::Datagrams(datagrams) = door
                && datagrams.on_answer(number, now)
            {
                return;
            }
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if self.elements.is_empty() {
            return;
        }
        // What stays is litter with our mark, which the next reconciliation removes.
        if let Ok(mut firewall) = Firewall::open(&self.roots) {
            let _ = firewall.delete(&self.elements);
        }
        self.forget_datagrams();
    }
}

/// The container's address that a port leads to: of the same family if there is one.
fn target_for(lease: &Lease, port: &BoundPort) -> Option<IpAddr> {
    let (v4, v6) = (lease.ipv4.map(IpAddr::V4), lease.ipv6.map(IpAddr::V6));
    if port.host_ip.is_ipv6() { v6.or(v4) } else { v4.or(v6) }
}

/// The container of ours that has published a port, by name or short id.
fn holder(roots: &Roots, port: &BoundPort) -> Result<Option<String>> {
    let mut firewall = Firewall::open(roots)?;
    let protocol = ruleset::protocol_number(port.protocol);
    for map in ruleset::PORT_SETS {
        let elements = firewall.elements(map)?;
        let same = elements
            .iter()
            .find(|element| ruleset::read_port(&element.key) == Some((protocol, port.host)));
        let Some(id) = same.and_then(|element| element.comment.parse::<ContainerId>().ok()) else {
            continue;
        };
        let spec: Option<ContainerSpec> =
            record::read(&roots.container(&id).spec()).unwrap_or_default();
        return Ok(Some(spec.map_or_else(|| id.short().to_owned(), |spec| spec.name)));
    }
    Ok(None)
}
