//! What containers share with each other and with the host, seen from inside.

use std::fs;
use std::time::Duration;

use crate::world::{COMPOSE, World, eventually};

#[test]
fn ipc_is_shared_with_its_shared_memory() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  one: {image: busybox, command: sleep infinity, init: true, ipc: shareable, shm_size: 3m}
  two: {image: busybox, command: sleep infinity, init: true, ipc: 'service:one'}
  none: {image: busybox, command: sleep infinity, init: true, ipc: none}
  host: {image: busybox, command: sleep infinity, init: true, ipc: host}
",
    );
    world.compose(&["up", "-d"]).ok();
    world.inside("one", "echo shared > /dev/shm/file");
    let script = "cat /dev/shm/file; df -k /dev/shm | tail -1 | awk '{print $2}'; readlink /proc/self/ns/ipc";
    let (one, two) = (world.inside("one", script), world.inside("two", script));
    assert_eq!(one, two);
    assert!(two.starts_with("shared\n3072\nipc:"), "{two}");
    assert_eq!(world.inside("none", "mount | grep -c /dev/shm || true"), "0");
    let host = fs::read_link("/proc/self/ns/ipc").unwrap();
    assert_eq!(world.inside("host", "readlink /proc/self/ns/ipc"), host.to_str().unwrap());
    // The neighbour's shared memory is found again after a restart of this one.
    world.compose(&["restart", "two", "-t", "1"]).ok();
    assert_eq!(world.inside("two", "cat /dev/shm/file"), "shared");
    world.down();
}

#[test]
fn ipc_that_is_not_shareable_is_not_shared() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  one: {image: busybox, command: sleep infinity, init: true}
  two: {image: busybox, command: sleep infinity, init: true, ipc: 'service:one'}
",
    );
    let done = world.compose(&["up", "-d"]);
    assert_ne!(done.code, 0);
    let words = "non-shareable IPC (hint: use IpcMode:shareable for the donor container)";
    assert!(done.stderr.contains(words), "{}", done.stderr);
    world.down();
}

#[test]
fn a_volume_in_memory_is_one_for_all_that_use_it_and_gone_with_the_last() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  one: {image: busybox, command: sleep infinity, init: true, volumes: ['memory:/one']}
  two: {image: busybox, command: sleep infinity, init: true, volumes: ['memory:/two:ro']}
volumes: {memory: {driver_opts: {type: tmpfs, device: tmpfs, o: 'size=1m,mode=1777'}}}
",
    );
    world.compose(&["up", "-d"]).ok();
    world.inside("one", "echo hello > /one/file");
    let script = "cat /two/file; touch /two/new 2>/dev/null || echo read-only; df -k /two | tail -1 | awk '{print $2}'";
    assert_eq!(world.inside("two", script), "hello\nread-only\n1024");
    // It stays as long as one of them runs, and a read-only user hands on a writable one.
    world.compose(&["restart", "-t", "1", "one"]).ok();
    assert_eq!(world.inside("one", "cat /one/file; touch /one/more && echo ok"), "hello\nok");
    world.compose(&["stop", "-t", "1"]).ok();
    world.compose(&["start"]).ok();
    assert_eq!(world.inside("two", "ls /two"), "");
    let mounts = world.shell("grep -c 'tmpfs.*size=1024k' /proc/self/mounts || true").ok();
    assert_eq!(mounts.text(), "0");
    world.down();
}

#[test]
fn pid_uts_and_cgroup_namespaces_are_shared_as_asked() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  one: {image: busybox, command: sleep 4242, hostname: first, domainname: example.test}
  two: {image: busybox, command: sleep infinity, init: true, pid: 'service:one'}
  host: {image: busybox, command: sleep infinity, init: true, pid: host, uts: host, cgroup: host, cgroup_parent: /keys-test, userns_mode: host}
