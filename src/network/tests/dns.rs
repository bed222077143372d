//! The name server inside a container's namespace.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE};

use crate::network::dns::Responder;
use crate::network::dns::test::Servers;
use crate::network::names::{self, Zone};
use crate::resource::Network;
use crate::sys::netns;

use super::world::{Node, World, container_id, spec};

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11)), 53);

fn query(name: &str, id: u16) -> Vec<u8> {
    let mut packet = Packet::new_query(id);
    let (kind, class) = (QTYPE::TYPE(TYPE::A), QCLASS::CLASS(CLASS::IN));
    packet.questions.push(Question::new(Name::new(name).unwrap(), kind, class, false));
    packet.build_bytes_vec().unwrap()
}

fn read(bytes: &[u8]) -> String {
    let reply = Packet::parse(bytes).unwrap();
    let addresses = reply.answers.iter().map(|record| match record.rdata {
        RData::A(A { address }) => Ipv4Addr::from_bits(address).to_string(),
        _ => "?".to_owned(),
    });
    format!("{:?} {}", reply.rcode(), addresses.collect::<Vec<_>>().join(" ")).trim().to_owned()
}

/// Asks by datagram, from inside.
fn ask(name: &str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(SERVER).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.send(&query(name, 77)).unwrap();
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..2], &77_u16.to_be_bytes());
    read(&buffer[..length])
}

/// Asks by stream, twice on one connection, from inside.
fn ask_by_stream(name: &str) -> String {
    let mut stream = TcpStream::connect(SERVER).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answers = Vec::new();
    for id in [1, 2] {
        let question = query(name, id);
        stream.write_all(&(question.len() as u16).to_be_bytes()).unwrap();
        stream.write_all(&question).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer[..2], &id.to_be_bytes());
        answers.push(read(&answer));
    }
    assert_eq!(answers[0], answers[1]);
    answers.remove(0)
}

/// Runs `work` inside the container while its name server answers outside.
fn inside<T: Send + 'static>(
    node: &Node,
    responder: &mut Responder,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let namespace = node.namespace().try_clone_to_owned().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        netns::enter(namespace.as_fd()).unwrap();
        sender.send(work()).unwrap();
    });
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match receiver.try_recv() {
            Ok(value) => return value,
            Err(mpsc::TryRecvError::Disconnected) => panic!("the asking thread failed"),
            Err(mpsc::TryRecvError::Empty) => assert!(Instant::now() < end),
        }
        let wait = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        let mut fds = [PollFd::from_borrowed_fd(responder.fd(), PollFlags::IN)];
        let due = responder.next_deadline().is_some_and(|at| at <= Instant::now());
        if poll(&mut fds, Some(&wait)).unwrap() > 0 || due {
            responder.on_ready(Instant::now()).unwrap();
        }
    }
}

fn responder(world: &World, networks: &[&Network], node: &Node, servers: &[u16]) -> Responder {
    let zone = Zone::new(&world.roots, networks);
    let servers = servers.iter().map(|port| (Ipv4Addr::LOCALHOST, *port).into()).collect();
    Responder::with(zone, Servers::Fixed(servers), node.namespace()).unwrap()
}

