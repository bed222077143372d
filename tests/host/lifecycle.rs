//! Up, again, changed, down: what exists after each step.

use crate::world::{LIMIT, World, eventually};

const TWO_SERVICES: &str = "
services:
  db: {image: busybox, command: sleep infinity, init: true}
  web: {image: busybox, command: sleep infinity, init: true, depends_on: [db]}
";

/// Ids by container name.
fn ids(world: &World) -> String {
    world.compose(&["ps", "-a", "--no-trunc", "--format", "{{.Name}} {{.ID}}"]).ok().stdout
}

#[test]
fn up_makes_everything_and_down_takes_it_away() {
    let world = World::new();
    world.compose_yaml(TWO_SERVICES);

    world.compose(&["up", "-d"]).ok();
    let ps = world.compose(&["ps", "--format", "{{.Name}} {{.State}}"]).ok();
    assert_eq!(ps.text(), "project-db-1 running\nproject-web-1 running");

    world.compose(&["down"]).ok();
    assert_eq!(world.compose(&["ps", "-aq"]).ok().text(), "");
    world.assert_clean();
}

#[test]
fn a_second_up_touches_nothing() {
    let world = World::new();
    world.compose_yaml(TWO_SERVICES);
    world.compose(&["up", "-d"]).ok();
    let before = ids(&world);

    assert_eq!(world.compose(&["up", "--plan"]).ok().text(), "");
    world.compose(&["up", "-d"]).ok();

    assert_eq!(ids(&world), before);
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn only_the_changed_service_is_recreated_and_the_plan_says_why() {
    let world = World::new();
    world.compose_yaml(TWO_SERVICES);
    world.compose(&["up", "-d"]).ok();
    let before = ids(&world);

    world.compose_yaml(&TWO_SERVICES.replace("web: {", "web: {environment: {MODE: new}, "));
    let plan = world.compose(&["up", "--plan"]).ok();
    assert!(plan.stdout.contains("web-1"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("db-1"), "{}", plan.stdout);
    world.compose(&["up", "-d"]).ok();

    let (before, after) = (lines(&before), lines(&ids(&world)));
    assert_eq!(before[0], after[0], "db is untouched");
    assert_ne!(before[1], after[1], "web is another container now");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn scale_goes_up_and_down_and_orphans_are_removed_on_request() {
    let world = World::new();
    world.compose_yaml(TWO_SERVICES);
    world.compose(&["up", "-d", "--scale", "web=3"]).ok();
    assert_eq!(lines(&ids(&world)).len(), 4);

    world.compose(&["up", "-d", "--scale", "web=1"]).ok();
    assert_eq!(lines(&ids(&world)).len(), 2);

    world.compose_yaml("services: {db: {image: busybox, command: sleep infinity, init: true}}");
    let warned = world.compose(&["up", "-d"]).ok();
    assert!(warned.stderr.contains("orphan"), "{}", warned.stderr);
    world.compose(&["up", "-d", "--remove-orphans"]).ok();
    assert_eq!(lines(&ids(&world)).len(), 1);
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn volumes_outlive_down_unless_asked() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  app:
    image: busybox
    command: [sh, -c, 'echo run >> /data/log; exec sleep infinity']
    init: true
    volumes: [data:/data]
volumes: {data: }
",
    );
    for expected in ["run", "run\nrun"] {
        world.compose(&["up", "-d"]).ok();
        let limit = LIMIT;
        eventually("the service wrote its line", limit, || {
            world.compose(&["exec", "-T", "app", "cat", "/data/log"]).text() == expected
        });
        world.compose(&["down"]).ok();
    }
    world.compose(&["up", "-d"]).ok();
    world.compose(&["down", "-v"]).ok();
    assert_eq!(crate::world::list(&world.path().join("data/volumes")), [""; 0]);
    world.assert_clean();
}

#[test]
fn run_passes_the_exit_code_on() {
    let world = World::new();
    world.compose_yaml("services: {job: {image: busybox, init: true, command: sh -c 'exit 3'}}");

    assert_eq!(world.compose(&["run", "--rm", "job"]).code, 3);
    assert_eq!(world.compose(&["run", "--rm", "job", "sh", "-c", "kill -9 $$"]).code, 137);
    assert_eq!(world.compose(&["run", "--rm", "job", "no-such-program"]).code, 127);
    assert_eq!(world.compose(&["run", "--rm", "job", "/etc"]).code, 126);
    assert_eq!(world.compose(&["run", "--rm", "job", "echo", "hello"]).ok().text(), "hello");

    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_healthy_dependency_gates_the_start() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  db:
    image: busybox
    command: [sh, -c, 'sleep 1; touch /tmp/ready; exec sleep infinity']
    init: true
    healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 200ms, retries: 50}
  web:
    image: busybox
    command: [sleep, infinity]
    init: true
    depends_on: {db: {condition: service_healthy}}
",
    );
    world.compose(&["up", "-d"]).ok();
    let ps = world.compose(&["ps", "--format", "{{.Name}} {{.Health}}"]).ok();
    assert_eq!(lines(ps.text())[0], "project-db-1 healthy");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_failed_dependency_is_named_and_the_dependent_is_not_started() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  migrate: {image: busybox, command: [sh, -c, 'echo no such table >&2; exit 4']}
  web:
    image: busybox
    command: [sleep, infinity]
    init: true
    depends_on: {migrate: {condition: service_completed_successfully}}
",
    );
    let up = world.compose(&["up", "-d"]);
    assert_eq!(up.code, 1);
    assert!(
        up.stderr.contains("\"migrate\" didn't complete successfully: exit 4"),
        "{}",
        up.stderr
    );
    assert_eq!(world.compose(&["ps", "-q"]).ok().text(), "");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn logs_come_back_with_prefixes_after_the_container_ended() {
    let world = World::new();
    world.compose_yaml(
        "services: {job: {image: busybox, command: sh -c 'echo one; echo two; printf three'}}",
    );

    let up = world.compose(&["up"]).ok();
    assert!(up.stdout.contains("job-1  | one"), "{}", up.stdout);
    let logs = world.compose(&["logs", "--no-color"]).ok();
    assert_eq!(lines(&logs.stdout), ["job-1  | one", "job-1  | two", "job-1  | three"]);
    assert_eq!(world.compose(&["logs", "--no-log-prefix", "--tail", "1"]).ok().text(), "three");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

/// The lines of a text.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
