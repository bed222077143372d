//! Datagrams passed on to a container, and its answers passed back.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// A client that was silent for so long is forgotten (Docker: UDPConnTrackTimeout).
const SILENCE: Duration = Duration::from_secs(90);
/// Clients known at the same time; the one that was silent longest makes room.
const MOST_CLIENTS: usize = 512;
/// Datagrams before others get a turn.
const TURN: usize = 64;
/// Largest datagram.
const DATAGRAM_BYTES: usize = 65_535;

/// A published socket and one socket to the container for each client.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    target: SocketAddr,
    clients: HashMap<SocketAddr, Client>,
}

#[derive(Debug)]
struct Client {
    socket: UdpSocket,
    number: u64,
    heard: Instant,
}

impl Datagrams {
    /// Of a bound, non-blocking socket.
    #[must_use]
    pub fn new(socket: UdpSocket, target: SocketAddr) -> Datagrams {
        Datagrams { socket, target, clients: HashMap::new() }
    }

    /// Passes clients' datagrams on. `watch` is given every new socket, and returns its number.
    pub fn on_request(
        &mut self,
        now: Instant,
        mut watch: impl FnMut(&UdpSocket) -> io::Result<u64>,
    ) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        for _ in 0..TURN {
            let (length, from) = match self.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An earlier answer that could not be delivered; the next datagram may be fine.
                Err(_) => continue,
            };
            // A datagram may be lost: its sender knows how to live with that.
            if let Ok(client) = self.client(from, now, &mut watch) {
                let _ = client.send(&buffer[..length]);
            }
        }
    }

    /// Passes the answers of the client with this number back; `false` if there is none.
    pub fn on_answer(&mut self, number: u64, now: Instant) -> bool {
        let found = self.clients.iter_mut().find(|(_, client)| client.number == number);
        let Some((address, client)) = found else { return false };
        let mut buffer = vec![0; DATAGRAM_BYTES];
        client.heard = now;
        for _ in 0..TURN {
            match client.socket.recv(&mut buffer) {
                // As above: a lost answer is the network's right.
                Ok(length) => drop(self.socket.send_to(&buffer[..length], address)),
                Err(_) => break,
            }
        }
        true
    }

    /// Forgets clients that are silent; returns when to call it again.
    pub fn on_deadline(&mut self, now: Instant) -> Option<Instant> {
        self.clients.retain(|_, client| now < client.heard + SILENCE);
        self.next_deadline()
    }

    /// When the first client has been silent for too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.clients.values().map(|client| client.heard + SILENCE).min()
    }

    /// The socket for a client.
    fn client(
        &mut self,
        from: SocketAddr,
        now: Instant,
        watch: &mut impl FnMut(&UdpSocket) -> io::Result<u64>,
    ) -> io::Result<&UdpSocket> {
        if !self.clients.contains_key(&from) {
            if self.clients.len() >= MOST_CLIENTS {
                self.forget_oldest();
            }
            let any: IpAddr = match self.target {
                SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
            };
            let socket = UdpSocket::bind((any, 0))?;
            socket.connect(self.target)?;
            socket.set_nonblocking(true)?;
            let number = watch(&socket)?;
            self.clients.insert(from, Client { socket, number, heard: now });
        }
        let client = self.clients.get_mut(&from).ok_or(io::ErrorKind::NotFound)?;
        client.heard = now;
        Ok(&client.socket)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.clients.iter().min_by_key(|(_, client)| client.heard);
        if let Some(address) = oldest.map(|(address, _)| *address) {
            self.clients.remove(&address);
        }
    }
}
