//! Networks of every kind and setting, seen from inside.

use crate::world::{LIMIT, World, eventually};

#[test]
fn endpoints_have_their_addresses_names_and_order() {
    let world = World::new();
    world.up("
services:
  it:
    image: busybox
    command: sleep infinity
    init: true
    networks:
      front: {ipv4_address: 10.91.0.77, ipv6_address: 'fd91::77', mac_address: '02:42:00:00:00:99', priority: 10}
      back: {interface_name: backbone, link_local_ips: [169.254.9.9], gw_priority: 5, driver_opts: {com.docker.network.endpoint.sysctls: net.ipv4.conf.IFNAME.log_martians=1}}
      third: {driver_opts: {com.docker.network.endpoint.ifname: extra}}
networks:
  front: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24, gateway: 10.91.0.9, ip_range: 10.91.0.128/25, aux_addresses: {printer: 10.91.0.128}}, {subnet: 'fd91::/64'}]}}
  back: {driver_opts: {com.docker.network.driver.mtu: '1400'}, ipam: {config: [{subnet: 10.92.0.0/24}]}}
  third: {internal: true}
",
    );
    let script = "ip -o addr show eth0 | grep -oE 'inet6? (10|fd)[^ ]+' | sort; \
                  cat /sys/class/net/eth0/address /sys/class/net/backbone/mtu; ls /sys/class/net | tr '\\n' ' '; \
                  ip -o addr show backbone | grep -o '169.254.9.9'; ip route | grep default | cut -d' ' -f3,5; \
                  cat /proc/sys/net/ipv4/conf/backbone/log_martians";
    assert_eq!(
        world.inside("it", script),
        "inet 10.91.0.77/24\ninet6 fd91::77/64\n02:42:00:00:00:99\n1400\nbackbone eth0 extra lo 169.254.9.9\n10.92.0.1 backbone\n1"
    );
    world.down();
}

#[test]
fn a_network_can_have_ipv6_only_and_an_internal_one_leads_nowhere() {
    let world = World::new();
    world.up("
services:
  six: {image: busybox, command: sleep infinity, init: true, networks: [six]}
  seven: {image: busybox, command: sleep infinity, init: true, networks: [six]}
  inside: {image: busybox, command: sleep infinity, init: true, networks: [inside]}
networks:
  six: {enable_ipv4: false, enable_ipv6: true, attachable: true}
  inside: {internal: true}
");
    assert_eq!(
        world.inside(
            "six",
            "ip -o -4 addr show eth0 | wc -l; ip -o -6 addr show eth0 scope global | wc -l"
        ),
        "0\n1"
    );
    let found = world.inside("six", "nslookup -type=aaaa seven");
    assert!(found.contains("fd"), "{found}");
    assert_eq!(world.inside("inside", "ip route | grep -c default || true"), "0");
    world.down();
}

/// A neighbour on a network of the host's, at 192.0.2.2, that answers with the address it is asked
/// from.
const NEIGHBOUR: &str = r#"
set -e
unshare --net sleep infinity > /dev/null 2>&1 &
peer=$!
echo $peer > lan.pid
until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add lan0 type veth peer name eth0 netns $peer
ip link set lan0 up
nsenter -t $peer -n sh -c 'ip link set lo up; ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up'
cat > peer.py <<'END'
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('192.0.2.2', 9000)); s.listen()
while True:
    c, a = s.accept(); c.sendall(a[0].encode() + b'\n'); c.close()
END
nsenter -t $peer -n python3 peer.py > /dev/null 2>&1 &
echo $! > lan-server.pid
"#;

/// Whether this kernel has a kind of interface.
fn kernel_has(world: &World, kind: &str) -> bool {
    let make = match kind {
        "dummy" => "ip link add try0 type dummy".to_owned(),
        "vlan" => "ip link add link lan0 name try0 type vlan id 9".to_owned(),
        kind => format!("ip link add link lan0 name try0 type {kind}"),
    };
    world.shell(&format!("{make} && ip link del try0")).code == 0
}

/// Fails unless `up` says which kind of interface the kernel lacks.
fn refused_for_lack_of(world: &World, kind: &str) {
    let refused = world.compose(&["up", "-d"]);
    assert_ne!(refused.code, 0);
    let says = format!("this kernel has no {kind} interfaces");
    assert!(refused.stderr.contains(&says), "{}", refused.stderr);
    world.compose(&["down", "-t", "1"]).ok();
}

