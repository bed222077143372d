//! Published ports: who reaches them from where.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use crate::base::{Kind, PortRange, Protocol};
use crate::network::Publisher;
use crate::resource::container::PublishedPort;

use super::world::{Node, World, container_id};

fn port(host_ip: Option<&str>, host: u16, container: u16) -> PublishedPort {
    PublishedPort {
        host_ip: host_ip.map(|address| address.parse().unwrap()),
        host: (host != 0).then(|| PortRange::one(host)),
        container: PortRange::one(container),
        protocol: Protocol::Tcp,
    }
}

fn publish(world: &World, number: u8, node: &Node, wanted: &[PublishedPort]) -> Publisher {
    Publisher::publish(&world.roots, &container_id(number), wanted, node.leases()).unwrap()
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Lets the publisher work until the other thread has a result.
fn serve<T>(publisher: &mut Publisher, result: &Receiver<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(value) = result.try_recv() {
            return value;
        }
        assert!(Instant::now() < end, "no result within 20 seconds");
        let wait = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        let mut fds = [PollFd::from_borrowed_fd(publisher.fd(), PollFlags::IN)];
        let busy = publisher.next_deadline(Instant::now()).is_some_and(|at| at <= Instant::now());
        if busy || poll(&mut fds, Some(&wait)).unwrap() > 0 {
            publisher.on_ready(Instant::now()).unwrap();
        }
    }
}

/// Runs `work` on a thread of its own, in the calling thread's namespaces.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(work()));
    receiver
}

#[test]
fn a_published_port_is_reached_from_everywhere() {
    World::run(|world| {
        let (red, blue) = (world.network("red"), world.network("blue"));
        let one = world.container(1, &[&red]);
        let (two, three) = (world.container(2, &[&red]), world.container(3, &[&blue]));
        let server = one.listen(80);
        let publisher = publish(world, 1, &one, &[port(None, 8080, 80)]);
        assert_eq!(publisher.ports().len(), 2, "{:?}", publisher.ports());

        let host: SocketAddr = (world.host_ip(), 8080).into();
        assert_eq!(server.peer_of(world.lan().connect(host)), world.lan().ip());
        let gateway = red.spec.subnets[0].gateway.unwrap();
        let from_here = |target| server.peer_of(world.try_connect(target).expect("it answers"));
        assert_eq!(from_here(local(8080)), gateway, "127.0.0.1");
        assert_eq!(from_here(host), world.host_ip(), "the host's own address");
        // A neighbour, and a container of another network, by the host's address.
        let neighbour = server.peer_of(two.connect(host));
        assert!([gateway, two.ip().into()].contains(&neighbour.into()), "{neighbour}");
        assert_eq!(server.peer_of(three.connect(host)), gateway);
        assert!(world.lan().try_connect(one.address(80)).is_none(), "not by its own address");
        drop(publisher);
        assert!(world.lan().try_connect(host).is_none());
    });
}

#[test]
fn a_container_reaches_its_own_published_port() {
    World::run(|world| {
        let red = world.network("red");
        let one = world.container(1, &[&red]);
        let server = one.listen(80);
        let mut publisher = publish(world, 1, &one, &[port(None, 8080, 80)]);
        let client = one.connect((world.host_ip(), 8080).into());
        let accepted = aside(move || server.peer_of(client));
        let gateway = red.spec.subnets[0].gateway.unwrap();
        assert_eq!(serve(&mut publisher, &accepted), gateway);
    });
}

#[test]
fn a_port_published_on_loopback_is_closed_to_the_lan() {
    World::run(|world| {
        let one = world.container(1, &[&world.network("red")]);
        let server = one.listen(80);
        let _publisher = publish(world, 1, &one, &[port(Some("127.0.0.1"), 8080, 80)]);
        server.peer_of(world.try_connect(local(8080)).expect("it answers"));
        assert!(world.lan().try_connect((world.host_ip(), 8080).into()).is_none());
        // Also when the neighbour routes 127.0.0.1 here, and the host would take it.
        std::fs::write("/proc/sys/net/ipv4/conf/all/route_localnet", "1").unwrap();
        world.lan().inside(|| {
            std::fs::write("/proc/sys/net/ipv4/conf/all/route_localnet", "1").unwrap();
            let add = std::process::Command::new("ip")
                .args("route add 127.0.0.0/8 via 192.0.2.1".split(' '))
                .status();
            assert!(add.unwrap().success());
        });
        assert!(world.lan().try_connect(local(8080)).is_none());
    });
}

