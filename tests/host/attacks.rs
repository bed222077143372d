//! Attacks on running containers and on what talks to them, each under the name it has elsewhere.
//!
//! Those on the set-up of a container alone are in `tests/runtime/attacks.rs`, those on sockets and
//! streams in `plane.rs`; `fixtures/attacks.txt` has every one that is known.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::network::LAN_PEER;
use crate::world::{COMPOSE, LIMIT, World, eventually};

fn sh(world: &World, script: &str) -> String {
    world.compose(&["exec", "-T", "it", "sh", "-c", script]).stdout
}

/// CVE-2019-5736 and CVE-2016-9962: what we execute in a container can neither be written through
/// `/proc/PID/exe`, nor does it bring descriptors of the host along.
#[test]
fn cve_2019_5736_and_cve_2016_9962_our_helper_in_a_container_gives_nothing_away() {
    let world = World::new();
    let watch = "while :; do echo beat > /tmp/beat; for p in /proc/[0-9]*; do \
        (echo x > $p/exe) 2>/dev/null && echo wrote >> /tmp/found; \
        ls -l $p/fd 2>/dev/null | grep -E -- '-> /' | grep -vE -- '-> /(proc|dev|tmp|bin)' >> /tmp/found; \
        done; done";
    // Compose would put variables of its own in the place of the shell's.
    let watch = watch.replace('$', "$$");
    world.up(&format!(
        "services:\n  it:\n    image: busybox\n    init: true\n    command: [sh, -c, {watch:?}]\n"
    ));
    let before = fs::read(COMPOSE).unwrap();
    for _ in 0..15 {
        world.compose(&["exec", "-T", "it", "true"]).ok();
    }
    assert_eq!(sh(&world, "cat /tmp/beat /tmp/found 2>/dev/null"), "beat\n");
    assert!(fs::read(COMPOSE).unwrap() == before, "the program was changed");
    world.down();
}

