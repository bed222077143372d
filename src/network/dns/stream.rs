//! Questions by stream: one client's connection, and one to a resolver while it is needed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use simple_dns::RCODE;

use super::answer::{Answer, answer, failure};
use super::forward::Servers;
use crate::network::names::Names;

/// A connection on which nothing happens is closed after this long.
const SILENCE: Duration = Duration::from_secs(5);

/// Steps before others get a turn (CVE-2024-8418): a client that never stops asking would keep the
/// shim from everything else.
const STEPS: usize = 64;

/// What a stream wants after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait until a connection changes.
    Wait,
    /// Another turn, when others had theirs.
    Again,
    /// It is over: drop the stream.
    Done,
}

/// A client's connection. Questions are answered one after another.
#[derive(Debug)]
pub struct Stream {
    client: Pipe,
    upstream: Option<Upstream>,
    deadline: Instant,
}

/// A question on its way.
#[derive(Debug)]
struct Upstream {
    pipe: Pipe,
    query: Vec<u8>,
    server: usize,
}

/// A non-blocking connection with what is to be written, and what was read.
#[derive(Debug)]
struct Pipe {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    ended: bool,
}

/// What a stream's turn needs from its owner.
pub struct Surroundings<'a> {
    /// What names mean.
    pub names: &'a Names,
    /// Rotates addresses.
    pub turn: usize,
    /// Who is asked for other names.
    pub servers: &'a mut Servers,
    /// Watches a new connection under the stream's number.
    pub watch: &'a dyn Fn(&TcpStream) -> io::Result<()>,
    /// The time.
    pub now: Instant,
}

impl Stream {
    /// Of an accepted, non-blocking connection.
    #[must_use]
    pub fn new(client: TcpStream, now: Instant) -> Stream {
        Stream { client: Pipe::new(client), upstream: None, deadline: now + SILENCE }
    }

    /// The client's connection.
    #[must_use]
    pub fn client(&self) -> &TcpStream {
        &self.client.stream
    }

    /// When it is closed for silence.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Does what can be done in a turn.
    pub fn on_ready(&mut self, around: &mut Surroundings<'_>) -> Next {
        for _ in 0..STEPS {
            match self.step(around) {
                Ok(true) => self.deadline = around.now + SILENCE,
                Ok(false) => return Next::Wait,
                Err(_) => return Next::Done,
            }
        }
        Next::Again
    }

    /// One step; `false` when there is nothing to do but wait.
    fn step(&mut self, around: &mut Surroundings<'_>) -> io::Result<bool> {
        let wrote = self.client.flush()?;
        if !self.client.output.is_empty() {
            return Ok(wrote);
        }
        if let Some(upstream) = &mut self.upstream {
            match upstream.answer() {
                Ok(None) => return Ok(wrote),
                Ok(Some(reply)) => {
                    self.upstream = None;
                    self.client.push(&reply);
                }
                Err(_) => {
                    let next = upstream.server + 1;
                    let query = std::mem::take(&mut upstream.query);
                    self.upstream = None;
                    self.ask(query, next, around);
                }
            }
            return Ok(true);
        }
        if let Some(query) = self.client.message() {
            match answer(&query, around.names, around.turn, false) {
                Answer::Reply(reply) => self.client.push(&reply),
                Answer::Forward => self.ask(query, 0, around),
                Answer::Ignore => return Err(io::ErrorKind::InvalidData.into()),
            }
            return Ok(true);
        }
        match self.client.fill()? {
            true => Ok(true),
            false if self.client.ended => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(wrote),
        }
    }

    /// Asks the first resolver from `first` on that can be reached.
    fn ask(&mut self, query: Vec<u8>, first: usize, around: &mut Surroundings<'_>) {
        let mut server = first;
        while let Some(address) = around.servers.nth(server) {
            if let Ok(stream) = connect(address)
                && (around.watch)(&stream).is_ok()
            {
                let mut pipe = Pipe::new(stream);
                pipe.push(&query);
                self.upstream = Some(Upstream { pipe, query, server });
                return;
            }
            server += 1;
        }
        self.client.push(&failure(&query, RCODE::ServerFailure));
    }
}

impl Upstream {
    /// The resolver's answer, when it is there.
    fn answer(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.pipe.flush()?;
        loop {
            if let Some(reply) = self.pipe.message() {
                let same = reply.get(..2) == self.query.get(..2);
                return if same { Ok(Some(reply)) } else { Err(io::ErrorKind::InvalidData.into()) };
            }
            match self.pipe.fill()? {
                true => {}
                false if self.pipe.ended => return Err(io::ErrorKind::UnexpectedEof.into()),
                false => return Ok(None),
            }
        }
    }
}

impl Pipe {
    fn new(stream: TcpStream) -> Pipe {
        Pipe { stream, input: Vec::new(), output: Vec::new(), ended: false }
    }

    /// Adds a message to what is to be written, with its length before it.
    fn push(&mut self, message: &[u8]) {
        let length = message.len().min(usize::from(u16::MAX));
        self.output.extend_from_slice(&(length as u16).to_be_bytes());
        self.output.extend_from_slice(&message[..length]);
    }

    /// Takes the first whole message out of what was read.
    fn message(&mut self) -> Option<Vec<u8>> {
        let length = [*self.input.first()?, *self.input.get(1)?];
        let end = 2 + usize::from(u16::from_be_bytes(length));
        if self.input.len() < end {
            return None;
        }
        let rest = self.input.split_off(end);
        let message = std::mem::replace(&mut self.input, rest);
        Some(message[2..].to_vec())
    }

    /// Writes what can be written; whether anything was.
    fn flush(&mut self) -> io::Result<bool> {
        let mut any = false;
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(length) => drop(self.output.drain(..length)),
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(error),
            }
            any = true;
        }
        Ok(any)
    }

    /// Reads what can be read; whether anything was.
    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                self.ended = true;
                Ok(false)
            }
            Ok(length) => {
                self.input.extend_from_slice(&buffer[..length]);
                Ok(true)
            }
            Err(error) if would_block(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Nothing to do now: not ready, or not connected yet.
fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

/// Starts to connect, without waiting.
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}
