//! Peers that behave and peers that do not.

use super::super::client::{Client, Received, attachment};
use super::super::socket::{self, connect};
use super::*;
use crate::resource::State;

/// A listening shim, without a container.
struct Shim {
    root: tempfile::TempDir,
    poller: Poller,
    peers: Peers,
}

impl Shim {
    fn new() -> Shim {
        let root = tempfile::tempdir().unwrap();
        let poller = Poller::new().unwrap();
        let peers = Peers::listen(&root.path().join("ctl.sock"), &poller).unwrap();
        Shim { root, poller, peers }
    }

    /// A raw connection and its number.
    fn connect(&mut self) -> (OwnedFd, u32) {
        let client = connect(&self.root.path().join("ctl.sock")).unwrap();
        self.peers.accept(&self.poller);
        (client, self.peers.next - 1)
    }

    fn receive(&mut self, id: u32) -> Incoming {
        self.peers.receive(id, &self.poller)
    }

    fn status(&mut self, state: State) {
        let status = Status { state, ..Status::default() };
        self.peers.tell_status(&status, &self.poller);
    }
}

fn send(client: &OwnedFd, bytes: &[u8]) {
    socket::send(client.as_fd(), &[IoSlice::new(bytes)], &[]).unwrap();
}

/// The next reply as text; empty at the end of the connection.
fn reply(client: &OwnedFd) -> String {
    let mut buffer = vec![0; MAX_PACKET];
    let packet = socket::receive(client.as_fd(), &mut buffer).unwrap();
    String::from_utf8(buffer[..packet.length].to_vec()).unwrap()
}

#[test]
fn garbage_is_answered_and_the_connection_ends() {
    let mut shim = Shim::new();
    for garbage in [&b"\xff\x00"[..], b"{\"stop\": 1}", b"\"reboot\"", b"[]"] {
        let (client, id) = shim.connect();
        send(&client, garbage);
        assert!(matches!(shim.receive(id), Incoming::Nothing));
        assert!(reply(&client).contains("the request is not understood"), "{garbage:?}");
        assert_eq!(reply(&client), "");
    }
    assert!(shim.peers.peers.is_empty());
}

#[test]
fn a_request_is_heard_and_a_silent_peer_is_not_waited_for() {
    let mut shim = Shim::new();
    let (client, id) = shim.connect();
    assert!(matches!(shim.receive(id), Incoming::Nothing));
    send(&client, &serde_json::to_vec(&Request::Pause).unwrap());
    assert!(matches!(shim.receive(id), Incoming::Request(Request::Pause, _)));
    drop(client);
    assert!(matches!(shim.receive(id), Incoming::Gone { role: Role::New, patient: false }));
}

#[test]
fn a_watcher_that_does_not_read_gets_the_latest_status_and_costs_no_memory() {
    let mut shim = Shim::new();
    let (client, id) = shim.connect();
    shim.peers.set_role(id, Role::Watcher);
    for _ in 0..2_000 {
        shim.peers.tell_output(&shim.poller);
        shim.status(State::Running);
    }
    shim.status(State::Exited);
    assert!(shim.peers.peers[&id].queue.is_empty());

    shim.peers.close(&shim.poller);
    let mut last = String::new();
    loop {
        shim.peers.flush(id, &shim.poller);
        match reply(&client) {
            text if text.is_empty() => break,
            text => last = text,
        }
    }
    assert!(last.contains("\"state\":\"exited\""), "{last}");
}

#[test]
fn whoever_came_with_the_start_is_waited_for() {
    let mut shim = Shim::new();
    let (client, theirs) = attachment(true).unwrap();
    let id = shim.peers.adopt(theirs, &shim.poller).unwrap();
    let Incoming::Request(Request::Attach { stdin: true }, _) = shim.receive(id) else {
        panic!("the request came with the connection");
    };
    shim.peers.set_role(id, Role::Attached { stdin: true });
    let text = vec![b'x'; 1 << 20];
    let mut sent = 0;
    while !shim.peers.is_congested() {
        shim.peers.tell_attached(Frame::Data, &text, &shim.poller);
        sent += text.len();
    }
    shim.peers.end_attached(7, &shim.poller);

    let mut received = 0;
    loop {
        shim.peers.flush(id, &shim.poller);
        match client.receive_frame().unwrap() {
            Received::Output(bytes) => received += bytes.len(),
            Received::Exit(code) => assert_eq!(code, 7),
            Received::Closed => break,
            Received::Error(_) => panic!("nobody wrote errors"),
        }
    }
    assert_eq!(received, sent);
}

#[test]
fn another_attached_peer_that_does_not_read_is_given_up() {
    let mut shim = Shim::new();
    let (client, id) = shim.connect();
    shim.peers.set_role(id, Role::Attached { stdin: false });
    for _ in 0..8 {
        shim.peers.tell_attached(Frame::Data, &vec![b'x'; 1 << 20], &shim.poller);
        assert!(!shim.peers.is_congested());
    }
    assert!(!shim.peers.has_attached());
    drop(client);
}

#[test]
fn frames_carry_input_its_end_and_sizes() {
    let mut shim = Shim::new();
    let (client, theirs): (Client, OwnedFd) = attachment(true).unwrap();
    let id = shim.peers.adopt(theirs, &shim.poller).unwrap();
    assert!(matches!(shim.receive(id), Incoming::Request(..)));
    shim.peers.set_role(id, Role::Attached { stdin: true });
    client.send_frame(Frame::Data, b"typed").unwrap();
    client.send_size(crate::resource::process::TerminalSize { rows: 2, columns: 300 }).unwrap();
    client.send_frame(Frame::End, b"").unwrap();
    let mut heard = Vec::new();
    while let Incoming::Frame(frame, content) = shim.receive(id) {
        heard.push((frame, content));
    }
    let expected = [
        (Frame::Data, b"typed".to_vec()),
        (Frame::Resize, vec![0, 2, 1, 44]),
        (Frame::End, vec![]),
    ];
    assert_eq!(heard, expected);
}
