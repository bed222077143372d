//! Names, ports and walls between projects, seen from the host, from inside, and from a neighbour.

use std::fs;

use crate::world::{LIMIT, World, eventually};

/// A web server that answers with its own host name, and a client beside it.
const SERVER: &str = "
services:
  web:
    image: busybox
    hostname: server
    command: [sh, -c, 'mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 80 -h /www']
    init: true
    ports: ['8080:80']
  client: {image: busybox, command: sleep infinity, init: true}
";

fn curl(world: &World, url: &str) -> String {
    world.shell(&format!("curl -s --max-time 2 '{url}'")).stdout
}

#[test]
fn services_find_each_other_by_service_container_and_alias_name() {
    let world = World::new();
    let aliased = SERVER.replace("ports: ['8080:80']", "networks: {default: {aliases: [shop]}}");
    world.compose_yaml(&aliased);
    world.compose(&["up", "-d"]).ok();

    for name in ["web", "project-web-1", "shop", "web.project_default"] {
        let url = format!("http://{name}/");
        eventually(&format!("{name} answers"), LIMIT, || {
            world.compose(&["exec", "-T", "client", "wget", "-qO-", &url]).text() == "server"
        });
    }
    let unknown = world.compose(&["exec", "-T", "client", "nslookup", "nobody"]);
    assert_ne!(unknown.code, 0, "an unknown name does not resolve");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_published_port_answers_on_every_address_of_the_host() {
    let world = World::new();
    world.shell(
        "ip link add lan0 type veth peer name lan1 && ip link set lan1 up && ip addr add 192.0.2.1/24 dev lan0 && ip link set lan0 up",
    );
    world.compose_yaml(SERVER);
    world.compose(&["up", "-d"]).ok();

    for host in ["127.0.0.1", "localhost", "[::1]", "192.0.2.1"] {
        eventually(&format!("{host}:8080 answers"), LIMIT, || {
            curl(&world, &format!("http://{host}:8080/")) == "server\n"
        });
    }
    let port = world.compose(&["port", "web", "80"]).ok();
    assert_eq!(port.text(), "0.0.0.0:8080");

    world.compose(&["down"]).ok();
    assert_eq!(curl(&world, "http://127.0.0.1:8080/"), "");
    world.shell("ip link del lan0").ok();
    world.assert_clean();
}

#[test]
fn cve_2019_9946_a_taken_port_is_refused_with_its_number() {
    let world = World::new();
    world.compose_yaml(SERVER);
    world.compose(&["up", "-d"]).ok();
    let other = world.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("compose.yaml"), SERVER).unwrap();

    let refused = world.compose_in(&other, &["up", "-d"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("8080"), "{}", refused.stderr);
    assert!(refused.stderr.contains("port is already allocated"), "{}", refused.stderr);

    world.compose_in(&other, &["down"]).ok();
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn other_projects_cannot_be_reached() {
    let world = World::new();
    world.compose_yaml(&SERVER.replace("ports: ['8080:80']", "expose: ['80']"));
    world.compose(&["up", "-d"]).ok();
    let address = world.compose(&["exec", "-T", "web", "hostname", "-i"]).ok().text().to_owned();
    let other = world.path().join("other");
    fs::create_dir(&other).unwrap();
    let client = "services: {client: {image: busybox, command: sleep infinity, init: true}}";
    fs::write(other.join("compose.yaml"), client).unwrap();
    world.compose_in(&other, &["up", "-d"]).ok();

    let url = format!("http://{address}/");
    eventually("the neighbour in the project answers", LIMIT, || {
        world.compose(&["exec", "-T", "client", "timeout", "2", "wget", "-qO-", &url]).code == 0
    });
    let stranger =
        world.compose_in(&other, &["exec", "-T", "client", "timeout", "2", "wget", "-qO-", &url]);
    assert_ne!(stranger.code, 0, "another project reached {address}");

    world.compose_in(&other, &["down"]).ok();
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_foreign_forward_policy_of_drop_does_not_cut_us_off() {
    let world = World::new();
    world.shell("iptables -P FORWARD DROP").ok();
    world.shell(LAN_PEER).ok();
    world.compose_yaml(SERVER);
    world.compose(&["up", "-d"]).ok();

    eventually("the host itself is answered", LIMIT, || {
        curl(&world, "http://127.0.0.1:8080/") == "server\n"
    });
    eventually("a neighbour is answered", LIMIT, || {
        let answer =
            world.shell("nsenter -t $(cat lan.pid) -n curl -s --max-time 2 http://192.0.2.1:8080/");
        answer.stdout == "server\n"
    });
    let ask = ["exec", "-T", "client", "timeout", "5", "wget", "-qO-", "http://192.0.2.2:9000/"];
    eventually("the outside sees the host's address", LIMIT, || {
        world.compose(&ask).text() == "192.0.2.1"
    });

    world.compose(&["down"]).ok();
    world.shell("kill $(cat lan.pid lan-server.pid); ip link del lan0");
    world.assert_clean();
}

/// A neighbour on the host's network, at 192.0.2.2, with a server on port 9000 that answers with
/// the address it was asked from.
pub const LAN_PEER: &str = r#"
set -e
unshare --net sleep infinity > /dev/null 2>&1 &
peer=$!
echo $peer > lan.pid
until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add lan0 type veth peer name eth0 netns $peer
ip addr add 192.0.2.1/24 dev lan0
ip link set lan0 up
nsenter -t $peer -n sh -c 'ip link set lo up; ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up'
cat > peer.py <<'END'
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
http.server.HTTPServer(('192.0.2.2', 9000), Answer).serve_forever()
END
nsenter -t $peer -n python3 peer.py > /dev/null 2>&1 &
echo $! > lan-server.pid
"#;
