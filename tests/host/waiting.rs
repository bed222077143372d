//! `--wait`: the command ends well only when what it started goes on.

use std::time::{Duration, Instant};

use crate::world::World;

#[test]
fn waiting_notices_what_ends_soon_also_while_others_take_longer() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  bad: {image: busybox, command: [sh, -c, 'sleep 0.6; echo no database; exit 3']}
  slow: {image: busybox, init: true, command: sleep 100, healthcheck: {test: 'test -e /ready', interval: 1s}, post_start: [{command: [sh, -c, 'sleep 3; touch /ready']}]}
",
    );
    for arguments in [&["up", "-d", "--wait", "bad"][..], &["up", "-d", "--wait"]] {
        let done = world.compose(arguments);
        assert_eq!(done.code, 1, "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains("-bad-1 exited (3)"), "{}", done.stderr);
        assert!(done.stderr.contains("no database"), "{}", done.stderr);
        world.compose(&["down", "-t", "0"]).ok();
    }
    world.compose(&["create"]).ok();
    let done = world.compose(&["start", "--wait", "bad"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("-bad-1 exited (3)"), "{}", done.stderr);
    world.down();
}

#[test]
fn waiting_for_what_keeps_ending_comes_to_an_end() {
    let world = World::new();
    let loops = "image: busybox, restart: always, command: [sh, -c, 'echo no config; exit 3']";
    world.compose_yaml(&format!("services: {{a: {{{loops}}}}}"));
    let done = world.compose(&["up", "-d", "--wait"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("-a-1 keeps ending: exited (3), "), "{}", done.stderr);
    assert!(done.stderr.contains("no config"), "{}", done.stderr);
    world.down();
    world.compose_yaml(&format!("services: {{a: {{{loops}, healthcheck: {{test: 'true'}}}}}}"));
    let done = world.compose(&["up", "-d", "--wait", "--wait-timeout", "1"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let words = "application not healthy after 1s";
    assert!(done.stderr.contains(words), "{}", done.stderr);
    assert!(done.stderr.contains("exited (3), ") && done.stderr.contains("no config"));
    world.down();
}

#[test]
fn a_chain_of_ten_healthy_services_comes_up_in_a_moment() {
    let world = World::new();
    let service = |number: u32| {
        let needs = match number {
            0 => String::new(),
            _ => format!(", depends_on: {{s{}: {{condition: service_healthy}}}}", number - 1),
        };
        format!(
            "  s{number}: {{image: busybox, init: true, command: sleep 100, healthcheck: {{test: 'true'}}{needs}}}\n"
        )
    };
    let services: String = (0..10).map(service).collect();
    world.compose_yaml(&format!("services:\n{services}"));
    let begun = Instant::now();
    world.compose(&["up", "-d"]).ok();
    // Docker: 17 s with a `start_interval` of 1 s, 300 s without. The benchmark has our figure.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    world.compose(&["down", "-t", "0"]).ok();
}
