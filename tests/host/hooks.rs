//! Commands and containers around the starts and stops of services.

use std::fs;

use crate::world::{LIMIT, World, eventually};

fn data(world: &World, file: &str) -> String {
    fs::read_to_string(world.project().join("data").join(file)).unwrap_or_default()
}

#[test]
fn commands_run_after_the_start_and_before_the_stop() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  db:
    image: busybox
    command: sleep infinity
    init: true
    user: '1000'
    environment: {KIND: db}
    volumes: ['./data:/data']
    post_start:
      - {command: [sh, -c, 'chmod 777 /data; umask 0; echo started $$KIND as $$(id -u) in $$PWD >> /data/log'], user: root, working_dir: /tmp}
      - {command: [sh, -c, 'grep CapEff /proc/self/status >> /data/log'], user: root, privileged: true, environment: {EXTRA: '1'}}
    pre_stop:
      - {command: [sh, -c, 'echo stopping $$EXTRA; echo stopping $$EXTRA as $$(id -u) >> /data/log'], environment: [EXTRA=2]}
  web: {image: busybox, command: [sh, -c, 'cp /data/log /data/seen; sleep infinity'], init: true, depends_on: [db], volumes: ['./data:/data']}
",
    );
    let up = world.compose(&["up", "-d"]).ok();
    assert!(up.stderr.contains("project-db-1  Running post_start"), "{}", up.stderr);
    let log = data(&world, "log");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines[0], "started db as 0 in /tmp");
    let host = fs::read_to_string("/proc/self/status").unwrap();
    let all = host.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
    assert_eq!(lines[1].strip_prefix("CapEff:"), Some(all), "privileged");
    eventually("web started after them", LIMIT, || data(&world, "seen") == log);

    let plan = world.compose(&["--dry-run", "stop", "db"]).ok();
    assert!(plan.stdout.contains("run pre_stop of project-db-1"), "{}", plan.stdout);
    let stop = world.compose(&["stop", "-t", "1", "db"]).ok();
    assert!(stop.stderr.contains("project-db-1 -> | stopping 2"), "{}", stop.stderr);
    assert!(data(&world, "log").ends_with("stopping 2 as 1000\n"));

    world.compose(&["start", "db"]).ok();
    assert_eq!(data(&world, "log").matches("started").count(), 2);
    world.down();
    assert_eq!(data(&world, "log").matches("stopping").count(), 2);
}

#[test]
fn a_failed_command_fails_the_start_or_keeps_the_container_running() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  it:
    image: busybox
    command: sleep infinity
    init: true
    post_start: [{command: [sh, -c, 'echo no disk >&2; exit 2']}]
",
    );
    let up = world.compose(&["up", "-d"]);
    assert_ne!(up.code, 0);
    assert!(up.stderr.contains("it hook exited with status 2: no disk"), "{}", up.stderr);
    world.compose(&["down", "-t", "1"]).ok();

    world.compose_yaml(
        "
services:
  it:
    image: busybox
    command: sleep infinity
    init: true
    pre_stop: [{command: [test, -e, /tmp/may]}]
",
    );
    world.compose(&["up", "-d"]).ok();
    let stop = world.compose(&["stop", "-t", "1"]);
    assert_ne!(stop.code, 0);
    assert!(stop.stderr.contains("it hook exited with status 1"), "{}", stop.stderr);
    world.compose(&["exec", "-T", "it", "touch", "/tmp/may"]).ok();
    world.compose(&["stop", "-t", "1"]).ok();
    world.down();
}

#[test]
fn containers_run_to_their_end_before_the_service_starts() {
    let world = World::new();
    let yaml = "
services:
  app:
    image: busybox
    command: [sh, -c, 'cat /data/log; sleep infinity']
    init: true
    environment: {WHO: app}
    volumes: ['./data:/data']
    pre_start:
      - {command: [sh, -c, 'echo one $$WHO >> /data/log']}
      - {command: [sh, -c, 'echo two $$WHO in $$PWD as $$(id -u) >> /data/log'], user: '7', working_dir: /bin, environment: {WHO: hook}}
";
    fs::create_dir(world.project().join("data")).unwrap();
    world.shell(&format!("chmod 777 {}", world.project().join("data").display())).ok();
    world
        .shell(&format!("touch {0} && chmod 666 {0}", world.project().join("data/log").display()))
        .ok();
    world.compose_yaml(yaml);
    world.compose(&["up", "-d", "--scale", "app=2"]).ok();
    assert_eq!(data(&world, "log"), "one app\ntwo hook in /bin as 7\n");
    world.compose(&["up", "-d", "--scale", "app=2"]).ok();
    assert_eq!(data(&world, "log").lines().count(), 2, "it runs: nothing is to be prepared");
    assert_eq!(world.compose(&["ps", "-aq"]).ok().text().lines().count(), 2);
    world.compose(&["down", "-t", "1"]).ok();

    world.compose_yaml(&yaml.replace("echo one", "exit 3; echo one"));
    let up = world.compose(&["up", "-d"]);
    assert_ne!(up.code, 0);
    let says = "service \"app\" pre_start[0] exited with code 3";
    assert!(up.stderr.contains(says), "{}", up.stderr);
    assert!(up.stderr.contains("retained for inspection"), "{}", up.stderr);
    world.compose_yaml(yaml);
    world.compose(&["up", "-d"]).ok();
    assert_eq!(data(&world, "log").lines().count(), 4);
    world.down();
}
