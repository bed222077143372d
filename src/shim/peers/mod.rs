//! The shim's side of its control socket: who is connected, and what each still has to be told.
//!
//! No peer can stop the loop: sockets do not block, what a peer does not take waits in its own
//! queue, and a queue that grows too long ends its connection. Only the peer that came with the
//! start (`run`) is waited for, by letting the container wait.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use rustix::event::{PollFd, PollFlags};
use rustix::time::Timespec;

use crate::base::{Error, Kind};
use crate::resource::container::Status;

use super::poller::{Interest, Poller, Source};
use super::protocol::{Failure, Frame, MAX_PACKET, Reply, Request};
use super::socket;

/// Bytes a peer may be behind before it is given up.
const MAX_QUEUE: usize = 4 << 20;

/// Connections at once.
const MAX_PEERS: usize = 512;

/// What a connection is used for, once its request is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It has not asked for anything yet.
    New,
    /// It wants to know of every change.
    Watcher,
    /// It waits for one answer.
    Waiter,
    /// It is connected to the container's output, and, if so, to its input.
    Attached {
        /// Its data are the container's input.
        stdin: bool,
    },
}

/// What came from a peer.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Nothing now.
    Nothing,
    /// Its first packet.
    Request(Request, Vec<OwnedFd>),
    /// A packet of an attached peer.
    Frame(Frame, Vec<u8>),
    /// It is gone, and was forgotten.
    Gone {
        /// What it was.
        role: Role,
        /// It came with the start.
        patient: bool,
    },
}

#[derive(Debug)]
struct Peer {
    socket: OwnedFd,
    role: Role,
    /// It came with the start and must miss nothing.
    patient: bool,
    /// Nothing is read from it at present: the container has no room for input.
    muted: bool,
    /// It is done with once its queue is empty.
    leaving: bool,
    queue: VecDeque<(Rc<[u8]>, Option<OwnedFd>)>,
    /// Bytes in `queue`.
    behind: usize,
    /// Watchers: this status was not sent yet.
    status: Option<Rc<[u8]>>,
    /// Watchers: they were not told yet of output.
    output: bool,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Peers {
    listener: OwnedFd,
    peers: BTreeMap<u32, Peer>,
    next: u32,
}

impl Peers {
    /// Listens at `path`.
    ///
    /// # Errors
    /// As [`socket::listen`].
    pub(super) fn listen(path: &std::path::Path, poller: &Poller) -> io::Result<Peers> {
        let listener = socket::listen(path)?;
        poller.watch(listener.as_fd(), Source::Listener, Interest::READ)?;
        Ok(Peers { listener, peers: BTreeMap::new(), next: 0 })
    }

    /// Takes in who waits at the door.
    pub(super) fn accept(&mut self, poller: &Poller) {
        loop {
            match socket::accept(self.listener.as_fd()) {
                // Too many, or another user: the connection ends here. It does also when it
                // cannot be waited for.
                Ok(Some(socket)) if self.peers.len() < MAX_PEERS => {
                    let _ = self.add(socket, poller, false);
                }
                Ok(_) => (),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                // None waits, or no descriptors are left: those who wait are served later.
                Err(_) => return,
            }
        }
    }

    /// Takes the connection that came with the start. Its request is already on its way.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(super) fn adopt(&mut self, socket: OwnedFd, poller: &Poller) -> io::Result<u32> {
        socket::set_nonblocking(socket.as_fd(), true)?;
        self.add(socket, poller, true)
    }

