//! A machine, a LAN with one other machine, and containers: all in namespaces of one test.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::base::ContainerId;
use crate::network::{self, Lease};
use crate::resource::container::AttachedEndpoint;
use crate::resource::network::Subnet;
use crate::resource::{Endpoint, Network, NetworkSpec};
use crate::state::Roots;
use crate::sys::netlink::{Family, Socket, route};
use crate::sys::netns;

const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// How long an attempt that must fail may take. Packets here take microseconds.
const PATIENCE: Duration = Duration::from_millis(300);

/// The machine under test: the calling thread is inside it.
pub struct World {
    pub roots: Roots,
    lan: Node,
    _directory: tempfile::TempDir,
}

/// A network namespace to act from.
pub struct Node {
    namespace: OwnedFd,
    leases: Vec<Lease>,
    endpoints: Vec<AttachedEndpoint>,
    ip: Ipv4Addr,
}

/// A listening socket in some namespace.
pub struct Server(TcpListener);

impl World {
    /// Runs a test on a thread in namespaces of its own.
    pub fn run(test: impl FnOnce(&World) + Send + 'static) {
        let thread = std::thread::spawn(move || {
            netns::unshare_net().expect("tests of networks need their own namespace: run as root");
            let world = World::new();
            test(&world);
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }

    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let variable = move |name: &str| match name {
            "COMPOSE_DATA_ROOT" => Some(path.join("data")),
            "COMPOSE_RUN_ROOT" => Some(path.join("run")),
            _ => None::<PathBuf>,
        };
        let roots = Roots::open(variable).unwrap();
        World { roots, lan: lan(), _directory: directory }
    }

    /// The other machine in the LAN.
    pub fn lan(&self) -> &Node {
        &self.lan
    }

    pub fn host_ip(&self) -> Ipv4Addr {
        HOST
    }

    /// A network with defaults, up.
    pub fn network(&self, name: &str) -> Network {
        self.network_of(&spec(name))
    }

    pub fn network_of(&self, spec: &NetworkSpec) -> Network {
        let network = network::create(&self.roots, spec).unwrap();
        assert_eq!(network::ensure(&self.roots, &network).unwrap(), Vec::<String>::new());
        network
    }

    /// A namespace attached to networks.
    pub fn container(&self, number: u8, networks: &[&Network]) -> Node {
        let namespace = netns::create().unwrap();
        let lease = |network: &&Network| {
            let wanted = Endpoint { network: network.spec.name.clone(), ..Endpoint::default() };
            network::allocate(&self.roots, network, &container_id(number), &wanted).unwrap()
        };
        let leases: Vec<Lease> = networks.iter().map(lease).collect();
        let endpoints = network::attach(&leases, namespace.as_fd()).unwrap();
        let ip = endpoints[0].ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED);
        Node { namespace, leases, endpoints, ip }
    }

    /// Connects from the machine itself.
    pub fn try_connect(&self, target: SocketAddr) -> Option<TcpStream> {
        TcpStream::connect_timeout(&target, PATIENCE).ok()
    }

    /// Names of all bridges.
    pub fn bridges(&self) -> String {
        self.names(&route::list_bridges())
    }

    /// Names of all interfaces.
    pub fn links(&self) -> String {
        std::fs::read_to_string("/proc/thread-self/net/dev").unwrap()
    }

    fn names(&self, request: &crate::sys::netlink::Message) -> String {
        let replies = Socket::open(Family::Route).unwrap().dump(request).unwrap();
        let links = replies.iter().filter_map(route::read_link);
        links.map(|link| link.name).collect::<Vec<_>>().join(" ")
    }
}

impl Node {
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    pub fn address(&self, port: u16) -> SocketAddr {
        (self.ip, port).into()
    }

    pub fn endpoint(&self, number: usize) -> &AttachedEndpoint {
        &self.endpoints[number]
    }

    pub fn leases(&self) -> &[Lease] {
        &self.leases
    }

    pub fn namespace(&self) -> std::os::fd::BorrowedFd<'_> {
        self.namespace.as_fd()
    }

    pub fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        netns::inside(self.namespace.as_fd(), work).unwrap()
    }

    pub fn listen(&self, port: u16) -> Server {
        self.inside(|| Server(TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap()))
    }

    pub fn listen6(&self, port: u16) -> Server {
        self.inside(|| Server(TcpListener::bind(("::".parse::<IpAddr>().unwrap(), port)).unwrap()))
    }

    pub fn try_connect(&self, target: SocketAddr) -> Option<TcpStream> {
        self.inside(|| TcpStream::connect_timeout(&target, PATIENCE).ok())
    }

    pub fn connect(&self, target: SocketAddr) -> TcpStream {
        self.inside(|| TcpStream::connect_timeout(&target, Duration::from_secs(5)))
            .unwrap_or_else(|error| panic!("{target} does not answer: {error}"))
    }
}

impl Server {
    /// Where the other end of a connection comes from.
    pub fn peer_of(&self, client: TcpStream) -> Ipv4Addr {
        let (_, peer) = self.0.accept().unwrap();
        drop(client);
        match peer.ip() {
            IpAddr::V4(address) => address,
            IpAddr::V6(address) => panic!("unexpected peer {address}"),
        }
    }

    pub fn accept(&self) -> TcpStream {
        self.0.accept().unwrap().0
    }
}

/// The LAN: a veth to another machine that routes everything back to this one.
fn lan() -> Node {
    let namespace = netns::create().unwrap();
    let veth = route::Veth {
        name: "lan0",
        bridge: 0,
        isolated: false,
        namespace: namespace.as_fd(),
        peer: "lan0",
        mac: [2, 0, 0, 0, 0, 2],
        mtu: None,
    };
    let mut here = Socket::open(Family::Route).unwrap();
    here.exchange(&[route::new_veth(&veth), route::up(1)]).unwrap();
    configure(&mut here, HOST, None);
    let mut there =
        netns::inside(namespace.as_fd(), || Socket::open(Family::Route)).unwrap().unwrap();
    configure(&mut there, PEER, Some(HOST));
    drop(there);
    Node { namespace, leases: Vec::new(), endpoints: Vec::new(), ip: PEER }
}

fn configure(socket: &mut Socket, address: Ipv4Addr, gateway: Option<Ipv4Addr>) {
    let found = socket.exchange(&[route::get_link("lan0")]).unwrap();
    let index = route::read_link(&found[0]).unwrap().index;
    let mut messages = vec![route::new_address(index, address.into(), 24), route::up(index)];
    messages.extend(gateway.map(|gateway| route::default_route(index, gateway.into())));
    socket.exchange(&messages).unwrap();
}

pub fn spec(name: &str) -> NetworkSpec {
    NetworkSpec { name: name.to_owned(), ipv4: true, ..NetworkSpec::default() }
}

pub fn subnet(text: &str) -> Subnet {
    Subnet { subnet: text.to_owned(), ..Subnet::default() }
}

pub fn container_id(number: u8) -> ContainerId {
    format!("c{number:02x}{:061}", 0).parse().unwrap()
}

/// Waits for something that the kernel does in its own time.
pub fn eventually(check: impl Fn() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < Duration::from_secs(5), "it did not happen within 5 seconds");
        std::thread::yield_now();
    }
}
