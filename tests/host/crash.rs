//! After `kill -9` of anything, the next command works and nothing is left behind.

use std::process::Stdio;
use std::time::Duration;

use crate::world::{COMPOSE, LIMIT, World, eventually, kill};

const STACK: &str = "
services:
  db: {image: busybox, command: sleep infinity, init: true, ports: ['8081:80']}
  app: {image: busybox, command: sleep infinity, init: true, depends_on: [db]}
  web: {image: busybox, command: sleep infinity, init: true, depends_on: [app]}
";

#[test]
fn a_command_line_killed_in_the_middle_of_up_leaves_nothing_that_up_or_down_cannot_mend() {
    for millis in [1, 3, 6, 10, 15, 20, 30, 45, 60] {
        let world = World::new();
        world.compose_yaml(STACK);
        let mut up = world
            .command(&world.project(), COMPOSE)
            .args(["up", "-d"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::park_timeout(Duration::from_millis(millis));
        up.kill().ok();
        up.wait().ok();

        if millis % 2 == 0 {
            world.compose(&["up", "-d"]).ok();
            let ps = world.compose(&["ps", "-q"]).ok();
            assert_eq!(ps.stdout.lines().count(), 3, "killed after {millis} ms");
        }
        world.compose(&["down"]).ok();
        world.assert_clean();
    }
}

#[test]
fn after_every_process_of_ours_was_killed_one_up_mends_it() {
    let world = World::new();
    world.compose_yaml(STACK);
    world.compose(&["up", "-d"]).ok();
    world.shims().into_iter().for_each(kill);

    world.compose(&["up", "-d"]).ok();
    let ps = world.compose(&["ps", "--format", "{{.State}}"]).ok();
    assert_eq!(ps.text(), "running\nrunning\nrunning");
    assert_eq!(world.shims().len(), 3, "one shim for each container");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn after_every_process_of_ours_was_killed_one_down_cleans_up() {
    let world = World::new();
    world.compose_yaml(STACK);
    world.compose(&["up", "-d"]).ok();
    world.shims().into_iter().for_each(kill);

    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_killed_first_process_obeys_its_restart_policy() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  always: {image: busybox, command: sleep infinity, restart: always}
  never: {image: busybox, command: sleep infinity}
",
    );
    world.compose(&["up", "-d"]).ok();
    let pids = |world: &World| {
        let top = world.compose(&["ps", "-a", "--format", "{{.Service}} {{.State}}"]).ok();
        top.stdout
    };
    for pid in world.compose(&["top"]).ok().stdout.lines().filter_map(pid_of) {
        kill(pid);
    }
    eventually("only the one with the policy is back", LIMIT, || {
        pids(&world) == "always running\nnever exited\n"
    });
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn who_starts_what_a_killed_command_was_stopping_gets_it_running_again() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  deaf:
    image: busybox
    command: sh -c \"trap '' TERM; touch /tmp/ready; while :; do sleep 1; done\"
    stop_grace_period: 1s
    healthcheck: {test: [CMD, test, -e, /tmp/ready], start_period: 1m, start_interval: 50ms}
",
    );
    world.compose(&["up", "-d", "--wait"]).ok();
    let state = |world: &World, key: &str| {
        let format = format!("{{{{.State.{key}}}}}");
        let said = world.compose(&["container", "inspect", "-f", &format, "project-deaf-1"]).ok();
        said.text().to_owned()
    };
    let kills = |world: &World| {
        let told = world.compose(&["events", "--since", "1h", "--until", "0s", "--json"]).ok();
        told.text().matches(r#""action":"kill""#).count()
    };
    for (stop, start) in [
        (["down"], &["up", "-d", "--wait"][..]),
        (["stop"], &["start", "--wait"]),
        (["stop"], &["container", "start", "project-deaf-1"]),
    ] {
        let (pid, before) = (state(&world, "Pid"), kills(&world));
        let mut command = world.command(&world.project(), COMPOSE);
        command.args(stop).stdout(Stdio::null()).stderr(Stdio::null());
        let mut stopping = command.spawn().unwrap();
        eventually("it was asked to end", LIMIT, || kills(&world) > before);
        stopping.kill().unwrap();
        stopping.wait().unwrap();
        assert_eq!(state(&world, "Running"), "true", "it does not listen");

        world.compose(start).ok();
        assert_eq!(state(&world, "Running"), "true", "after {start:?}");
        assert_ne!(state(&world, "Pid"), pid, "after {start:?}: it still is the one that ends");
        assert_eq!(world.compose(&["up", "--plan"]).ok().text(), "");
        eventually("it is deaf again", LIMIT, || state(&world, "Health.Status") == "healthy");
    }
    world.compose(&["down", "-t", "0"]).ok();
    world.assert_clean();
}

/// The PID column of a line of `top`; `None` for the header.
fn pid_of(line: &str) -> Option<i32> {
    line.split_whitespace().nth(3)?.parse().ok()
}