    /// The peer came with the start of the container.
    pub(super) fn is_patient(&self, id: u32) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.patient)
    }

    fn add(&mut self, socket: OwnedFd, poller: &Poller, patient: bool) -> io::Result<u32> {
        let id = self.next;
        poller.watch(socket.as_fd(), Source::Peer(id), Interest::READ)?;
        self.next = self.next.wrapping_add(1);
        let peer = Peer {
            socket,
            role: Role::New,
            patient,
            muted: false,
            leaving: false,
            queue: VecDeque::new(),
            behind: 0,
            status: None,
            output: false,
        };
        self.peers.insert(id, peer);
        Ok(id)
    }

    /// The next packet of a peer. A request that cannot be read is answered here.
    pub(super) fn receive(&mut self, id: u32, poller: &Poller) -> Incoming {
        let Some(peer) = self.peers.get(&id) else { return Incoming::Nothing };
        let (role, patient) = (peer.role, peer.patient);
        let mut buffer = vec![0; MAX_PACKET];
        let packet = match socket::receive(peer.socket.as_fd(), &mut buffer) {
            Ok(packet) if packet.length > 0 => packet,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Incoming::Nothing,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                self.refuse(id, "the packet is too long", poller);
                return Incoming::Nothing;
            }
            Ok(_) | Err(_) => {
                self.peers.remove(&id);
                return Incoming::Gone { role, patient };
            }
        };
        let bytes = &buffer[..packet.length];
        match (role, bytes[0]) {
            (Role::New, _) => match serde_json::from_slice(bytes) {
                Ok(request) => return Incoming::Request(request, packet.descriptors),
                Err(error) => self.refuse(id, &error.to_string(), poller),
            },
            (Role::Attached { .. }, first) => match Frame::from_byte(first) {
                Some(frame) => return Incoming::Frame(frame, bytes[1..].to_vec()),
                None => self.refuse(id, "there is no such frame", poller),
            },
            // They have nothing more to say.
            (Role::Watcher | Role::Waiter, _) => (),
        }
        Incoming::Nothing
    }

    /// A packet of this peer waits.
    pub(super) fn has_packet(&self, id: u32) -> bool {
        self.peers.get(&id).is_some_and(|peer| {
            let mut fds = [PollFd::from_borrowed_fd(peer.socket.as_fd(), PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            rustix::event::poll(&mut fds, Some(&now)).is_ok_and(|count| count > 0)
        })
    }

    /// What a connection is for; `None` when it is gone.
    pub(super) fn role(&self, id: u32) -> Option<Role> {
        self.peers.get(&id).map(|peer| peer.role)
    }

    /// Says what a connection is for from now on.
    pub(super) fn set_role(&mut self, id: u32, role: Role) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.role = role;
        }
    }

    /// Sends a reply; the connection stays.
    pub(super) fn reply(&mut self, id: u32, reply: &Reply, fd: Option<OwnedFd>, poller: &Poller) {
        self.push(id, encode(reply), fd, poller);
    }

    /// Sends the last reply.
    pub(super) fn answer(&mut self, id: u32, reply: &Reply, poller: &Poller) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.leaving = true;
            peer.role = Role::Waiter;
        }
        self.push(id, encode(reply), None, poller);
    }

    fn refuse(&mut self, id: u32, why: &str, poller: &Poller) {
        let error = Error::new(Kind::Invalid, format!("the request is not understood: {why}"));
        self.answer(id, &Reply::Failed(Failure::from(&error)), poller);
    }

    /// Tells all watchers the status. One that does not keep up gets only the latest.
    pub(super) fn tell_status(&mut self, status: &Status, poller: &Poller) {
        let packet = encode(&Reply::Status(Box::new(status.clone())));
        for id in self.of_role(|role| role == Role::Watcher) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.status = Some(packet.clone());
            }
            self.flush(id, poller);
        }
    }

    /// Tells all watchers that there is output to read.
    pub(super) fn tell_output(&mut self, poller: &Poller) {
        for id in self.of_role(|role| role == Role::Watcher) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.output = true;
            }
            self.flush(id, poller);
        }
    }

    /// Someone is attached.
    pub(super) fn has_attached(&self) -> bool {
        self.peers.values().any(|peer| matches!(peer.role, Role::Attached { .. }))
    }

    /// Sends the container's output to everyone attached.
    pub(super) fn tell_attached(&mut self, frame: Frame, bytes: &[u8], poller: &Poller) {
        let attached = self.of_role(|role| matches!(role, Role::Attached { .. }));
        if attached.is_empty() {
            return;
        }
        for piece in bytes.chunks(MAX_PACKET - 1) {
            let mut packet = Vec::with_capacity(piece.len() + 1);
            packet.push(frame as u8);
            packet.extend_from_slice(piece);
            let packet: Rc<[u8]> = packet.into();
            for id in &attached {
                self.push(*id, packet.clone(), None, poller);
            }
        }
    }

    /// The run ended: so do the connections to it.
    pub(super) fn end_attached(&mut self, code: i32, poller: &Poller) {
        self.tell_attached(Frame::Exit, &code.to_be_bytes(), poller);
        for id in self.of_role(|role| matches!(role, Role::Attached { .. })) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.leaving = true;
            }
            self.flush(id, poller);
        }
    }

    /// Reads nothing from those whose input the container has no room for, or reads again.
    pub(super) fn mute_input(&mut self, muted: bool, poller: &Poller) {
        for (id, peer) in &mut self.peers {
            if peer.role == (Role::Attached { stdin: true }) && peer.muted != muted {
                peer.muted = muted;
                peer.wait(*id, poller);
            }
        }
    }

    /// The peer that came with the start is behind.
    pub(super) fn is_congested(&self) -> bool {
        self.peers.values().any(|peer| peer.patient && !peer.queue.is_empty())
    }

    /// Someone has not been told everything yet that is worth waiting for.
    pub(super) fn is_busy(&self) -> bool {
        self.peers.values().any(|peer| !peer.queue.is_empty() || peer.status.is_some())
    }

    /// No more connections. Those that have got everything end.
    pub(super) fn close(&mut self, poller: &Poller) {
        poller.forget(self.listener.as_fd());
        for peer in self.peers.values_mut() {
            peer.leaving = true;
        }
        for id in self.of_role(|_| true) {
            self.flush(id, poller);
        }
    }

    fn of_role(&self, wanted: impl Fn(Role) -> bool) -> Vec<u32> {
        let peers = self.peers.iter().filter(|(_, peer)| wanted(peer.role));
        peers.map(|(id, _)| *id).collect()
    }

    fn push(&mut self, id: u32, packet: Rc<[u8]>, fd: Option<OwnedFd>, poller: &Poller) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.behind += packet.len();
        peer.queue.push_back((packet, fd));
        if peer.behind > MAX_QUEUE && !peer.patient {
            self.peers.remove(&id);
            return;
        }
        self.flush(id, poller);
    }

    /// Sends what a peer takes, and forgets it when it is gone or done.
    pub(super) fn flush(&mut self, id: u32, poller: &Poller) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let kept = match peer.send_all() {
            Ok(()) => !peer.leaving,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        match kept {
            true => peer.wait(id, poller),
            false => drop(self.peers.remove(&id)),
        }
    }
}

