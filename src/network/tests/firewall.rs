//! Rules beside other people's rules.

use std::process::Command;

use super::world::World;

fn run(command: &str) -> String {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .output()
        .unwrap_or_else(|error| panic!("this test needs `{command}`: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_forward_policy_of_drop_does_not_cut_containers_off() {
    World::run(|world| {
        run("iptables-nft -P FORWARD DROP");
        let network = world.network("app_default");
        let (one, two) = (world.container(1, &[&network]), world.container(2, &[&network]));
        let server = two.listen(80);
        server.peer_of(one.connect(two.address(80)));
        let outside = world.lan().listen(9000);
        outside.peer_of(one.connect(world.lan().address(9000)));
        assert!(world.lan().try_connect(one.address(80)).is_none(), "it is no way in");

        let listing = run("iptables-nft -S FORWARD");
        assert!(listing.contains("-i cmp-+"), "iptables can read our rules: {listing}");
        drop((one, two));
        crate::network::remove(&world.roots, "app_default").unwrap();
        assert_eq!(run("iptables-nft -S FORWARD").trim(), "-P FORWARD DROP");
    });
}

#[test]
fn nor_does_one_of_legacy_iptables() {
    World::run(|world| {
        for command in [
            "-P FORWARD DROP",
            "-N LATE",
            "-A INPUT -s 198.51.100.1 -j LATE",
            "-A FORWARD -s 198.51.100.1 -j LATE",
            "-A LATE -p tcp --dport 25 -j REJECT",
            "-A OUTPUT -d 198.51.100.1 -j LATE",
        ] {
            run(&format!("iptables-legacy {command}"));
        }
        let before = run("iptables-legacy -S");
        let network = world.network("app_default");
        let one = world.container(1, &[&network]);
        let outside = world.lan().listen(9000);
        outside.peer_of(one.connect(world.lan().address(9000)));
        assert!(world.lan().try_connect(one.address(80)).is_none(), "it is no way in");

        let during = run("iptables-legacy -S");
        for rule in ["-A FORWARD -i cmp-+ -j ACCEPT\n", "-A FORWARD -o cmp-+ -j ACCEPT\n"] {
            assert_eq!(during.matches(rule).count(), 1, "{during}");
        }
        let second = world.network("other");
        assert_eq!(run("iptables-legacy -S"), during, "once is enough");
        drop(one);
        crate::network::remove_many(&world.roots, &["app_default", &second.spec.name]).unwrap();
        assert_eq!(run("iptables-legacy -S"), before);
    });
}

#[test]
fn a_final_reject_does_not_cut_containers_off() {
    World::run(|world| {
        run("nft add table inet wall");
        run("nft add chain inet wall last { type filter hook forward priority 10 ; }");
        run("nft add rule inet wall last reject");
        let network = world.network("app_default");
        let one = world.container(1, &[&network]);
        let outside = world.lan().listen(9000);
        outside.peer_of(one.connect(world.lan().address(9000)));
    });
}

#[test]
fn rules_that_somebody_flushed_come_back() {
    World::run(|world| {
        let network = world.network("app_default");
        run("nft flush ruleset");
        crate::network::ensure(&world.roots, &network).unwrap();
        let one = world.container(1, &[&network]);
        let outside = world.lan().listen(9000);
        outside.peer_of(one.connect(world.lan().address(9000)));
    });
}

#[test]
fn deletions_are_heard_and_nothing_else() {
    World::run(|_| {
        let deletions = crate::sys::netlink::Deletions::open().unwrap();
        run("nft add table inet x");
        run("nft add chain inet x y");
        run("nft add rule inet x y accept");
        run("nft add set inet x z { type inet_service; elements = { 1, 2 }; }");
        run("nft delete element inet x z { 1 }");
        assert!(!deletions.heard());
        run("nft flush chain inet x y");
        assert!(deletions.heard());
        assert!(!deletions.heard());
        run("nft flush ruleset");
        assert!(deletions.heard());
    });
}

#[test]
fn the_table_reads_well() {
    World::run(|world| {
        let network = world.network("app_default");
        let listing = run("nft list ruleset");
        println!("{listing}");
        assert!(listing.contains("iifname @masqueraded masquerade"), "{listing}");
        assert!(listing.contains(&network.bridge), "{listing}");
        crate::network::remove(&world.roots, "app_default").unwrap();
        assert_eq!(run("nft list ruleset"), "");
    });
}
