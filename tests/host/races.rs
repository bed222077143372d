//! Commands at the same time: each ends right or with the other's name, and a name has one
//! container, always.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::world::{COMPOSE, Done, LIMIT, World, eventually};

const STACK: &str = "
services:
  db: {image: busybox, command: sleep infinity, init: true, volumes: ['data:/data']}
  web: {image: busybox, command: sleep infinity, init: true, depends_on: [db], volumes: [/cache]}
volumes: {data: {}}
";

/// Rounds of each race: `COMPOSE_RACES` in the environment, for `tests/races.sh`.
fn rounds(usual: u32) -> u32 {
    std::env::var("COMPOSE_RACES").ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

fn begin(world: &World, arguments: &[&str]) -> Child {
    let mut command = world.command(&world.project(), COMPOSE);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn all(children: Vec<Child>) -> Vec<Done> {
    children.into_iter().map(|child| Done::from(child.wait_with_output().unwrap())).collect()
}

fn names(world: &World) -> Vec<String> {
    let ps = world.compose(&["container", "ls", "-a", "--format", "{{.Names}} {{.State}}"]).ok();
    let mut names: Vec<_> = ps.stdout.lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn of_several_ups_at_once_one_does_the_work_and_all_succeed() {
    let world = World::new();
    world.compose_yaml(STACK);
    for round in 0..rounds(4) {
        let ups: Vec<_> = (0..2 + round % 4).map(|_| begin(&world, &["up", "-d"])).collect();
        for done in all(ups) {
            done.ok();
        }
        assert_eq!(names(&world), ["project-db-1 running", "project-web-1 running"]);
        let downs: Vec<_> = (0..2).map(|_| begin(&world, &["down", "-v", "-t", "1"])).collect();
        for done in all(downs) {
            done.ok();
        }
        world.assert_clean();
    }
}

#[test]
fn of_eight_containers_with_one_name_one_is_made() {
    let world = World::new();
    for _ in 0..rounds(10) {
        let create = ["container", "create", "--name", "xx", "busybox", "true"];
        let done = all((0..8).map(|_| begin(&world, &create)).collect());
        let (won, lost): (Vec<_>, Vec<_>) = done.iter().partition(|it| it.code == 0);
        assert_eq!((won.len(), names(&world)), (1, vec!["xx created".to_owned()]));
        for done in lost {
            assert!(done.stderr.contains("is already in use by container"), "{}", done.stderr);
        }
        world.compose(&["container", "rm", "xx"]).ok();
        world.assert_clean();
    }
}

#[test]
fn a_command_that_waits_for_another_says_whom_for_and_then_finds_what_that_did() {
    let world = World::new();
    world.up("
services:
  slow: {image: busybox, command: [sh, -c, 'trap : TERM; while :; do sleep 1; done'], stop_grace_period: 4s}
");
    let down = begin(&world, &["down"]);
    let lock = world.path().join("run/locks/project-project");
    let holder = || std::fs::read_to_string(&lock).unwrap_or_default();
    eventually("down has the lock", LIMIT, || holder().ends_with(" compose down\n"));

    let up = world.compose(&["up", "-d"]).ok();
    assert!(up.stderr.contains("Waiting for process "), "{}", up.stderr);
    assert!(up.stderr.contains("(compose down), which changes project project"), "{}", up.stderr);
    all(vec![down]).pop().unwrap().ok();
    assert_eq!(names(&world), ["project-slow-1 running"]);
    world.compose(&["kill"]).ok();
    world.down();
}

#[test]
fn who_waits_for_a_health_check_keeps_nobody_from_the_project() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  db:
    image: busybox
    command: sleep infinity
    init: true
    healthcheck: {test: [CMD, test, -e, /healthy], interval: 100ms, retries: 1000}
  web: {image: busybox, command: sleep infinity, init: true, depends_on: {db: {condition: service_healthy}}}
",
    );
    let mut up = begin(&world, &["up", "-d"]);
    eventually("db runs", LIMIT, || names(&world).contains(&"project-db-1 running".to_owned()));
    world.compose(&["stop", "-t", "1", "web"]).ok();
    assert!(up.try_wait().unwrap().is_none(), "it still waits");
    world.inside("db", "touch /healthy");
    all(vec![up]).pop().unwrap().ok();
    assert_eq!(names(&world), ["project-db-1 running", "project-web-1 running"]);
    world.down();
}

#[test]
fn a_killed_command_lets_go_of_its_project() {
    let world = World::new();
    world.compose_yaml(STACK);
    for _ in 0..rounds(3) {
        let mut up = begin(&world, &["up", "-d"]);
        std::thread::park_timeout(Duration::from_millis(8));
        up.kill().ok();
        up.wait().ok();
        world.compose(&["up", "-d"]).ok();
        world.down();
    }
}
