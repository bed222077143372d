//! Attacks on what people steer containers with: sockets, probes, environments.
//!
//! Those on `cp`, `exec` and `top` are in `copy.rs`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::world::{LIMIT, World, eventually, list};

/// CVE-2020-15257: sockets are files in a closed directory, never abstract names.
/// CVE-2014-3499: and only their owner may use them.
#[test]
fn control_sockets_are_out_of_reach() {
    let world = World::new();
    world.compose_yaml(
        "services:\n  it: {image: busybox, command: [sleep, infinity], init: true, network_mode: host}\n",
    );
    world.compose(&["up", "-d"]).ok();
    let names = world.compose(&["exec", "-T", "it", "cat", "/proc/net/unix"]).ok();
    assert!(!names.stdout.contains(" @"), "{}", names.stdout);
    let run = world.path().join("run");
    let id = &list(&run.join("containers"))[0];
    let dir = run.join("containers").join(id);
    let mut sockets = 0;
    for name in list(&dir) {
        let metadata = fs::symlink_metadata(dir.join(&name)).unwrap();
        if metadata.file_type().is_socket() {
            sockets += 1;
            assert_eq!(metadata.mode() & 0o077, 0, "{name}");
        }
    }
    assert_eq!(sockets, 1);
    for closed in [&run, &run.join("containers"), &dir] {
        assert_eq!(fs::metadata(closed).unwrap().mode() & 0o077, 0, "{}", closed.display());
    }
    world.compose(&["down"]).ok();
    world.assert_clean();
}

/// CVE-2022-31030, CVE-2022-1708, CVE-2022-23471, CVE-2025-64329: neither what a probe prints nor
/// connections that come and go make a shim grow.
#[test]
fn a_shim_does_not_grow() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  it:
    image: busybox
    command: [sleep, infinity]
    init: true
    healthcheck: {test: [CMD, 'yes'], interval: 50ms, timeout: 500ms, retries: 2}
",
    );
    world.compose(&["up", "-d"]).ok();
    let health = || world.compose(&["ps", "--format", "{{.Health}}"]).ok().text().to_owned();
    eventually("the probe has failed", LIMIT, || health() == "unhealthy");
    let shim = world.shims()[0];
    let descriptors = || list(std::path::Path::new(&format!("/proc/{shim}/fd"))).len();
    let rss = || {
        let status = fs::read_to_string(format!("/proc/{shim}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let attach = || {
        let mut command = world.command(&world.project(), crate::world::COMPOSE);
        let mut child = command.args(["attach", "it"]).spawn().unwrap();
        eventually("it is attached", LIMIT, || {
            let told = world.compose(&["events", "--since", "1h", "--until", "0s"]).stdout;
            told.contains(" attach ")
        });
        child.kill().unwrap();
        child.wait().unwrap();
    };
    attach();
    let before = descriptors();
    (0..20).for_each(|_| attach());
    // A probe that runs at this moment has a few of its own.
    eventually("descriptors are given back", LIMIT, || descriptors() <= before + 4);
    assert!(rss() < 32 << 10, "{} KiB, of a program with debug information", rss());
    world.compose(&["kill"]);
    world.compose(&["down"]).ok();
    world.assert_clean();
}

/// CVE-2019-13509, CVE-2021-20188, CVE-2021-21334, CVE-2020-14370, CVE-2021-3602: what one service
/// is told stays with it.
#[test]
fn environments_do_not_leak() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  secret:
    image: busybox
    command: [sleep, infinity]
    init: true
    environment: {TOKEN: canary-4711}
  other: {image: busybox, command: [sleep, infinity], init: true}
",
    );
    world.compose(&["up", "-d"]).ok();
    let inside = "cat /proc/*/environ /etc/hosts /etc/resolv.conf; env";
    let other = world.compose(&["exec", "-T", "other", "sh", "-c", inside]).ok();
    assert!(!other.stdout.contains("canary"), "{}", other.stdout);
    for told in [&["events", "--since", "1h", "--until", "0s"][..], &["ps"], &["logs"], &["top"]] {
        assert!(!world.compose(told).ok().stdout.contains("canary"), "{told:?}");
    }
    for shim in world.shims() {
        let environ = fs::read(format!("/proc/{shim}/environ")).unwrap();
        assert!(!String::from_utf8_lossy(&environ).contains("canary"));
    }
    let data = world.path().join("data/containers");
    for id in list(&data).into_iter().filter(|name| name.len() == 64) {
        for file in list(&data.join(&id)) {
            let path = data.join(&id).join(file);
            let text = fs::read_to_string(&path).unwrap_or_default();
            let mode = fs::metadata(&path).unwrap().mode() & 0o077;
            assert!(!text.contains("canary") || mode == 0, "{}", path.display());
        }
    }
    world.compose(&["kill"]);
    world.compose(&["down"]).ok();
    world.assert_clean();
}

/// What needs root says so at once, and what only reads files works for anybody.
#[test]
fn users_without_rights_are_told_what_to_do() {
    let world = World::without_images();
    let project = world.project();
    world.compose_yaml("services: {it: {image: 'busybox:1'}}\n");
    // The program itself may lie where only root can go: it is given as a descriptor.
    let as_nobody = |arguments: &str| {
        let (program, file) = (env!("CARGO_BIN_EXE_compose"), project.join("compose.yaml"));
        let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs";
        world.shell(&format!(
            "cd / && exec 3<{program} && cat {} | env -u COMPOSE_DATA_ROOT -u COMPOSE_RUN_ROOT HOME=/nonexistent \
             {nobody} /proc/self/fd/3 -p it -f - {arguments}",
            file.display()
        ))
    };
    for command in ["up -d", "ps", "images", "down"] {
        let refused = as_nobody(command);
        assert_eq!(refused.code, 1, "{command}: {}", refused.stderr);
        assert!(refused.stderr.contains("belong to root"), "{command}: {}", refused.stderr);
        assert!(refused.stderr.contains("`sudo`"), "{command}: {}", refused.stderr);
    }
    as_nobody("config -q").ok();
    as_nobody("lint").ok();
}
