//! What killed processes leave behind is removed.

use std::process::Command;

use crate::network::{self, Publisher, names};
use crate::resource::container::PublishedPort;
use crate::state::Lock;

use super::world::{World, container_id};

fn ruleset() -> String {
    let output = Command::new("nft").args(["list", "ruleset"]).output();
    let output = output.expect("this test needs nft");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn port(text: &str) -> PublishedPort {
    let host = text.parse().ok();
    let (container, protocol) = ("80".parse().unwrap(), Default::default());
    PublishedPort { host_ip: None, host, container, protocol }
}

#[test]
fn ports_of_dead_containers_go_and_those_of_living_ones_stay() {
    World::run(|world| {
        let network = world.network("red");
        let (one, two) = (world.container(1, &[&network]), world.container(2, &[&network]));
        let publish = |number, node: &super::world::Node, wanted| {
            let id = container_id(number);
            Publisher::publish(&world.roots, &id, &[port(wanted)], node.leases()).unwrap()
        };
        let living = world.roots.container(&container_id(1));
        std::fs::create_dir_all(living.run()).unwrap();
        let _alive = Lock::try_take(&living.alive()).unwrap().unwrap();
        let _first = publish(1, &one, "8081");
        std::mem::forget(publish(2, &two, "8082"));

        network::reconcile(&world.roots).unwrap();
        let rules = ruleset();
        assert!(rules.contains("8081") && !rules.contains("8082"), "{rules}");
        assert!(rules.contains(&network.bridge), "{rules}");
    });
}

#[test]
fn a_network_without_record_goes_with_everything() {
    World::run(|world| {
        let (red, blue) = (world.network("red"), world.network("blue"));
        std::fs::remove_file(world.roots.network_record("red")).unwrap();
        network::reconcile(&world.roots).unwrap();
        assert_eq!(world.bridges(), blue.bridge);
        assert!(!ruleset().contains(&red.bridge));

        std::fs::remove_file(world.roots.network_record("blue")).unwrap();
        network::reconcile(&world.roots).unwrap();
        assert_eq!((world.bridges(), ruleset()), (String::new(), String::new()));
    });
}

#[test]
fn addresses_and_names_of_the_dead_go() {
    World::run(|world| {
        let network = world.network("red");
        let living = world.container(1, &[&network]);
        let live = world.roots.network(&network.id);
        let stale = live.address("172.17.0.9".parse().unwrap());
        std::fs::write(&stale, "dead").unwrap();
        for number in [1, 2] {
            let id = container_id(number);
            names::register(&world.roots, &network, &id, &[format!("c{number}")]).unwrap();
        }
        std::fs::create_dir_all(world.roots.container(&container_id(1)).data()).unwrap();

        network::reconcile(&world.roots).unwrap();
        assert!(!stale.exists());
        assert!(live.address(living.ip().into()).exists());
        assert!(live.name_record(&container_id(1)).exists());
        assert!(!live.name_record(&container_id(2)).exists());
    });
}

#[test]
fn nothing_to_do_costs_little() {
    World::run(|world| {
        let _network = world.network("red");
        let started = std::time::Instant::now();
        for _ in 0..10 {
            network::reconcile(&world.roots).unwrap();
        }
        println!("reconcile: {:?}", started.elapsed() / 10);
    });
}