#[test]
fn macvlan_and_ipvlan_put_containers_on_the_hosts_network() {
    let world = World::new();
    world.shell(NEIGHBOUR).ok();
    for (driver, mode) in [("macvlan", "bridge"), ("ipvlan", "l2"), ("ipvlan", "l3")] {
        world.compose_yaml(&format!(
            "
services:
  it: {{image: busybox, command: sleep infinity, init: true, networks: {{lan: {{ipv4_address: 192.0.2.77}}}}}}
  other: {{image: busybox, command: sleep infinity, init: true, networks: [lan]}}
networks:
  lan:
    driver: {driver}
    driver_opts: {{parent: lan0, {driver}_mode: {mode}}}
    ipam: {{config: [{{subnet: 192.0.2.0/24, gateway: 192.0.2.2, ip_range: 192.0.2.64/26}}]}}
"
        ));
        if !kernel_has(&world, driver) {
            refused_for_lack_of(&world, driver);
            continue;
        }
        world.compose(&["up", "-d"]).ok();
        eventually(&format!("the neighbour answers {driver} {mode}"), LIMIT, || {
            let ask = "nc -w 2 192.0.2.2 9000 < /dev/null";
            world.compose(&["exec", "-T", "it", "sh", "-c", ask]).text() == "192.0.2.77"
        });
        assert!(world.inside("other", "nslookup it").contains("192.0.2.77"));
        let route = world.inside("it", "ip route | grep default | cut -d' ' -f2,3");
        assert_eq!(route, if mode == "l3" { "dev eth0" } else { "via 192.0.2.2" });
        world.compose(&["down", "-t", "1"]).ok();
    }
    world.shell("kill $(cat lan.pid lan-server.pid); ip link del lan0");
    world.assert_clean();
}

#[test]
fn macvlan_makes_its_parent_and_takes_it_away() {
    let world = World::new();
    world.shell("ip link add lan0 type veth peer name lan1 && ip link set lan0 up && ip link set lan1 up").ok();
    let yaml = |parent: &str| {
        format!(
            "
services:
  a: {{image: busybox, command: sleep infinity, init: true, networks: [lan]}}
  b: {{image: busybox, command: [sh, -c, 'mkdir /w && echo hi > /w/index.html && httpd -f -h /w'], init: true, networks: [lan]}}
networks: {{lan: {{driver: macvlan, driver_opts: {{{parent}}}}}}}
"
        )
    };
    for (parent, kind) in [("", "dummy"), ("parent: lan0.12", "vlan"), ("parent: lan0", "macvlan")]
    {
        world.compose_yaml(&yaml(parent));
        if !kernel_has(&world, kind) {
            refused_for_lack_of(&world, kind);
            continue;
        }
        world.compose(&["up", "-d"]).ok();
        eventually("they reach each other", LIMIT, || {
            world.compose(&["exec", "-T", "a", "wget", "-qO-", "http://b/"]).text() == "hi"
        });
        let routes = world.inside("a", "ip route | grep -c default || true");
        assert_eq!(routes, if parent.is_empty() { "0" } else { "1" });
        world.compose(&["down", "-t", "1"]).ok();
        let left = world.shell("ip -o link | grep -cE 'dm-|lan0\\.12'").stdout;
        assert_eq!(left.trim(), "0");
    }
    world.compose_yaml(&yaml("parent: nowhere"));
    let refused = world.compose(&["up", "-d"]);
    assert!(refused.stderr.contains("there is no interface nowhere"), "{}", refused.stderr);
    world.compose(&["down"]).ok();
    world.shell("ip link del lan0").ok();
    world.assert_clean();
}

#[test]
fn ports_published_on_loopback_are_closed_to_the_network() {
    let world = World::new();
    world.shell(NEIGHBOUR).ok();
    world.shell("ip addr add 192.0.2.1/24 dev lan0").ok();
    world.up("
services:
  web: {image: busybox, command: [sh, -c, 'mkdir /w && echo hi > /w/index.html && httpd -f -h /w'], init: true, ports: ['127.0.0.1:8080:80', '8081:80']}
",
    );
    eventually("the host is answered", LIMIT, || {
        world.shell("curl -s --max-time 2 http://127.0.0.1:8080/").text() == "hi"
    });
    let neighbour =
        |command: &str| world.shell(&format!("nsenter -t $(cat lan.pid) -n sh -c '{command}'"));
    eventually("the neighbour reaches the open port", LIMIT, || {
        neighbour("curl -s --max-time 2 http://192.0.2.1:8081/").text() == "hi"
    });
    assert_ne!(neighbour("curl -s --max-time 2 http://192.0.2.1:8080/").code, 0);
    // With a route of its own to 127.0.0.0/8 through the host (CVE-2020-8558's way).
    neighbour(
        "ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 192.0.2.1; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet",
    );
    assert_ne!(neighbour("curl -s --max-time 2 http://127.0.0.1:8080/").code, 0);
    world.compose(&["down", "-t", "1"]).ok();
    world.shell("kill $(cat lan.pid lan-server.pid); ip link del lan0");
    world.assert_clean();
}
