//! The sockets that a container asks, and what is on its way behind them.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Instant;

use crate::base::{Context, Result};
use crate::network::address::Lease;
use crate::network::names::Zone;
use crate::network::readiness::{Readiness, Watch};
use crate::resource::Network;
use crate::resource::container::Link;
use crate::resource::network::Dns;
use crate::state::Roots;
use crate::sys::netns;

use super::answer::{Answer, answer};
use super::forward::{Forwarder, Reply, Servers};
use super::redirect;
use super::stream::{Next, Stream, Surroundings};

/// Where the host names its resolvers.
const HOST_RESOLVERS: &str = "/etc/resolv.conf";
/// Datagrams answered before others get a turn.
const TURN: usize = 64;
/// Connections at the same time; further ones are closed.
const MOST_STREAMS: usize = 64;
/// No question is longer.
const QUESTION_BYTES: usize = 4096;

const DATAGRAMS: u64 = 0;
const LISTENER: u64 = 1;
/// Resolvers' sockets have this number and the following ones.
const SERVERS: u64 = 2;
/// Streams have numbers from here on.
const STREAMS: u64 = 100;

/// A container's name server at 127.0.0.11, for a poll loop: wait until [`fd`](Responder::fd) is
/// readable or [`next_deadline`](Responder::next_deadline) has come, then call
/// [`on_ready`](Responder::on_ready).
#[derive(Debug)]
pub struct Responder {
    ready: Readiness,
    datagrams: UdpSocket,
    listener: TcpListener,
    zone: Zone,
    forwarder: Forwarder,
    streams: HashMap<u64, Stream>,
    next_stream: u64,
    /// Streams that were not done when their turn was over.
    again: Vec<u64>,
    turn: usize,
}

impl Responder {
    /// Opens the sockets inside `namespace`, which must be [attached](crate::network::attach)
    /// already. Call it with one thread, in the host's network namespace: from there other names
    /// are asked for, so that resolvers on the host's loopback device can be reached.
    ///
    /// # Errors
    /// The namespace cannot be entered, or a socket cannot be made.
    pub fn open(
        roots: &Roots,
        leases: &[Lease],
        (dns, links): (&Dns, &[Link]),
        namespace: BorrowedFd<'_>,
    ) -> Result<Responder> {
        let servers = match dns.servers.as_slice() {
            [] => Servers::of_file(Path::new(HOST_RESOLVERS)),
            fixed => {
                let server = |address: &std::net::IpAddr| (*address, redirect::PORT).into();
                Servers::Fixed(fixed.iter().map(server).collect())
            }
        };
        Responder::with(zone(roots, leases, links), servers, namespace)
    }

    /// From now on the container is in these networks.
    pub fn move_to(&mut self, roots: &Roots, leases: &[Lease], links: &[Link]) {
        self.zone = zone(roots, leases, links);
    }

    /// As [`open`](Responder::open), with these resolvers.
    pub(in crate::network) fn with(
        zone: Zone,
        servers: Servers,
        namespace: BorrowedFd<'_>,
    ) -> Result<Responder> {
        let what = || "cannot open the container's name server".to_owned();
        let (datagrams, listener) =
            netns::inside(namespace, sockets).and_then(|sockets| sockets).context(what)?;
        let ready = Readiness::new().context(what)?;
        ready.add(&datagrams, DATAGRAMS, Watch::Readable).context(what)?;
        ready.add(&listener, LISTENER, Watch::Readable).context(what)?;
        Ok(Responder {
            ready,
            datagrams,
            listener,
            zone,
            forwarder: Forwarder::new(servers),
            streams: HashMap::new(),
            next_stream: STREAMS,
            again: Vec::new(),
            turn: 0,
        })
    }

