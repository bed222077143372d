//! Networks in a real kernel: every test has network namespaces of its own, and fails when it
//! cannot have them.

mod dns;
mod firewall;
mod ports;
mod reconcile;
mod world;

use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use crate::base::Kind;
use crate::resource::Endpoint;
use crate::sys::netns;

use world::{World, container_id, spec};

#[test]
fn containers_of_a_network_reach_each_other_and_the_outside() {
    World::run(|world| {
        let network = world.network("app_default");
        let (one, two) = (world.container(1, &[&network]), world.container(2, &[&network]));
        assert_eq!(one.ip(), Ipv4Addr::new(172, 17, 0, 2));
        assert_eq!(two.ip(), Ipv4Addr::new(172, 17, 0, 3));

        let server = two.listen(80);
        assert_eq!(server.peer_of(one.connect(two.address(80))), one.ip());

        let outside = world.lan().listen(9000);
        let peer = outside.peer_of(one.connect(world.lan().address(9000)));
        assert_eq!(peer, world.host_ip(), "packets leave under the host's address");
    });
}

#[test]
fn networks_do_not_reach_each_other() {
    World::run(|world| {
        let (red, blue) = (world.network("red"), world.network("blue"));
        let (one, two) = (world.container(1, &[&red]), world.container(2, &[&blue]));
        let server = two.listen(80);
        assert!(one.try_connect(two.address(80)).is_none());
        assert!(world.lan().try_connect(two.address(80)).is_none(), "nor does the LAN");
        // A container in both reaches both.
        let both = world.container(3, &[&red, &blue]);
        assert!(both.try_connect(two.address(80)).is_some());
        drop(server);
    });
}

#[test]
fn an_internal_network_is_closed() {
    World::run(|world| {
        let mut wanted = spec("inner");
        wanted.internal = true;
        let network = world.network_of(&wanted);
        let (one, two) = (world.container(1, &[&network]), world.container(2, &[&network]));
        let _inside = two.listen(80);
        assert!(one.try_connect(two.address(80)).is_some());
        let _outside = world.lan().listen(9000);
        assert!(one.try_connect(world.lan().address(9000)).is_none());
    });
}

#[test]
fn containers_without_icc_reach_only_the_outside() {
    World::run(|world| {
        let mut wanted = spec("apart");
        let option = "com.docker.network.bridge.enable_icc".to_owned();
        wanted.driver_opts.insert(option, "false".to_owned());
        let network = world.network_of(&wanted);
        let (one, two) = (world.container(1, &[&network]), world.container(2, &[&network]));
        let _inside = two.listen(80);
        assert!(one.try_connect(two.address(80)).is_none());
        let _outside = world.lan().listen(9000);
        assert!(one.try_connect(world.lan().address(9000)).is_some());
    });
}

#[test]
fn ipv6_works_when_asked_for_and_is_off_otherwise() {
    World::run(|world| {
        let mut wanted = spec("six");
        wanted.ipv6 = true;
        let network = world.network_of(&wanted);
        let (one, two) = (world.container(1, &[&network]), world.container(2, &[&network]));
        let server = two.listen6(80);
        let target = (two.endpoint(0).ipv6.unwrap(), 80).into();
        // The kernel listens for questions about a new IPv6 address only a moment later, so that
        // the first may be lost: no hurry here.
        drop(one.connect(target));
        drop(server);

        let plain = world.container(3, &[&world.network("four")]);
        let addresses = plain.inside(|| std::fs::read_to_string("/proc/thread-self/net/if_inet6"));
        let addresses = addresses.unwrap();
        assert!(!addresses.contains("eth0"), "{addresses}");
    });
}

#[test]
fn addresses_are_held_released_and_given_again() {
    World::run(|world| {
        let network = world.network("app_default");
        let give = |number, wanted: &Endpoint| {
            super::allocate(&world.roots, &network, &container_id(number), wanted)
        };
        let endpoint = Endpoint { network: "app_default".to_owned(), ..Endpoint::default() };
        let first = give(1, &endpoint).unwrap();
        let second = give(2, &endpoint).unwrap();
        assert_eq!(second.ipv4, Some(Ipv4Addr::new(172, 17, 0, 3)));
        drop(first);
        assert_eq!(give(3, &endpoint).unwrap().ipv4, Some(Ipv4Addr::new(172, 17, 0, 2)));

        let fixed = Endpoint { ipv4: Some(Ipv4Addr::new(172, 17, 0, 3)), ..endpoint.clone() };
        let error = give(4, &fixed).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert_eq!(
            error.to_string(),
            "address 172.17.0.3 in network app_default is already in use"
        );
        let outside = Endpoint { ipv4: Some(Ipv4Addr::new(10, 0, 0, 1)), ..endpoint };
        assert_eq!(give(5, &outside).unwrap_err().kind(), Kind::Invalid);

        assert_eq!(super::remove(&world.roots, "app_default").unwrap_err().kind(), Kind::Conflict);
        drop(second);
        super::remove(&world.roots, "app_default").unwrap();
        assert!(super::list(&world.roots).unwrap().is_empty());
        assert_eq!(world.bridges(), "");
    });
}

#[test]
fn a_name_or_subnet_is_given_once() {
    World::run(|world| {
        let mut wanted = spec("a");
        wanted.subnets = vec![world::subnet("192.0.2.0/24")];
        // The user's own subnet is taken as it is, even where this machine has a route.
        super::create(&world.roots, &wanted).unwrap();
        assert_eq!(super::create(&world.roots, &wanted).unwrap_err().kind(), Kind::Conflict);
        wanted.name = "b".to_owned();
        let error = super::create(&world.roots, &wanted).unwrap_err();
        assert_eq!(error.to_string(), "subnet 192.0.2.0/24 overlaps with that of network a");
    });
}

#[test]
fn an_attached_namespace_is_ready_at_once() {
    World::run(|world| {
        let network = world.network("app_default");
        let one = world.container(1, &[&network]);
        let server = one.listen(80);
        for number in 2..12 {
            let started = std::time::Instant::now();
            let other = world.container(number, &[&network]);
            let attached = started.elapsed();
            let peer = server.peer_of(other.connect(one.address(80)));
            let connected = started.elapsed();
            assert_eq!(peer, other.ip());
            println!("attached after {attached:?}, connected after {connected:?}");
            assert!(connected.as_millis() < 500, "a lost packet costs a second: {connected:?}");
        }
    });
}

#[test]
fn interfaces_vanish_with_their_namespace() {
    World::run(|world| {
        let network = world.network("app_default");
        let one = world.container(1, &[&network]);
        assert!(world.links().contains("cmpv"));
        drop(one);
        world::eventually(|| !world.links().contains("cmpv"));
    });
}

#[test]
fn a_namespace_without_networks_has_a_loopback_device() {
    World::run(|_| {
        let namespace = netns::create().unwrap();
        assert!(super::attach(&[], namespace.as_fd()).unwrap().is_empty());
        netns::inside(namespace.as_fd(), || {
            let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
        })
        .unwrap();
    });
}