",
    );
    world.compose(&["up", "-d", "-t", "1"]).ok();
    assert_eq!(
        world.inside("one", "hostname; cat /proc/sys/kernel/domainname"),
        "first\nexample.test"
    );
    assert_eq!(world.inside("two", "tr '\\0' ' ' < /proc/1/cmdline"), "sleep 4242");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(world.inside("host", "hostname"), host.trim());
    let id = world.compose(&["ps", "-q", "--no-trunc", "host"]).ok().text().to_owned();
    let groups = world.inside("host", "cat /proc/self/cgroup");
    assert!(groups.contains(&format!(":/keys-test/{id}")), "{groups}");
    world.down();

    // The parent belongs to whoever named it: it stays, and is empty.
    for parent in crate::cgroup::directories("keys-test") {
        fs::remove_dir(parent).ok();
    }
    world.compose_yaml("services: {it: {image: busybox, userns_mode: 'keep-id'}}");
    let refused = world.compose(&["up", "-d"]);
    assert!(
        refused.stderr.contains("userns_mode `keep-id` is not supported"),
        "{}",
        refused.stderr
    );
}

#[test]
fn links_are_names_for_one_container_only() {
    let world = World::new();
    fs::create_dir(world.path().join("other")).unwrap();
    fs::write(
        world.path().join("other/compose.yaml"),
        "services: {far: {image: busybox, command: sleep infinity, init: true, \
         container_name: far-away, networks: [shared]}}\nnetworks: {shared: {name: shared}}",
    )
    .unwrap();
    world.compose_in(&world.path().join("other"), &["up", "-d"]).ok();
    world.compose_yaml(
        "
services:
  db: {image: busybox, command: sleep infinity, init: true}
  web:
    image: busybox
    command: sleep infinity
    init: true
    links: ['db:database']
    external_links: ['far-away:far']
    networks: [default, shared]
  none: {image: busybox, command: sleep infinity, init: true}
networks: {shared: {external: true}}
",
    );
    world.compose(&["up", "-d"]).ok();
    let address = |world: &World, dir: &str, service: &str| {
        let dir = world.path().join(dir);
        let asked = world.compose_in(&dir, &["exec", "-T", service, "hostname", "-i"]).ok();
        asked.text().split(' ').next().unwrap().to_owned()
    };
    let db = address(&world, "project", "db");
    for name in ["database", "db-1", "project-db-1", "db"] {
        let found = world.inside("web", &format!("nslookup {name}"));
        assert!(found.contains(&db), "{name}: {found}");
    }
    let far = address(&world, "other", "far");
    assert!(world.inside("web", "nslookup far").contains(&far));
    assert_ne!(world.compose(&["exec", "-T", "none", "nslookup", "database"]).code, 0);
    world.compose(&["down", "-t", "1"]).ok();
    world.compose_in(&world.path().join("other"), &["down", "-t", "1"]).ok();
    world.assert_clean();
}

#[test]
fn volumes_come_from_services_and_containers_writable_or_not() {
    let world = World::new();
    fs::create_dir(world.project().join("code")).unwrap();
    fs::write(world.project().join("code/file"), "bound").unwrap();
    let yaml = "
services:
  store:
    image: busybox
    command: sleep infinity
    init: true
    volumes: ['data:/data', './code:/code', /own]
  writer: {image: busybox, command: sleep infinity, init: true, volumes_from: [store]}
  reader: {image: busybox, command: sleep infinity, init: true, volumes_from: ['container:project-store-1:ro'], volumes: ['mine:/data'], depends_on: [store]}
volumes: {data: , mine: }
";
    world.compose_yaml(yaml);
    world.compose(&["up", "-d"]).ok();
    assert_eq!(world.inside("writer", "touch /data/x /own/y; cat /code/file"), "bound");
    assert_eq!(world.inside("store", "ls /data /own"), "/data:\nx\n\n/own:\ny");
    let script = "ls -A /data; ls /own; touch /own/z 2>/dev/null || echo locked; touch /data/z";
    assert_eq!(world.inside("reader", script), "y\nlocked");

    let again = world.compose(&["up", "-d"]).ok();
    assert!(!again.stderr.contains("Recreated"), "{}", again.stderr);
    world.compose_yaml(&yaml.replace("'data:/data', ", "'data:/data', '/more', "));
    let plan = world.compose(&["up", "--plan"]).ok();
    assert!(plan.stdout.contains("store, whose volumes it uses, is replaced"), "{}", plan.stdout);
    world.compose(&["up", "-d", "-t", "1"]).ok();
    assert_eq!(world.inside("writer", "touch /more/x; ls /data"), "x");
    world.down();
}

