//! Host ports: a bound socket is the allocation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::base::{Error, Kind, PortRange, Protocol, Result};
use crate::resource::container::{BoundPort, PublishedPort};

/// Attempts to find a port that is free for all addresses.
const ATTEMPTS: usize = 10;
const BACKLOG: i32 = 1024;

/// A host port and the socket that holds it; `None` for SCTP, which only the kernel forwards.
#[derive(Debug)]
pub struct Allocation {
    /// What is held.
    pub port: BoundPort,
    /// Listening (TCP) or bound (UDP), non-blocking.
    pub socket: Option<OwnedFd>,
}

/// A port that could not be had.
#[derive(Debug)]
pub struct Refused {
    /// What was wanted.
    pub port: BoundPort,
    /// Why.
    pub errno: Errno,
}

/// Binds all ports of `wanted`. Ports without an address of the host are bound on `default`, or,
/// without that, on all addresses of both families.
///
/// # Errors
/// The first port that could not be bound; all sockets are closed again.
pub fn bind_all(
    wanted: &[PublishedPort],
    default: Option<IpAddr>,
) -> Result<Vec<Allocation>, Refused> {
    let mut all = Vec::new();
    for published in wanted {
        let addresses = match published.host_ip.or(default) {
            Some(address) => vec![address],
            None => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        };
        let one_of_many =
            published.container.count() == 1 && published.host.is_some_and(|host| host.count() > 1);
        for (offset, container) in published.container.ports().enumerate() {
            let candidates: Vec<u16> = match published.host {
                None => vec![0; ATTEMPTS],
                Some(PortRange { first: 0, last: 0 }) => vec![0; ATTEMPTS],
                Some(range) if one_of_many => range.ports().collect(),
                Some(range) => range.ports().skip(offset).take(1).collect(),
            };
            let port = |host| BoundPort {
                host_ip: addresses[0],
                host,
                container,
                protocol: published.protocol,
            };
            all.extend(first_free(&addresses, candidates.into_iter().map(port))?);
        }
    }
    Ok(all)
}

/// The first candidate that is free on all addresses; port 0 is any free one.
fn first_free(
    addresses: &[IpAddr],
    candidates: impl Iterator<Item = BoundPort>,
) -> Result<Vec<Allocation>, Refused> {
    let mut last = None;
    for candidate in candidates {
        match on_all(addresses, &candidate) {
            Ok(found) => return Ok(found),
            Err(refused) => last = Some(refused),
        }
    }
    // A range pair of which the host's part is shorter; refused where it is read.
    last.map_or(Ok(Vec::new()), Err)
}

/// One port on all addresses. A machine without IPv6 has no IPv6 addresses to be reached by.
fn on_all(addresses: &[IpAddr], wanted: &BoundPort) -> Result<Vec<Allocation>, Refused> {
    let mut held = Vec::new();
    let mut number = wanted.host;
    for address in addresses {
        let mut port = BoundPort { host_ip: *address, host: number, ..wanted.clone() };
        match socket(&port) {
            Ok((socket, given)) => {
                number = given;
                port.host = given;
                held.push(Allocation { port, socket });
            }
            Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
                if address.is_ipv6() && address.is_unspecified() => {}
            Err(errno) => return Err(Refused { port, errno }),
        }
    }
    Ok(held)
}

/// Binds one port, and says which it is.
fn socket(port: &BoundPort) -> Result<(Option<OwnedFd>, u16), Errno> {
    let kind = match port.protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
        Protocol::Sctp => return Ok((None, port.host)),
    };
    let family = if port.host_ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    if port.host_ip.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if port.protocol == Protocol::Tcp {
        // Connections of the last holder that are still dying do not keep a new one out.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &SocketAddr::new(port.host_ip, port.host))?;
    if port.protocol == Protocol::Tcp {
        rustix::net::listen(&socket, BACKLOG)?;
    }
    let bound = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((Some(socket), bound.port()))
}

/// Docker's words for a port that cannot be had. `holder`: the container of ours that has it.
#[must_use]
pub fn refusal(refused: &Refused, target: Option<IpAddr>, holder: Option<&str>) -> Error {
    let BoundPort { host_ip, host, container, protocol } = &refused.port;
    let on = SocketAddr::new(*host_ip, *host);
    if let Some(name) = holder {
        let message = format!("Bind for {on} failed: port is already allocated");
        return Error::new(Kind::Conflict, message).hint(format!("container {name} has it"));
    }
    let to = target.map(|address| format!(":{}", SocketAddr::new(address, *container)));
    let to = to.unwrap_or_default();
    let message = format!("failed to bind host port for {on}{to}/{protocol}");
    let kind = if refused.errno == Errno::ADDRINUSE { Kind::Conflict } else { Kind::Other };
    let text = std::io::Error::from(refused.errno).to_string();
    let plain = text.split(" (os error ").next().unwrap_or(&text).to_lowercase();
    let error = Error::new(kind, format!("{message}: {plain}"));
    match refused.errno {
        Errno::ADDRINUSE => error.hint(format!("another program listens on port {host}")),
        _ => error,
    }
}
