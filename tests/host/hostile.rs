//! Containers that do what they can to new processes inside, and to who starts those.

use std::process::Stdio;
use std::time::Instant;

use crate::world::{LIMIT, World, eventually};

/// Stops each process that comes into being next to it.
const STOPPER: &str = "echo ready > /tmp/ready; while :; do read a b c d last < /proc/loadavg; \
    for p in $$last $$((last+1)) $$((last+2)) $$((last+3)); do \
    [ $$p -gt 1 ] && kill -STOP $$p 2>/dev/null; done; done";

/// Containers at once.
const MANY: usize = 6;

/// stopped-newborn: while commands and probes hang that the container stops at their birth, its
/// shim still says how it is, and ends it when it is told to.
#[test]
fn stopped_newborn_many_such_containers_answer_and_end_while_commands_are_started() {
    let world = World::new();
    world.up(&format!(
        "services:\n  it:\n    image: busybox\n    stop_grace_period: 1s\n    scale: {MANY}\n    \
         healthcheck: {{test: 'true', interval: 100ms}}\n    command: [sh, -c, {STOPPER:?}]\n"
    ));
    let mut commands = Vec::new();
    for index in 1..=MANY {
        let index = index.to_string();
        for _ in 0..2 {
            let mut command = world.command(&world.project(), crate::world::COMPOSE);
            command.args(["exec", "-T", "--index", &index, "it", "true"]);
            commands.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        }
    }
    let began = Instant::now();
    let shown = world.compose(&["ps", "-q"]).ok();
    assert_eq!(shown.stdout.lines().count(), MANY);
    world.compose(&["kill", "it"]).ok();
    world.compose(&["rm", "-f", "-s", "it"]).ok();
    assert!(began.elapsed() < LIMIT, "all of it ends: {:?}", began.elapsed());
    for command in &mut commands {
        eventually("a command's client ends with its container", LIMIT, || {
            command.try_wait().unwrap().is_some()
        });
    }
    world.down();
}

/// A command that ends at once is told of as such however many are started at a time: none of them
/// loses its exit code to another's start.
#[test]
fn commands_that_start_at_the_same_time_keep_their_exit_codes() {
    let world = World::new();
    world.up("services: {it: {image: busybox, command: sleep infinity, init: true}}\n");
    let mut commands = Vec::new();
    for code in 10..26 {
        let mut command = world.command(&world.project(), crate::world::COMPOSE);
        let script = format!("exit {code}");
        command.args(["exec", "-T", "it", "sh", "-c", &script]);
        commands.push((code, command.spawn().unwrap()));
    }
    for (code, command) in &mut commands {
        assert_eq!(command.wait().unwrap().code(), Some(*code));
    }
    world.down();
}
