//! `watch`: files on this side, containers on the other.

use std::fs;
use std::time::Duration;

use crate::terminal::Terminal;
use crate::world::{World, eventually};

const LIMIT: Duration = Duration::from_secs(60);

/// A world with a project that is built from a directory with files.
fn project(watch: &str) -> World {
    let world = World::new();
    world.compose_yaml(&format!(
        "name: watched\nservices:\n  web:\n    build: .\n    init: true\n    \
         command: [sh, -c, 'echo begun; exec sleep infinity']\n    develop:\n      watch:\n{watch}"
    ));
    let directory = world.project();
    // Without tar and rm: files come and go without the container's help.
    let recipe = "FROM busybox\nRUN rm /bin/tar /bin/rm\nCOPY src /app/src\nCOPY version /\n";
    fs::write(directory.join("Dockerfile"), recipe).unwrap();
    fs::write(directory.join(".dockerignore"), "**/*.log\n").unwrap();
    fs::write(directory.join("version"), "1\n").unwrap();
    fs::create_dir(directory.join("src")).unwrap();
    fs::write(directory.join("src/a"), "one\n").unwrap();
    world
}

/// What a file in the container has.
fn inside(world: &World, path: &str) -> String {
    world.compose(&["exec", "-T", "web", "cat", path]).stdout
}

#[track_caller]
fn becomes(world: &World, path: &str, text: &str) {
    eventually(&format!("{path} is {text:?}"), LIMIT, || inside(world, path) == text);
}

#[test]
fn changed_files_are_copied_and_removed_ones_removed() {
    let world = project("        - {path: src, action: sync, target: /app/src, ignore: [tmp]}\n");
    let mut terminal = Terminal::compose(&world, &["watch"], (24, 100));
    terminal.shows("Watch enabled");
    assert_eq!(inside(&world, "/app/src/a"), "one\n");
    let source = world.project().join("src");
    fs::write(source.join("a"), "two\n").unwrap();
    becomes(&world, "/app/src/a", "two\n");
    terminal.shows("Syncing service \"web\" after 1 change was detected");
    // A directory that is made together with what is in it.
    fs::create_dir_all(source.join("new/deep")).unwrap();
    fs::write(source.join("new/deep/b"), "b\n").unwrap();
    becomes(&world, "/app/src/new/deep/b", "b\n");
    // As editors save: a new file is renamed over the old one.
    fs::write(source.join(".a.swp"), "x").unwrap();
    fs::write(source.join("a.new"), "three\n").unwrap();
    fs::rename(source.join("a.new"), source.join("a")).unwrap();
    becomes(&world, "/app/src/a", "three\n");
    fs::create_dir(source.join("tmp")).unwrap();
    fs::write(source.join("tmp/x"), "x").unwrap();
    fs::write(source.join("x.log"), "x").unwrap();
    fs::remove_file(source.join("new/deep/b")).unwrap();
    eventually("b is removed", LIMIT, || inside(&world, "/app/src/new/deep/b").is_empty());
    let list = world.compose(&["exec", "-T", "web", "find", "/app/src", "-type", "f"]);
    assert_eq!(list.text(), "/app/src/a", "what is ignored stays outside");
    terminal.keys("\x03");
    terminal.shows("Watch disabled");
    assert_eq!(terminal.ends(), 130);
    assert_eq!(world.compose(&["ps", "--services"]).text(), "web", "it goes on");
    world.compose(&["down", "--rmi", "all"]).ok();
    world.assert_clean();
}

#[test]
fn saving_without_a_change_does_nothing() {
    let world = project("        - {path: src, action: sync+restart, target: /app/src}\n");
    let terminal = Terminal::compose(&world, &["watch"], (24, 100));
    terminal.shows("Watch enabled");
    fs::write(world.project().join("src/a"), "one\n").unwrap();
    fs::write(world.project().join("src/b"), "b\n").unwrap();
    becomes(&world, "/app/src/b", "b\n");
    terminal.shows("service(s) [\"web\"] restarted");
    assert!(!terminal.text().contains("2 changes"), "{}", terminal.text());
    let logs = world.compose(&["logs", "--no-log-prefix"]);
    assert_eq!(logs.text(), "begun\nbegun");
    drop(terminal);
    world.compose(&["down", "--rmi", "all"]).ok();
}

#[test]
fn a_rebuild_replaces_the_container_and_a_command_follows_a_copy() {
    let world = project(
        "        - {path: version, action: rebuild}
        - path: src
          action: sync+exec
          target: /app/src
          initial_sync: true
          exec: {command: sh -c 'cat /app/src/a | tr a-z A-Z > /upper; echo done it', user: root}
",
    );
    let terminal = Terminal::compose(&world, &["watch", "--quiet"], (30, 100));
    terminal.shows("Watch enabled");
    fs::write(world.project().join("src/a"), "word\n").unwrap();
    becomes(&world, "/upper", "WORD\n");
    terminal.shows("web: done it");
    let before = world.compose(&["ps", "-q"]).stdout;
    fs::write(world.project().join("version"), "2\n").unwrap();
    becomes(&world, "/version", "2\n");
    terminal.shows("service(s) [\"web\"] successfully built");
    assert_ne!(world.compose(&["ps", "-q"]).stdout, before);
    // A build that fails ends nothing.
    let recipe = world.project().join("Dockerfile");
    let good = fs::read_to_string(&recipe).unwrap();
    fs::write(&recipe, format!("{good}RUN false\n")).unwrap();
    fs::write(world.project().join("version"), "3\n").unwrap();
    terminal.shows("error");
    fs::write(&recipe, good).unwrap();
    fs::write(world.project().join("version"), "4\n").unwrap();
    becomes(&world, "/version", "4\n");
    drop(terminal);
    world.compose(&["down", "--rmi", "all"]).ok();
}

#[test]
fn up_watches_too_and_shows_the_new_containers_output() {
    let world = project("        - {path: src, action: sync+restart, target: /app/src}\n");
    let mut terminal = Terminal::compose(&world, &["up", "--build"], (30, 100));
    terminal.shows("web-1  | begun");
    terminal.shows("w watch");
    terminal.keys("w");
    terminal.shows("Watch enabled");
    terminal.shows("w stop watching");
    fs::write(world.project().join("src/a"), "two\n").unwrap();
    terminal.until("its output is shown again", |text| text.matches("web-1  | begun").count() == 2);
    assert_eq!(inside(&world, "/app/src/a"), "two\n");
    terminal.keys("w");
    terminal.shows("Watch disabled");
    terminal.keys("\x03");
    assert_eq!(terminal.ends(), 130);
    let text = terminal.text();
    assert!(!text.contains("d detach"), "{text}");
    world.compose(&["down", "--rmi", "all"]).ok();
    world.assert_clean();
}

#[test]
fn what_cannot_be_watched_is_said_before_anything_starts() {
    let world = project("        - {path: src, action: sync}\n");
    let done = world.compose(&["watch"]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("target"), "{}", done.stderr);
    world.compose_yaml("name: watched\nservices:\n  web: {image: busybox}\n");
    let done = world.compose(&["up", "--watch"]);
    assert!(done.stderr.contains("none of the selected services is configured"), "{}", done.stderr);
    assert_eq!(world.compose(&["ps", "-aq"]).text(), "");
}
