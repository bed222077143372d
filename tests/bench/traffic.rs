//! Traffic between containers: `traffic.rs` is compiled without crates, statically, and runs inside.
//!
//! `receive PORT` takes bytes until the sender ends, again and again. `send HOST:PORT SECONDS`
//! prints gigabits a second. `ask NAME SECONDS` asks 127.0.0.11 (or `$SERVER`) for a name, with a
//! few questions on their way at any time, and prints answers a second.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Bytes sent or taken at once.
const PIECE: usize = 128 * 1024;
/// Questions on their way, as many as a busy program with a few threads has.
const WINDOW: u16 = 16;
/// After this a question counts as lost.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["receive", port] => receive(port.parse().expect("a port")),
        ["send", to, seconds] => send(to, seconds.parse().expect("seconds")),
        ["ask", name, seconds] => ask(name, seconds.parse().expect("seconds")),
        _ => panic!("usage: traffic receive PORT | send HOST:PORT SECONDS | ask NAME SECONDS"),
    }
}

fn receive(port: u16) {
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("the port is free");
    let mut piece = vec![0; PIECE];
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        while stream.read(&mut piece).expect("bytes") > 0 {}
        // Only now the sender knows that all has come.
        drop(stream);
    }
}

fn send(to: &str, seconds: f64) {
    let mut stream = TcpStream::connect(to).expect("the receiver listens");
    let piece = vec![b'x'; PIECE];
    let (start, mut sent) = (Instant::now(), 0_u64);
    while start.elapsed().as_secs_f64() < seconds {
        stream.write_all(&piece).expect("the receiver takes it");
        sent += piece.len() as u64;
    }
    stream.shutdown(std::net::Shutdown::Write).expect("an end");
    let _ = stream.read(&mut [0]);
    println!("{:.2}", sent as f64 * 8.0 / 1e9 / start.elapsed().as_secs_f64());
}

fn ask(name: &str, seconds: f64) {
    let server = std::env::var("SERVER").unwrap_or_else(|_| "127.0.0.11:53".to_owned());
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect(server).expect("the server");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let question = |id: u16| {
        let mut text = id.to_be_bytes().to_vec();
        // Recursion desired, one question.
        text.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.split('.') {
            text.push(label.len() as u8);
            text.extend(label.as_bytes());
        }
        // The root, type A, the Internet.
        text.extend([0, 0, 1, 0, 1]);
        text
    };
    let (start, mut next, mut answers, mut buffer) = (Instant::now(), WINDOW, 0_u64, [0; 512]);
    for id in 0..WINDOW {
        socket.send(&question(id)).expect("it is sent");
    }
    while start.elapsed().as_secs_f64() < seconds {
        let length = socket.recv(&mut buffer).expect("an answer");
        // No error, and one answer at least.
        assert!(length > 12 && buffer[3] & 0xf == 0 && buffer[7] > 0, "not answered: {buffer:?}");
        answers += 1;
        socket.send(&question(next)).expect("it is sent");
        next = next.wrapping_add(1);
    }
    println!("{:.0}", answers as f64 / start.elapsed().as_secs_f64());
}