#[test]
fn ipv6_loopback_is_served_by_a_relay() {
    World::run(|world| {
        let one = world.container(1, &[&world.network("red")]);
        let server = one.listen(80);
        let mut publisher = publish(world, 1, &one, &[port(None, 8080, 80)]);
        // The container answers with what it got, turned to upper case, after the end of it.
        let served = aside(move || {
            let mut stream = server.accept();
            let mut text = Vec::new();
            stream.read_to_end(&mut text).unwrap();
            stream.write_all(&text.to_ascii_uppercase()).unwrap();
        });
        let asked = aside(|| {
            let mut stream = TcpStream::connect((Ipv6Addr::LOCALHOST, 8080)).unwrap();
            let text = vec![b'x'; 3_000_000];
            let mut writer = stream.try_clone().unwrap();
            let written = std::thread::spawn(move || {
                writer.write_all(&text).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            written.join().unwrap();
            answer
        });
        let answer = serve(&mut publisher, &asked);
        assert_eq!((answer.len(), answer.iter().all(|byte| *byte == b'X')), (3_000_000, true));
        served.recv().unwrap();
        publisher.on_ready(Instant::now()).unwrap();
        assert!(publisher.next_deadline(Instant::now()).is_none(), "nothing is left to do");
    });
}

#[test]
fn a_container_that_refuses_closes_the_relay() {
    World::run(|world| {
        let one = world.container(1, &[&world.network("red")]);
        let mut publisher = publish(world, 1, &one, &[port(None, 8080, 80)]);
        let asked = aside(|| {
            let mut stream = TcpStream::connect((Ipv6Addr::LOCALHOST, 8080)).unwrap();
            let mut answer = Vec::new();
            // Either an end or a reset, but soon.
            let _ = stream.read_to_end(&mut answer);
            answer.len()
        });
        assert_eq!(serve(&mut publisher, &asked), 0);
    });
}

#[test]
fn datagrams_go_both_ways() {
    World::run(|world| {
        let one = world.container(1, &[&world.network("red")]);
        let server = one.inside(|| UdpSocket::bind("0.0.0.0:53").unwrap());
        let echo = server.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = echo.recv_from(&mut buffer) {
                echo.send_to(&buffer[..length], from).unwrap();
            }
        });
        let wanted = PublishedPort { protocol: Protocol::Udp, ..port(None, 5353, 53) };
        let mut publisher = publish(world, 1, &one, &[wanted]);
        for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let asked = aside(move || {
                let any: IpAddr = if address.is_ipv4() { local(0).ip() } else { address };
                let client = UdpSocket::bind((any, 0)).unwrap();
                client.connect((address, 5353)).unwrap();
                client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let mut answers = Vec::new();
                for text in ["one", "two"] {
                    client.send(text.as_bytes()).unwrap();
                    let mut buffer = [0; 16];
                    let length = client.recv(&mut buffer).unwrap();
                    answers.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                }
                answers.join(" ")
            });
            assert_eq!(serve(&mut publisher, &asked), "one two", "{address}");
        }
        assert!(publisher.next_deadline(Instant::now()).is_some(), "silent clients are forgotten");
    });
}

#[test]
fn a_port_is_given_once() {
    World::run(|world| {
        let network = world.network("red");
        let (one, two) = (world.container(1, &[&network]), world.container(2, &[&network]));
        let _first = publish(world, 1, &one, &[port(None, 8080, 80)]);
        let refused = |wanted: &[PublishedPort]| {
            Publisher::publish(&world.roots, &container_id(2), wanted, two.leases()).unwrap_err()
        };
        let error = refused(&[port(None, 8080, 80)]);
        assert_eq!(error.kind(), Kind::Conflict);
        assert_eq!(error.to_string(), "Bind for 0.0.0.0:8080 failed: port is already allocated");
        let other = std::net::TcpListener::bind("0.0.0.0:9090").unwrap();
        assert_eq!(
            refused(&[port(Some("127.0.0.1"), 9090, 80)]).to_string(),
            "failed to bind host port for 127.0.0.1:9090:172.17.0.3:80/tcp: address already in use"
        );
        drop(other);
        // A range for one container port: the first free one.
        let range = PublishedPort { host: "8080-8082".parse().ok(), ..port(None, 1, 80) };
        let second = publish(world, 2, &two, &[range]);
        assert_eq!(second.ports()[0].host, 8081);
        // Any free one, the same for both families.
        let third = publish(world, 2, &two, &[port(None, 0, 81)]);
        let hosts: Vec<u16> = third.ports().iter().map(|port| port.host).collect();
        assert!(hosts.len() == 2 && hosts[0] == hosts[1] && hosts[0] >= 1024, "{hosts:?}");
    });
}

#[test]
fn a_dead_containers_element_is_replaced() {
    World::run(|world| {
        let network = world.network("red");
        let (one, two) = (world.container(1, &[&network]), world.container(2, &[&network]));
        let dead = publish(world, 1, &one, &[port(None, 8080, 80)]);
        let elements = dead.elements().to_vec();
        drop(dead);
        let mut firewall = crate::network::firewall::Firewall::open(&world.roots).unwrap();
        let additions = elements.into_iter().map(crate::sys::netlink::nft::Change::AddElement);
        firewall.apply(&additions.collect::<Vec<_>>()).unwrap();

        let _living = publish(world, 2, &two, &[port(None, 8080, 80)]);
        let server = two.listen(80);
        server.peer_of(world.try_connect(local(8080)).expect("it answers"));
    });
}

#[test]
fn publishing_is_fast() {
    World::run(|world| {
        let one = world.container(1, &[&world.network("red")]);
        let many: Vec<_> = (8000..8100).map(|host| port(None, host, 80)).collect();
        let started = Instant::now();
        let publisher = publish(world, 1, &one, &many);
        println!("100 ports after {:?}", started.elapsed());
        let started = Instant::now();
        assert!(publisher.fd().as_fd().try_clone_to_owned().is_ok());
        drop(publisher);
        println!("and gone after {:?}", started.elapsed());
    });
}
