//! Progress: live and without debris on a terminal, plain everywhere else.

use crate::terminal::Terminal;
use crate::world::World;

const THREE: &str = "\
name: a-project-with-a-long-name
services:
  one: {image: busybox, init: true, command: [sleep, infinity]}
  two: {image: busybox, init: true, command: [sleep, infinity], depends_on: [one]}
  a-service-with-a-long-name: {image: busybox, init: true, command: [sleep, infinity]}
";

#[test]
fn each_thing_has_one_line_at_any_width() {
    let world = World::new();
    world.compose_yaml(THREE);
    for columns in [120, 40, 20] {
        let mut up = Terminal::compose(&world, &["up", "-d"], (24, columns));
        assert_eq!(up.ends(), 0);
        let text = up.text();
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.first().copied(), Some("[+] up 4/4"), "{text}");
        assert_eq!(lines.len(), 5, "a network and three containers:\n{text}");
        assert!(lines[1..].iter().all(|line| line.starts_with(" ✔ ")), "{text}");
        let mut down = Terminal::compose(&world, &["down"], (24, columns));
        assert_eq!(down.ends(), 0);
        let text = down.text();
        let lines = text.lines().filter(|line| !line.is_empty()).count();
        assert_eq!((lines, text.matches("[+] down 4/4").count()), (5, 1), "{text}");
    }
    world.assert_clean();
}

#[test]
fn a_log_file_gets_plain_lines() {
    let world = World::new();
    world.compose_yaml(THREE);
    let done = world.compose(&["up", "-d"]).ok();
    assert!(!done.stderr.contains('\x1b') && !done.stderr.contains('\r'), "{:?}", done.stderr);
    assert!(done.stderr.contains("Container a-project-with-a-long-name-one-1  Started\n"));
    world.compose(&["down"]).ok();
}

#[test]
fn no_color_means_none_at_all() {
    let world = World::new();
    world.compose_yaml(THREE);
    let script = "NO_COLOR=1 \"$0\" up -d; NO_COLOR=1 \"$0\" logs; NO_COLOR=1 \"$0\" up --bogus; \"$0\" down";
    let script = script.replace("\"$0\"", crate::world::COMPOSE);
    let mut terminal = Terminal::program(&world, "sh", &["-c", &script], (40, 100));
    assert_eq!(terminal.ends(), 0);
    let raw = terminal.raw();
    let until_down = raw.split("[+] down").next().unwrap();
    assert!(until_down.contains("Started") && until_down.contains("--bogus"), "{raw}");
    assert!(!until_down.contains("\x1b[3") && !until_down.contains("\x1b[1m"), "{raw:?}");
}

#[test]
fn a_container_that_does_not_hear_is_named_with_the_way_out() {
    let world = World::new();
    world.compose_yaml(
        "name: term\nservices:\n  deaf: {image: busybox, command: [sleep, infinity], stop_grace_period: 1s}\n  \
         good: {image: busybox, init: true, command: [sleep, infinity], stop_grace_period: 20s}\n",
    );
    world.compose(&["up", "-d"]).ok();
    let done = world.compose(&["stop"]).ok();
    assert!(
        done.stderr.contains("warning: container term-deaf-1 did not react"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("`init: true`") && !done.stderr.contains("term-good-1 did"));
    world.compose(&["down"]).ok();
}

#[test]
fn a_failed_service_is_shown_with_its_probe_and_its_last_lines() {
    let world = World::new();
    world.compose_yaml(
        "name: term\nservices:\n  db:\n    image: busybox\n    init: true\n    \
         command: [sh, -c, 'echo cannot open the data; exec sleep 100']\n    healthcheck: {test: 'echo no route; exit 3', interval: 0.2s, retries: 2}\n  \
         job: {image: busybox, command: ['true']}\n",
    );
    let done = world.compose(&["up", "-d", "--wait", "db"]);
    assert_eq!(done.code, 1);
    for what in ["term-db-1 is unhealthy", "ended with 3: no route", "cannot open the data"] {
        assert!(done.stderr.contains(what), "{what} is missing:\n{}", done.stderr);
    }
    world.compose(&["up", "-d", "--wait", "job"]).ok();
    world.compose(&["down"]).ok();
}