/// A resolver of the host, by datagram and stream, that knows one address for every name.
fn resolver(code: RCODE) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listener = std::net::TcpListener::bind(address).unwrap();
    let reply = move |query: &[u8]| {
        let query = Packet::parse(query).unwrap();
        let mut reply = Packet::new_reply(query.id());
        let question = query.questions[0].clone();
        *reply.rcode_mut() = code;
        if code == RCODE::NoError {
            let data = RData::A(A { address: Ipv4Addr::new(203, 0, 113, 9).to_bits() });
            let name = question.qname.clone();
            reply.answers.push(ResourceRecord::new(name, CLASS::IN, 60, data));
        }
        reply.questions.push(question);
        reply.build_bytes_vec().unwrap()
    };
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            socket.send_to(&reply(&buffer[..length]), from).unwrap();
        }
    });
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question).unwrap();
            let answer = reply(&question);
            stream.write_all(&(answer.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    address.port()
}

#[test]
fn names_follow_the_containers_life() {
    World::run(|world| {
        let network = world.network("app");
        let one = world.container(1, &[&network]);
        let mut answers = responder(world, &[&network], &one, &[]);
        let id = container_id(2);
        let list = ["app-web-1".to_owned(), "web".to_owned()];
        names::register(&world.roots, &network, &id, &list).unwrap();
        assert_eq!(inside(&one, &mut answers, || ask("web")), "NameError", "known, not running");

        let two = world.container(2, &[&network]);
        names::publish(&world.roots, &two.leases()[0], &id, &list).unwrap();
        assert_eq!(inside(&one, &mut answers, || ask("web")), "NoError 172.17.0.3");
        assert_eq!(inside(&one, &mut answers, || ask("APP-web-1.app")), "NoError 172.17.0.3");
        assert_eq!(inside(&one, &mut answers, || ask_by_stream("web")), "NoError 172.17.0.3");

        names::withdraw(&world.roots, &network, &id).unwrap();
        assert_eq!(inside(&one, &mut answers, || ask("web")), "NameError");
        names::publish(&world.roots, &two.leases()[0], &id, &list).unwrap();
        assert_eq!(inside(&one, &mut answers, || ask("other")), "ServerFailure", "no resolver");
        // Killed: nobody withdraws its names, and somebody else gets its address.
        drop(two);
        let three = world.container(3, &[&network]);
        assert_eq!(three.ip(), Ipv4Addr::new(172, 17, 0, 3));
        let mut answers = responder(world, &[&network], &one, &[]);
        assert_eq!(inside(&one, &mut answers, || ask("web")), "NameError");
        names::forget(&world.roots, &network, &id).unwrap();
        assert_eq!(inside(&one, &mut answers, || ask("web")), "ServerFailure");
    });
}

#[test]
fn other_names_are_asked_for_outside() {
    World::run(|world| {
        let network = world.network("app");
        let one = world.container(1, &[&network]);
        let (broken, good) = (resolver(RCODE::ServerFailure), resolver(RCODE::NoError));
        // Nobody listens at the first, the second fails, the third answers.
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut answers = responder(world, &[&network], &one, &[nobody, broken, good]);
        assert_eq!(inside(&one, &mut answers, || ask("example.org")), "NoError 203.0.113.9");
        assert!(answers.next_deadline().is_none_or(|at| at > Instant::now()));
        let mut answers = responder(world, &[&network], &one, &[nobody, good]);
        let by_stream = inside(&one, &mut answers, || ask_by_stream("example.org"));
        assert_eq!(by_stream, "NoError 203.0.113.9");
    });
}

/// CVE-2024-8418: whoever asks without end gets answers in turn with all others.
#[test]
fn a_client_that_never_stops_asking_does_not_keep_the_loop() {
    World::run(|world| {
        let network = world.network("app");
        let one = world.container(1, &[&network]);
        names::publish(&world.roots, &one.leases()[0], &container_id(1), &["web".to_owned()])
            .unwrap();
        let mut answers = responder(world, &[&network], &one, &[]);
        const QUESTIONS: usize = 2000;
        let mut flood = one.inside(|| TcpStream::connect(SERVER)).unwrap();
        let question = query("web", 7);
        let framed = [&(question.len() as u16).to_be_bytes()[..], &question].concat();
        flood.set_nonblocking(true).unwrap();
        flood.write_all(&framed.repeat(QUESTIONS)).unwrap();
        // Accepted in the first turn, served from the second on.
        answers.on_ready(Instant::now()).unwrap();
        answers.on_ready(Instant::now()).unwrap();
        let mut got = Vec::new();
        let mut take = |got: &mut Vec<u8>| {
            let mut buffer = [0; 4096];
            while let Ok(length) = flood.read(&mut buffer) {
                got.extend_from_slice(&buffer[..length]);
            }
        };
        take(&mut got);
        let answer = 2 + usize::from(u16::from_be_bytes([got[0], got[1]]));
        assert!(got.len() < 200 * answer, "{} answers in one turn", got.len() / answer);
        let end = Instant::now() + Duration::from_secs(20);
        while got.len() < QUESTIONS * answer {
            assert!(answers.next_deadline().is_some_and(|at| at <= Instant::now()));
            answers.on_ready(Instant::now()).unwrap();
            take(&mut got);
            assert!(Instant::now() < end, "{} answers", got.len() / answer);
        }
    });
}

#[test]
fn internal_networks_have_no_way_out_through_names() {
    World::run(|world| {
        let mut wanted = spec("inner");
        wanted.internal = true;
        let network = world.network_of(&wanted);
        let one = world.container(1, &[&network]);
        let good = resolver(RCODE::NoError);
        let mut answers = responder(world, &[&network], &one, &[good]);
        assert_eq!(inside(&one, &mut answers, || ask("example.org")), "Refused");
    });
}

#[test]
fn a_container_can_have_a_name_server_of_its_own() {
    World::run(|world| {
        let network = world.network("app");
        let one = world.container(1, &[&network]);
        let _answers = responder(world, &[&network], &one, &[]);
        one.inside(|| {
            UdpSocket::bind("0.0.0.0:53").unwrap();
            std::net::TcpListener::bind("0.0.0.0:53").unwrap();
        });
    });
}

#[test]
fn many_questions_are_answered_fast() {
    World::run(|world| {
        let network = world.network("app");
        let one = world.container(1, &[&network]);
        names::publish(&world.roots, &one.leases()[0], &container_id(1), &["web".to_owned()])
            .unwrap();
        let started = Instant::now();
        let mut answers = responder(world, &[&network], &one, &[]);
        println!("open: {:?}", started.elapsed());
        let done = Arc::new(AtomicBool::new(false));
        let rate = inside(&one, &mut answers, move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(SERVER).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let question = query("web", 7);
            let (mut buffer, mut count) = ([0; 512], 0);
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(500) {
                for _ in 0..20 {
                    socket.send(&question).unwrap();
                }
                for _ in 0..20 {
                    socket.recv(&mut buffer).unwrap();
                    count += 1;
                }
            }
            done.store(true, Ordering::Relaxed);
            count * 2
        });
        println!("{rate} answers per second");
        assert!(rate > 2_000, "{rate} answers per second");
    });
}
