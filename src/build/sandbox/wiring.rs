//! A step's network namespace: with a way to the outside, or with a loopback device only.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::network::{self, Lease, Responder, record::TRANSIENT};
use crate::resource::network::Dns;
use crate::resource::{Endpoint, Network, NetworkSpec};
use crate::state::Roots;
use crate::sys::netns;

/// Other builds may remove the network between our finding it and our joining it so often.
const ATTEMPTS: usize = 10;

/// A network namespace, and what answers its questions for names.
#[derive(Debug)]
pub(super) struct Wiring {
    namespace: OwnedFd,
    responder: Option<Responder>,
    /// Its addresses are free again when this is dropped.
    leases: Vec<Lease>,
}

impl Wiring {
    /// A namespace in which nothing but the loopback device is up.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn loopback() -> Result<Wiring> {
        let namespace = namespace()?;
        network::attach(&[], namespace.as_fd())?;
        Ok(Wiring { namespace, responder: None, leases: Vec::new() })
    }

    /// A namespace on the bridge that all build steps share.
    ///
    /// # Errors
    /// No subnet is free, or the kernel refuses.
    pub(super) fn bridge(roots: &Roots) -> Result<Wiring> {
        let leases = vec![lease(roots)?];
        // From here on nobody removes the network.
        network::ensure(roots, &leases[0].network)?;
        let namespace = namespace()?;
        network::attach(&leases, namespace.as_fd())?;
        let responder = Responder::open(roots, &leases, (&Dns::default(), &[]), namespace.as_fd())?;
        Ok(Wiring { namespace, responder: Some(responder), leases })
    }

    pub(super) fn namespace(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }

    /// The host as the step sees it; `None`: it does not.
    pub(super) fn gateway(&self) -> Option<IpAddr> {
        let subnets = self.leases.iter().flat_map(|lease| &lease.network.spec.subnets);
        subnets.filter_map(|subnet| subnet.gateway).find(IpAddr::is_ipv4)
    }

    /// Readable when somebody asks for a name.
    pub(super) fn names(&self) -> Option<BorrowedFd<'_>> {
        self.responder.as_ref().map(Responder::fd)
    }

    /// How long nothing needs to be done unless somebody asks.
    pub(super) fn patience(&self) -> Option<Duration> {
        let deadline = self.responder.as_ref().and_then(Responder::next_deadline)?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Answers what was asked.
    pub(super) fn answer(&mut self) {
        let failed = self.responder.as_mut().is_some_and(|it| it.on_ready(Instant::now()).is_err());
        // It would fail again and again: the step goes on without names.
        if failed {
            self.responder = None;
        }
    }
}

fn namespace() -> Result<OwnedFd> {
    netns::create().context(|| "cannot make a network namespace".to_owned())
}

/// An address in the network of build steps, which is made when there is none.
fn lease(roots: &Roots) -> Result<Lease> {
    let id = id()?;
    let endpoint = Endpoint { network: TRANSIENT.to_owned(), ..Endpoint::default() };
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match network::allocate(roots, &find_or_create(roots)?, &id, &endpoint) {
            Err(error) if error.kind() == Kind::NotFound => last = Some(error),
            other => return other,
        }
    }
    Err(last.unwrap_or_else(|| Error::other("cannot join the network of build steps")))
}

fn find_or_create(roots: &Roots) -> Result<Network> {
    let spec = NetworkSpec { name: TRANSIENT.to_owned(), ipv4: true, ..NetworkSpec::default() };
    match network::get(roots, TRANSIENT) {
        Err(error) if error.kind() == Kind::NotFound => {}
        other => return other,
    }
    match network::create(roots, &spec) {
        // Another build was faster.
        Err(error) if error.kind() == Kind::Conflict => network::get(roots, TRANSIENT),
        other => other,
    }
}

/// Who holds the address: no container, but of the same form.
fn id() -> Result<ContainerId> {
    loop {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::other("cannot get random bytes").with_source(error))?;
        if let Some(id) = ContainerId::from_random(bytes) {
            return Ok(id);
        }
    }
}
