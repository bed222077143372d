//! `network connect` and `disconnect`: containers that run get and lose interfaces.

use crate::world::{LIMIT, World, eventually};

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

impl World {
    /// Types a line that must succeed; what it printed, without the blanks around it.
    fn line(&self, line: &str) -> String {
        self.compose(&words(line)).ok().text().to_owned()
    }

    /// Types a line that must fail; what it said.
    fn refused(&self, line: &str) -> String {
        let done = self.compose(&words(line));
        assert_eq!(done.code, 1, "{line}: {done:?}");
        done.stderr
    }

    fn reaches(&self, container: &str, url: &str) -> bool {
        let ask = format!("container exec {container} timeout 2 wget -qO- {url}");
        self.compose(&words(&ask)).code == 0
    }
}

#[test]
fn a_running_container_joins_a_network_leaves_it_and_keeps_it_over_a_restart() {
    let world = World::new();
    world.line("network create --subnet 10.77.0.0/24 back");
    world.line("network create front");
    world.line("container run -d --init --name db --network back busybox httpd -f -p 80 -h /etc");
    world.line("container run -d --init --name web --network front busybox sleep infinity");
    assert!(!world.reaches("web", "http://db/hostname"), "the networks are apart");

    let connect =
        "network connect --ip 10.77.0.9 --alias shop --link-local-ip 169.254.7.7 back web";
    assert_eq!(world.line(connect), "");
    let inside = world.line("container exec web ip -4 -o addr show eth1");
    assert!(inside.contains("10.77.0.9/24") && inside.contains("169.254.7.7/16"), "{inside}");
    eventually("the new neighbour is found by its name", LIMIT, || {
        world.reaches("web", "http://db/hostname")
    });
    eventually("and finds the alias", LIMIT, || {
        world.line("container exec db nslookup shop 127.0.0.11").contains("10.77.0.9")
    });
    let hosts = world.line("container exec web cat /etc/hosts");
    assert!(hosts.contains("10.77.0.9\t"), "{hosts}");
    let address = "{{(index .NetworkSettings.Networks \"back\").IPAddress}}";
    let inspect = ["container", "inspect", "-f", address, "web"];
    assert_eq!(world.compose(&inspect).ok().text(), "10.77.0.9");
    let users = ["network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", "back"];
    let listed = world.compose(&users).ok();
    assert!(listed.text().contains("web") && listed.text().contains("db"), "{listed:?}");

    let again = world.refused("network connect back web");
    assert!(again.contains("endpoint with name web already exists in network back"), "{again}");
    let taken = world.refused("network connect --ip 10.77.0.9 back web");
    assert!(taken.contains("already exists"), "{taken}");

    world.line("container restart -t 0 web");
    eventually("the address is the same after a restart", LIMIT, || {
        world.line("container exec web ip -4 -o addr show").contains("10.77.0.9/24")
    });

    world.line("network disconnect back web");
    let links = world.line("container exec web ip -o link");
    assert!(!links.contains("eth1") && links.contains("eth0"), "{links}");
    assert!(!world.line("container exec web cat /etc/hosts").contains("10.77.0.9"));
    eventually("its names are forgotten", LIMIT, || {
        !world.reaches("web", "http://db/hostname")
            && world.compose(&words("container exec db nslookup shop 127.0.0.11")).code != 0
    });
    let gone = world.refused("network disconnect back web");
    assert!(gone.contains("is not connected to network back"), "{gone}");
    // The address is free again.
    world.line("container run --rm --network back --ip 10.77.0.9 busybox true");

    world.line("container rm -f db web");
    world.line("network rm back front");
    world.assert_clean();
}

#[test]
fn ports_and_the_way_out_move_to_the_network_that_is_left() {
    let world = World::new();
    world.line("network create one");
    world.line("network create two");
    world.line(
        "container run -d --init --name web --network one -p 8080:80 busybox httpd -f -h /etc",
    );
    let answers = || world.shell("curl -sf --max-time 2 http://127.0.0.1:8080/hostname").code == 0;
    eventually("the port answers", LIMIT, answers);
    world.line("network connect two web");
    world.line("network disconnect one web");
    eventually("through the other network", LIMIT, answers);
    let routes = world.line("container exec web ip route");
    assert!(routes.contains("default via") && routes.contains("dev eth1"), "{routes}");
    assert_eq!(world.line("container port web 80").lines().next(), Some("0.0.0.0:8080"));

    world.line("network disconnect two web");
    assert!(!answers(), "there is no way to it");
    assert!(!world.line("container exec web ip -o link").contains("eth"));
    world.line("network connect --gw-priority 5 one web");
    eventually("and again", LIMIT, answers);
    eventually("names of the outside go to 127.0.0.11 still", LIMIT, || {
        world.line("container exec web cat /etc/resolv.conf").contains("127.0.0.11")
    });
    let events = world
        .line("system events --since 10m --until 0s --filter type=network --format {{.Action}}");
    assert!(events.contains("connect\ndisconnect"), "{events}");

    world.line("container rm -f web");
    world.line("network rm one two");
    world.assert_clean();
}

#[test]
fn what_has_no_network_of_its_own_cannot_join_one_and_a_stopped_container_can() {
    let world = World::new();
    world.line("network create --ipv6 six");
    world.line("container run -d --init --name host --network host busybox sleep infinity");
    world.line("container run -d --init --name alone --network none busybox sleep infinity");
    let err = world.refused("network connect six host");
    assert!(err.contains("container sharing network namespace with another container"), "{err}");
    let err = world.refused("network connect six alone");
    assert!(err.contains("private (none) mode"), "{err}");
    world.line("network disconnect none alone");
    world.line("network connect six alone");
    let inside = world.line("container exec alone ip -o addr show eth0");
    assert!(inside.contains("inet6 fd"), "{inside}");

    world.line("container create --init --name later --network none busybox sleep infinity");
    world.line("network disconnect none later");
    world.line("network connect --alias soon six later");
    world.line("container start later");
    eventually("it is found by its alias", LIMIT, || {
        world.line("container exec alone nslookup -type=aaaa soon 127.0.0.11").contains("fd")
    });
    world.line("container rm -f host alone later");
    world.line("network rm six");
    world.assert_clean();
}

#[test]
fn what_was_connected_by_hand_does_not_bother_up() {
    let world = World::new();
    world.compose_yaml("services: {web: {image: busybox, command: sleep infinity, init: true}}");
    world.line("up -d");
    world.line("network create shared");
    world.line("network connect shared project-web-1");
    let before = world.line("ps -q");
    world.line("up -d");
    assert_eq!(world.line("ps -q"), before, "the container is the same");
    world.line("down -t 0");
    world.line("network rm shared");
    world.assert_clean();
}