/// CVE-2021-30465 and CVE-2024-45310: a directory of a shared volume becomes a link to the host
/// while another container mounts something below it.
#[test]
fn cve_2021_30465_and_cve_2024_45310_a_swapped_link_in_a_volume_leads_nowhere() {
    let world = World::new();
    let (canary, shared) = (world.path().join("canary"), world.project().join("shared"));
    fs::create_dir_all(&canary).unwrap();
    fs::create_dir_all(shared.join("a")).unwrap();
    symlink(&canary, shared.join("b")).unwrap();
    fs::create_dir(world.project().join("other")).unwrap();
    world.compose_yaml(
        "services:\n  it:\n    image: busybox\n    volumes: ['./shared:/v', './other:/v/a/x/y']\n",
    );
    let (a, b, stop) = (shared.join("a"), shared.join("b"), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for _ in 0..12 {
            // Whether it starts depends on what it meets; where it mounts does not.
            world.compose(&["run", "--rm", "-T", "it", "true"]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_dir(&canary).unwrap().count(), 0, "something was made outside");
    world.down();
}

/// CVE-2022-1227, CVE-2019-14271: what an image calls `ps` is not what we run.
#[test]
fn cve_2022_1227_programs_of_the_image_are_not_run_to_look_at_it() {
    let world = World::new();
    world.up("services: {it: {image: busybox, command: sleep infinity, init: true}}\n");
    sh(
        &world,
        "rm /bin/ps; printf '#!/bin/sh\\ntouch /tmp/was-run\\n' > /bin/ps; chmod +x /bin/ps",
    );
    world.compose(&["top"]).ok();
    world.compose(&["ps"]).ok();
    assert_eq!(sh(&world, "ls /tmp/was-run 2>/dev/null"), "");
    world.down();
}

/// CVE-2019-14271: nothing of an image can be loaded into us, since nothing is loaded at all.
#[test]
fn cve_2019_14271_the_program_needs_no_library() {
    let elf = fs::read(COMPOSE).unwrap();
    let word = |at: usize| u16::from_le_bytes([elf[at], elf[at + 1]]) as usize;
    let table = u64::from_le_bytes(elf[32..40].try_into().unwrap()) as usize;
    let (size, count) = (word(54), word(56));
    let kinds: Vec<u32> = (0..count)
        .map(|index| table + index * size)
        .map(|at| u32::from_le_bytes(elf[at..at + 4].try_into().unwrap()))
        .collect();
    assert!(kinds.contains(&1), "no segment is loaded: {kinds:?}");
    assert!(!kinds.contains(&3), "an interpreter is asked for");
}

/// CVE-2021-21284, CVE-2021-41091, CVE-2021-41103, CVE-2024-25621: other users do not get to files
/// of containers, some of which are set-uid.
#[test]
fn cve_2021_41091_nobody_else_gets_into_our_directories() {
    let world = World::new();
    world.up("services: {it: {image: busybox, command: sleep infinity, init: true}}\n");
    for root in ["data", "run"] {
        let mode = fs::metadata(world.path().join(root)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{root} has mode {mode:o}");
    }
    world.down();
}

/// CVE-2022-4318: a line break in what becomes a line of a file; CVE-2025-0750, CVE-2021-20206,
/// CVE-2025-52890: names that are paths.
#[test]
fn cve_2022_4318_and_cve_2025_0750_names_are_names() {
    let world = World::new();
    let keys = [
        "hostname: \"a\\nroot\"",
        "extra_hosts: [\"a=1.2.3.4\\nb\"]",
        "dns: [\"1.1.1.1\\nsearch evil\"]",
        "dns_search: [\"a\\nnameserver 6.6.6.6\"]",
        "container_name: ../../x",
        "container_name: \"a/b\"",
        "networks: {x: {aliases: [\"a\\nb\"]}}",
    ];
    for key in keys {
        let networks = "networks: {x: {}}";
        world.compose_yaml(&format!(
            "services:\n  it:\n    image: busybox\n    command: cat /etc/hosts /etc/resolv.conf\n    {key}\n{networks}\n"
        ));
        let done = world.compose(&["up"]);
        let injected = ["\nroot", "\nb", "\nsearch evil", "\nnameserver 6.6.6.6"];
        assert!(
            done.code != 0 || !injected.iter().any(|it| done.stdout.contains(it)),
            "{key}\n{}",
            done.stdout
        );
        world.compose(&["down"]);
    }
    for name in ["../../x", "a/b", "..", "a b"] {
        assert_ne!(world.compose(&["network", "create", name]).code, 0, "{name}");
        assert_ne!(world.compose(&["volume", "create", name]).code, 0, "{name}");
    }
    world.assert_clean();
}

/// CVE-2026-53488, CVE-2023-6476, CVE-2024-3154: an image's labels steer nothing of ours.
#[test]
fn cve_2026_53488_labels_of_an_image_are_only_labels() {
    let world = World::without_images();
    let tar = crate::world::fixture("busybox");
    let labels = "LABEL com.docker.compose.project=evil com.docker.compose.service=evil \
        com.docker.compose.oneoff=True org.systemd.property.X=1 io.containers.capabilities=ALL";
    world
        .compose_in(
            world.path(),
            &[
                "image",
                "import",
                tar.to_str().unwrap(),
                "busybox:latest",
                "-c",
                "CMD [\"sh\"]",
                "-c",
                labels,
            ],
        )
        .ok();
    world.up("services: {it: {image: busybox, command: sleep infinity, init: true}}\n");
    assert_eq!(world.compose(&["ps", "--format", "{{.Service}}"]).text(), "it");
    assert_eq!(world.compose(&["-p", "evil", "ps", "-aq"]).text(), "");
    let caps = sh(&world, "grep CapEff /proc/self/status");
    assert_eq!(caps.trim(), "CapEff:\t00000000800405fb");
    world.down();
}

/// CVE-2020-13401, CVE-2020-13597, CVE-2020-10749, CVE-2024-32473: a network without IPv6 has none,
/// and nobody on it is told of routes.
#[test]
fn cve_2024_32473_and_cve_2020_13401_there_is_no_ipv6_unless_asked_for() {
    let world = World::new();
    world.up("services: {it: {image: busybox, command: sleep infinity, init: true}}\n");
    let inside = sh(&world, "cat /proc/net/if_inet6 | grep -v ' lo$'");
    assert_eq!(inside, "");
    let bridges = world.shell(
        "for b in $(ip -o link show type bridge | cut -d: -f2); do \
         cat /proc/sys/net/ipv6/conf/$b/accept_ra /proc/sys/net/ipv6/conf/$b/disable_ipv6; done",
    );
    assert_eq!(bridges.ok().stdout, "0\n1\n");
    let raw = sh(&world, "ping -c 1 127.0.0.1 >/dev/null 2>&1; grep CapEff /proc/self/status");
    assert!(raw.contains("00000000800405fb"), "NET_RAW is not given: {raw}");
    world.down();
}

/// CVE-2024-29018: a network that is internal asks nobody outside for names.
#[test]
fn cve_2024_29018_internal_networks_ask_nobody() {
    let world = World::new();
    world.up(
        "services: {it: {image: busybox, command: sleep infinity, init: true, networks: [in]}}\n\
         networks: {in: {internal: true}}\n",
    );
    let done = world.compose(&["exec", "-T", "it", "nslookup", "a.example"]);
    assert_ne!(done.code, 0);
    let text = done.stdout.clone() + &done.stderr;
    assert!(!text.contains("timed out"), "it is refused, not left waiting: {text}");
    world.down();
}

/// CVE-2025-54388, GHSA-x4rx, CVE-2025-67499: what is published on loopback is for this machine
/// only, a container's own address is for nobody outside, and what is meant for another machine is
/// not taken.
#[test]
fn cve_2025_54388_and_cve_2025_67499_neighbours_reach_what_is_published_to_them_only() {
    let world = World::new();
    world.shell(LAN_PEER).ok();
    world.up("services:\n  it:\n    image: busybox\n    init: true\n    \
         command: [sh, -c, 'mkdir /www; echo yes > /www/index.html; exec httpd -f -p 80 -h /www']\n    \
         ports: ['127.0.0.1:8081:80', '8082:80']\n",
    );
    let ask = |url: &str| world.shell(&format!("curl -s --max-time 1 {url}")).stdout;
    eventually("the host is answered", LIMIT, || ask("http://127.0.0.1:8081/") == "yes\n");
    eventually("a neighbour is answered", LIMIT, || {
        world
            .shell("nsenter -t $(cat lan.pid) -n curl -s --max-time 1 http://192.0.2.1:8082/")
            .stdout
            == "yes\n"
    });
    let address = sh(&world, "hostname -i");
    let address = address.split_whitespace().next().unwrap_or_default().to_owned();
    world.shell(&format!(
        "nsenter -t $(cat lan.pid) -n sh -c 'ip route add {address} via 192.0.2.1; \
         ip route add 198.51.100.7 via 192.0.2.1'; sysctl -qw net.ipv4.ip_forward=1"
    ));
    for url in ["192.0.2.1:8081", &format!("{address}:80"), "198.51.100.7:8082"] {
        let done = world
            .shell(&format!("nsenter -t $(cat lan.pid) -n curl -s --max-time 1 http://{url}/"));
        assert_eq!(done.stdout, "", "{url} is answered");
    }
    world.shell("kill $(cat lan.pid lan-server.pid); ip link del lan0");
    world.down();
}

/// CVE-2025-54410: a reload of firewalld, or somebody's `nft flush ruleset`, takes our rules away.
#[test]
fn cve_2025_54410_walls_that_somebody_takes_away_are_put_up_again() {
    let world = World::new();
    world.up("services:\n  \
         it: {image: busybox, command: sleep infinity, init: true, ports: ['8081:80']}\n  \
         far: {image: busybox, command: sleep infinity, init: true, networks: [far], ports: ['8082:80/udp']}\n\
         networks: {far: {internal: false}}\n");
    // Elements of a set have no order.
    let rules = || world.shell("nft list ruleset | tr ',{}' '\\n\\n\\n' | sort").stdout;
    let before = rules();
    assert!(before.contains("8081") && before.contains("8082"), "{before}");
    let table = world.shell("nft list tables | grep inet.compose").stdout;
    for taken in ["nft flush ruleset".to_owned(), format!("nft delete {table}")] {
        world.shell(&taken).ok();
        eventually("the rules are back", LIMIT, || rules() == before);
    }
    world.down();
}

/// CVE-2024-8418, dns-flood: clients that never stop asking keep the shim from nothing. The
/// container can be looked at, entered and stopped.
#[test]
fn cve_2024_8418_clients_that_never_stop_asking_do_not_keep_the_shim() {
    let world = World::new();
    // A question for `it`, as it goes over a stream, many times.
    let question =
        r"\000\024\000\007\001\000\000\001\000\000\000\000\000\000\002it\000\000\001\000\001";
    let script = format!(
        "printf '{question}' > /tmp/many; \
         for i in $(seq 11); do cat /tmp/many /tmp/many > /tmp/more; mv /tmp/more /tmp/many; done; \
         for i in 1 2 3; do (while cat /tmp/many; do :; done | nc 127.0.0.11 53 > /dev/null) & done; \
         touch /tmp/flood; sleep 1000"
    );
    let script = script.replace('$', "$$");
    world.up(&format!(
        "services:\n  it:\n    image: busybox\n    init: true\n    command: [sh, -c, {script:?}]\n"
    ));
    eventually("the flood comes", LIMIT, || sh(&world, "ls /tmp/flood") == "/tmp/flood\n");
    let began = std::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(sh(&world, "timeout 5 nslookup it 127.0.0.11 >/dev/null && echo yes"), "yes\n");
    }
    world.compose(&["stop", "-t", "1"]).ok();
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    world.down();
}

/// CVE-2024-8418: clients that say nothing keep nobody else from an answer.
#[test]
fn cve_2024_8418_silent_clients_do_not_block_names() {
    let world = World::new();
    world.up("services: {it: {image: busybox, command: sleep infinity, init: true}}\n");
    let script = "for i in $(seq 1 80); do (sleep 30 | nc 127.0.0.11 53 >/dev/null 2>&1 &) ; done; \
        head -c 4096 /dev/urandom | nc -w 1 127.0.0.11 53 >/dev/null 2>&1; \
        for i in 1 2 3 4 5; do timeout 2 nslookup it 127.0.0.11 >/dev/null && echo answered; done";
    assert_eq!(sh(&world, script).matches("answered").count(), 5);
    world.down();
}

/// ptrace-newborn: with `SYS_PTRACE`, a program of the container looks through the next process
/// ids, for one of ours that is born inside while it still has the host's root.
#[test]
fn ptrace_newborn_a_program_started_inside_never_shows_the_hosts_files() {
    let world = World::new();
    fs::write(world.path().join("canary"), "host").unwrap();
    let canary = world.path().join("canary").display().to_string();
    // `[` and `read` are part of the shell: one look costs one system call.
    let watch = format!(
        "echo ready > /tmp/ready; while :; do read a b c d last < /proc/loadavg; i=0; \
         while [ $$i -lt 20 ]; do i=$$((i+1)); for p in $$((last+1)) $$((last+2)); do \
         for l in root cwd; do [ -e /proc/$$p/$$l{canary} ] && echo hit >> /tmp/found; done; done; \
         done; done"
    );
    world.up(&format!(
        "services:\n  it:\n    image: busybox\n    init: true\n    cap_add: [SYS_PTRACE]\n    \
         healthcheck: {{test: 'true', interval: 100ms}}\n    command: [sh, -c, {watch:?}]\n"
    ));
    for _ in 0..100 {
        world.compose(&["exec", "-T", "it", "true"]).ok();
    }
    // A container that joins the namespace is no better to look at.
    for _ in 0..10 {
        let beside = [
            "container",
            "run",
            "--rm",
            "--network",
            "none",
            "--pid",
            "container:project-it-1",
            "busybox",
            "ps",
        ];
        let seen = world.compose(&beside).ok().stdout;
        assert!(seen.contains("loadavg"), "it sees the other one's processes: {seen}");
    }
    assert_eq!(sh(&world, "cat /tmp/ready /tmp/found 2>/dev/null"), "ready\n");
    world.down();
}