#[test]
fn the_networks_host_and_none_are_modes() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  host: {image: busybox, command: sleep infinity, init: true, networks: [outside]}
  alone: {image: busybox, command: sleep infinity, init: true, networks: [nothing]}
networks: {outside: {external: true, name: host}, nothing: {external: true, name: none}}
",
    );
    world.compose(&["up", "-d"]).ok();
    let namespace = world.shell("readlink /proc/self/ns/net").ok();
    assert_eq!(world.inside("host", "readlink /proc/self/ns/net"), namespace.text());
    assert_eq!(world.inside("alone", "ls /sys/class/net"), "lo");
    world.down();

    world.compose_yaml(
        "services: {it: {image: busybox, networks: [x]}}\nnetworks: {x: {driver: host}}",
    );
    let refused = world.compose(&["up", "-d"]);
    assert!(refused.stderr.contains("only one instance of \"host\" network"), "{}", refused.stderr);
    world.compose(&["down"]).ok();
}

#[test]
fn who_shares_a_network_is_never_left_in_one_that_is_dead() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  vpn: {image: busybox, init: true, command: sleep 1000, environment: {A: '${A:-1}'}, stop_grace_period: 1s, ipc: shareable}
  app: {image: busybox, init: true, command: sleep 1000, network_mode: 'service:vpn', ipc: 'service:vpn', restart: unless-stopped, stop_grace_period: 1s}
",
    );
    let both = || {
        let link = "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc";
        (world.inside("vpn", link), world.inside("app", link))
    };
    let assert_together = |what: &str| {
        let (vpn, app) = both();
        assert_eq!(vpn, app, "{what}");
    };
    world.compose(&["up", "-d"]).ok();
    assert_together("at first");
    let other = |value: &str, arguments: &[&str]| {
        let mut command = world.command(&world.project(), COMPOSE);
        world.run(command.args(arguments).env("A", value)).ok()
    };
    other("2", &["up", "-d", "vpn"]);
    assert_together("vpn alone made anew");
    assert_eq!(other("2", &["up", "-d"]).stderr.matches("Started").count(), 0);
    world.compose(&["stop", "vpn"]).ok();
    world.compose(&["start", "vpn"]).ok();
    assert_together("vpn alone stopped and started");
    // Without Compose's help, and so only seen by the next `up`.
    let name = |service: &str| world.compose(&["ps", "--format", "{{.Name}}", service]).ok();
    let vpn = name("vpn").text().to_owned();
    world.compose(&["container", "stop", &vpn]).ok();
    world.compose(&["container", "start", &vpn]).ok();
    let (one, two) = both();
    assert_ne!(one, two);
    other("2", &["up", "-d"]);
    assert_together("up after a restart behind its back");
    world.down();
}

#[test]
fn a_restart_by_policy_joins_the_network_that_is_there_now() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  vpn: {image: busybox, init: true, command: sleep 1000, stop_grace_period: 1s}
  app: {image: busybox, init: true, command: sleep 1000, network_mode: 'service:vpn', restart: always}
",
    );
    world.compose(&["up", "-d"]).ok();
    let name = |service: &str| world.compose(&["ps", "--format", "{{.Name}}", service]).ok();
    let (vpn, app) = (name("vpn").text().to_owned(), name("app").text().to_owned());
    world.compose(&["container", "stop", &vpn]).ok();
    world.compose(&["container", "start", &vpn]).ok();
    // Not by `kill`, after which a policy does not start it again.
    world.compose(&["container", "exec", &app, "killall", "sleep"]).ok();
    let link = |service: &str| {
        let arguments = ["exec", "-T", service, "readlink", "/proc/self/ns/net"];
        world.compose(&arguments).stdout
    };
    eventually("the same network", Duration::from_secs(20), || {
        let app = link("app");
        !app.is_empty() && app == link("vpn")
    });
    world.down();
}
