//! What network the steps of a build have, seen from inside.

use std::fs;
use std::process::Child;

use crate::world::{LIMIT, World, eventually};

/// Answers every question for an IPv4 address with 10.9.8.7.
const NAME_SERVER: &str = r"
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 53))
print('ready', flush=True)
while True:
    question, client = server.recvfrom(512)
    end = question.index(0, 12) + 5
    answer = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x09\x08\x07'
    count = 1 if question[end - 3] == 1 else 0
    head = question[:2] + b'\x81\x80\0\1\0' + bytes([count]) + b'\0\0\0\0'
    server.sendto(head + question[12:end] + answer * count, client)
";

/// A program that ends with the test.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn project(dockerfile: &str, keys: &str) -> World {
    let world = World::new();
    let yaml = format!("services:\n  web:\n    build:\n      context: .\n{keys}");
    world.compose_yaml(&yaml);
    fs::write(world.project().join("Dockerfile"), dockerfile).unwrap();
    world
}

#[test]
fn a_step_has_a_bridge_with_names_and_a_way_to_the_host() {
    let keys = "      extra_hosts: [\"gw:host-gateway\", \"fixed:10.1.1.1\"]\n";
    let world = project(
        "FROM busybox\n\
         RUN ip -o -4 addr show eth0\n\
         RUN test $(ip route | awk '/default/{print $3}') = $(awk '$2==\"gw\"{print $1}' /etc/hosts)\n\
         RUN grep -w fixed /etc/hosts\n\
         RUN nslookup some.example 2>&1 | grep 10.9.8.7\n\
         RUN wget -qO /page http://gw:8099/page\n",
        keys,
    );
    // The resolver listens where no container could reach it.
    fs::write(world.path().join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
    world.shell("mount --bind resolv.conf /etc/resolv.conf").ok();
    fs::create_dir(world.path().join("pages")).unwrap();
    fs::write(world.path().join("pages/page"), "from the host\n").unwrap();
    let names = world.command(world.path(), "python3").args(["-c", NAME_SERVER]).spawn().unwrap();
    let serve = ["-m", "http.server", "8099", "--directory", "pages"];
    let pages = world.command(world.path(), "python3").args(serve).spawn().unwrap();
    let _running = (Background(names), Background(pages));
    let answers =
        || world.shell("curl -so /dev/null 127.0.0.1:8099 && ss -lun | grep -q :53").code == 0;
    eventually("the servers answer", LIMIT, answers);

    world.compose(&["build"]).ok();
    assert_eq!(world.compose(&["network", "ls", "-q"]).ok().text().matches("compose").count(), 0);
    world.shell("umount /etc/resolv.conf").ok();
    world.assert_clean();
}

#[test]
fn a_step_without_network_or_with_that_of_the_host() {
    let world = project(
        "FROM busybox\n\
         RUN --network=none ls /sys/class/net > /none\n\
         RUN --network=host ls /sys/class/net > /host\n\
         RUN test \"$(cat /none)\" = lo && grep hosts0 /host && ! grep eth0 /host\n",
        "",
    );
    world.shell("ip link add hosts0 type bridge").ok();
    // CVE-2024-23653: what a Dockerfile asks for is not granted by itself.
    let refused = world.compose(&["build"]);
    assert_eq!(refused.code, 1);
    for part in ["network.host is not allowed", "--> Dockerfile:3:1", "entitlements"] {
        assert!(refused.stderr.contains(part), "{part} in {}", refused.stderr);
    }
    world.compose_yaml(
        "services:\n  web:\n    build:\n      context: .\n      entitlements: [network.host]\n",
    );
    world.compose(&["build"]).ok();
    world.compose_yaml("services:\n  web:\n    build: {context: ., network: host}\n");
    world.compose(&["build"]).ok();
    world.shell("ip link del hosts0").ok();
    world.assert_clean();
}

#[test]
fn steps_that_run_at_the_same_time_share_the_bridge() {
    let world = project(
        "FROM busybox AS a\nRUN ip -4 -o addr show eth0 | awk '{print $4}' > /a; sleep 1\n\
         FROM busybox AS b\nRUN ip -4 -o addr show eth0 | awk '{print $4}' > /b; sleep 1\n\
         FROM busybox\nCOPY --from=a /a /a\nCOPY --from=b /b /b\nRUN ! cmp /a /b\n",
        "",
    );
    world.compose(&["build"]).ok();
    world.assert_clean();
}