impl Peer {
    /// Sends until all is sent or the peer takes no more (`WouldBlock`).
    fn send_all(&mut self) -> io::Result<()> {
        while let Some((packet, fd)) = self.queue.front() {
            let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
            socket::send(self.socket.as_fd(), &[IoSlice::new(packet)], &fds)?;
            self.behind -= packet.len();
            self.queue.pop_front();
        }
        if self.output {
            let packet = encode(&Reply::Output);
            socket::send(self.socket.as_fd(), &[IoSlice::new(&packet)], &[])?;
            self.output = false;
        }
        if let Some(packet) = &self.status {
            socket::send(self.socket.as_fd(), &[IoSlice::new(packet)], &[])?;
            self.status = None;
        }
        Ok(())
    }

    /// Waits for what this peer can do next.
    fn wait(&self, id: u32, poller: &Poller) {
        let write = !self.queue.is_empty() || self.status.is_some() || self.output;
        let interest = Interest { read: !self.muted, write };
        // The socket is in the set since it was accepted, so this changes numbers only.
        let _ = poller.watch(self.socket.as_fd(), Source::Peer(id), interest);
    }
}

/// A reply as one packet. A status that is too long goes without what its probes printed.
fn encode(reply: &Reply) -> Rc<[u8]> {
    // Replies hold nothing that JSON cannot say.
    let text = serde_json::to_vec(reply).unwrap_or_default();
    match reply {
        Reply::Status(status) if text.len() > MAX_PACKET => {
            let mut status = status.clone();
            if let Some(health) = &mut status.health {
                health.log.iter_mut().for_each(|probe| probe.output.clear());
            }
            serde_json::to_vec(&Reply::Status(status)).unwrap_or_default().into()
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests;
