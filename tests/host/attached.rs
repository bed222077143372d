//! `up` in the foreground, and Ctrl-C.

use std::fs::{self, File};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{COMPOSE, LIMIT, World, eventually};

/// A service that says when it is asked to stop, and then takes `end`.
fn service(name: &str, needs: &str, end: &str) -> String {
    let script = format!(
        "trap 'echo {name} >> /order/list; {end}' TERM; echo ready; while :; do sleep 60 & wait; done"
    );
    format!(
        "  {name}:\n    image: busybox\n    command: [sh, -c, \"{script}\"]\n    \
         volumes: [./order:/order]\n    depends_on: [{needs}]\n    stop_grace_period: 60s\n"
    )
    .replace('$', "$$")
}

/// `up` of these services, once all have said that they are ready.
fn attached(world: &World, services: &[String]) -> Child {
    world.compose_yaml(&format!("services:\n{}", services.concat()));
    let printed = world.path().join("printed");
    let up = world
        .command(&world.project(), COMPOSE)
        .arg("up")
        .stdout(File::create(&printed).unwrap())
        .stderr(File::create(world.path().join("said")).unwrap())
        .spawn()
        .unwrap();
    eventually("all are ready", LIMIT, || {
        fs::read_to_string(&printed).unwrap().matches("| ready").count() == services.len()
    });
    up
}

fn interrupt(up: &Child) {
    let pid = Pid::from_raw(up.id().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

fn asked_to_stop(world: &World) -> String {
    fs::read_to_string(world.project().join("order/list")).unwrap_or_default()
}

#[test]
fn ctrl_c_stops_in_reverse_order_of_the_dependencies() {
    let world = World::new();
    let services = [
        service("db", "", "exit 0"),
        service("app", "db", "exit 0"),
        service("web", "app", "exit 0"),
    ];
    let mut up = attached(&world, &services);
    interrupt(&up);
    assert_eq!(up.wait().unwrap().code(), Some(130));

    assert_eq!(asked_to_stop(&world), "web\napp\ndb\n");
    let states = world.compose(&["ps", "-a", "--format", "{{.State}} {{.ExitCode}}"]).ok();
    assert_eq!(states.text(), "exited 0\nexited 0\nexited 0");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_second_ctrl_c_kills() {
    let world = World::new();
    // It hears the request and stays.
    let mut up = attached(&world, &[service("stubborn", "", ":")]);
    interrupt(&up);
    eventually("it was asked", LIMIT, || asked_to_stop(&world) == "stubborn\n");
    interrupt(&up);
    assert_eq!(up.wait().unwrap().code(), Some(130));

    let states = world.compose(&["ps", "-a", "--format", "{{.State}} {{.ExitCode}}"]).ok();
    assert_eq!(states.text(), "exited 137");
    world.compose(&["down"]).ok();
    world.assert_clean();
}