    /// Readable when there is something to do.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// When there is something to do even if nothing becomes readable; `None`: never.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if !self.again.is_empty() {
            return Some(Instant::now());
        }
        let streams = self.streams.values().map(Stream::deadline);
        streams.chain(self.forwarder.next_deadline()).min()
    }

    /// Answers what has been asked, and passes on what has come back; never blocks.
    ///
    /// # Errors
    /// None that go away by trying again: stop calling it then.
    pub fn on_ready(&mut self, now: Instant) -> Result<()> {
        self.on_time(now);
        for number in std::mem::take(&mut self.again) {
            self.on_stream(number, now);
        }
        let ready = self.ready.ready().context(|| "cannot watch the name server".to_owned())?;
        for number in ready {
            match number {
                DATAGRAMS => self.on_datagrams(now),
                LISTENER => self.on_listener(now),
                SERVERS..STREAMS => self.on_server((number - SERVERS) as usize, now),
                stream => self.on_stream(stream, now),
            }
        }
        Ok(())
    }

    fn on_time(&mut self, now: Instant) {
        self.streams.retain(|_, stream| now < stream.deadline());
        if self.forwarder.next_deadline().is_some_and(|deadline| deadline <= now) {
            let ready = &self.ready;
            let replies = self
                .forwarder
                .on_deadline(now, &mut |socket, server| watch_server(ready, socket, server));
            self.reply(replies);
        }
    }

    fn on_datagrams(&mut self, now: Instant) {
        let names = self.zone.names(now);
        let mut buffer = [0; QUESTION_BYTES];
        for _ in 0..TURN {
            let (length, client) = match self.datagrams.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An earlier answer that nobody took.
                Err(_) => continue,
            };
            let query = &buffer[..length];
            self.turn = self.turn.wrapping_add(1);
            let reply = match answer(query, names, self.turn, true) {
                Answer::Reply(reply) => Some((client, reply)),
                Answer::Ignore => None,
                Answer::Forward => {
                    let ready = &self.ready;
                    self.forwarder.ask(query, client, now, &mut |socket, server| {
                        watch_server(ready, socket, server)
                    })
                }
            };
            if let Some((client, reply)) = reply {
                // Datagrams may be lost: the client asks again.
                let _ = self.datagrams.send_to(&reply, client);
            }
        }
    }

    fn on_server(&mut self, server: usize, now: Instant) {
        let ready = &self.ready;
        let replies = self
            .forwarder
            .on_answer(server, now, &mut |socket, server| watch_server(ready, socket, server));
        self.reply(replies);
    }

    fn reply(&self, replies: Vec<Reply>) {
        for (client, reply) in replies {
            // As above.
            let _ = self.datagrams.send_to(&reply, client);
        }
    }

    fn on_listener(&mut self, now: Instant) {
        // One a turn: the listener stays ready while there are more.
        let Ok((client, _)) = self.listener.accept() else { return };
        if self.streams.len() >= MOST_STREAMS || client.set_nonblocking(true).is_err() {
            return;
        }
        self.next_stream += 1;
        let stream = Stream::new(client, now);
        if self.ready.add(stream.client(), self.next_stream, Watch::Changes).is_ok() {
            self.streams.insert(self.next_stream, stream);
        }
    }

    fn on_stream(&mut self, number: u64, now: Instant) {
        let Some(stream) = self.streams.get_mut(&number) else { return };
        self.turn = self.turn.wrapping_add(1);
        let ready = &self.ready;
        let watch = |stream: &TcpStream| ready.add(stream, number, Watch::Changes);
        let mut around = Surroundings {
            names: self.zone.names(now),
            turn: self.turn,
            servers: self.forwarder.servers(),
            watch: &watch,
            now,
        };
        match stream.on_ready(&mut around) {
            Next::Wait => {}
            Next::Again if self.again.contains(&number) => {}
            Next::Again => self.again.push(number),
            Next::Done => drop(self.streams.remove(&number)),
        }
    }
}

fn zone(roots: &Roots, leases: &[Lease], links: &[Link]) -> Zone {
    let networks: Vec<&Network> = leases.iter().map(|lease| &lease.network).collect();
    Zone::new(roots, &networks).with_links(links)
}

fn watch_server(ready: &Readiness, socket: &UdpSocket, server: usize) -> io::Result<()> {
    ready.add(socket, SERVERS + server as u64, Watch::Readable)
}

/// The two sockets, in the calling thread's namespace: on free ports behind port 53, or, where the
/// kernel has no nftables, on port 53 itself.
fn sockets() -> io::Result<(UdpSocket, TcpListener)> {
    let open = |port: u16| -> io::Result<(UdpSocket, TcpListener)> {
        let address = SocketAddr::from((redirect::ADDRESS, port));
        let (datagrams, listener) = (UdpSocket::bind(address)?, TcpListener::bind(address)?);
        datagrams.set_nonblocking(true)?;
        listener.set_nonblocking(true)?;
        Ok((datagrams, listener))
    };
    let (datagrams, listener) = open(0)?;
    let (udp, tcp) = (datagrams.local_addr()?.port(), listener.local_addr()?.port());
    match redirect::install(udp, tcp) {
        Ok(()) => Ok((datagrams, listener)),
        Err(_) => open(redirect::PORT),
    }
}
