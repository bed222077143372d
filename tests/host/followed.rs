//! What is followed goes on being followed when another command restarts it, makes it anew or adds
//! to it; and `watch` brings files also to what does not run.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{COMPOSE, LIMIT, World, eventually};

const TICKS: &str = "
services:
  t: {image: busybox, init: true, command: 'sh -c \"echo begun; sleep 1000\"', stop_grace_period: 1s}
";

/// A command that goes on, and the file with what it prints.
fn going_on(world: &World, arguments: &[&str]) -> (Child, PathBuf) {
    let printed = world.path().join("printed");
    let file = File::create(&printed).unwrap();
    let mut command = world.command(&world.project(), COMPOSE);
    command.args(arguments).stdout(file.try_clone().unwrap()).stderr(file);
    (command.spawn().unwrap(), printed)
}

fn lines(printed: &PathBuf, text: &str) -> usize {
    fs::read_to_string(printed).unwrap().matches(text).count()
}

fn interrupt(mut child: Child) {
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    child.wait().unwrap();
}

#[test]
fn logs_go_on_after_a_restart_a_new_container_and_a_new_replica() {
    let world = World::new();
    world.up(TICKS);
    let (logs, printed) = going_on(&world, &["logs", "-f"]);
    eventually("the first line", LIMIT, || lines(&printed, "| begun") == 1);
    world.compose(&["restart", "t"]).ok();
    eventually("the line after a restart", LIMIT, || lines(&printed, "| begun") == 2);
    world.compose(&["up", "-d", "--force-recreate"]).ok();
    eventually("the line of the new container", LIMIT, || lines(&printed, "| begun") == 3);
    world.compose(&["up", "-d", "--scale", "t=2"]).ok();
    eventually("the line of the second replica", LIMIT, || lines(&printed, "t-2  | begun") == 1);
    assert_eq!(lines(&printed, "| begun"), 4, "no line twice");
    interrupt(logs);
    world.down();
}

#[test]
fn logs_end_soon_after_all_were_stopped() {
    let world = World::new();
    world.up(TICKS);
    let (mut logs, printed) = going_on(&world, &["logs", "-f"]);
    eventually("the first line", LIMIT, || lines(&printed, "| begun") == 1);
    world.compose(&["stop"]).ok();
    eventually("the end", LIMIT, || logs.try_wait().unwrap().is_some());
    world.down();
}

#[test]
fn an_attached_up_goes_on_after_a_restart_by_another_command() {
    let world = World::new();
    world.compose_yaml(TICKS);
    let (up, printed) = going_on(&world, &["up"]);
    eventually("the first line", LIMIT, || lines(&printed, "| begun") == 1);
    world.compose(&["restart", "t"]).ok();
    eventually("the line after a restart", LIMIT, || lines(&printed, "| begun") == 2);
    interrupt(up);
    world.down();
}

#[test]
fn a_program_that_has_crashed_gets_the_file_that_repairs_it() {
    for restart in ["'no'", "always"] {
        let world = World::new();
        fs::create_dir(world.project().join("src")).unwrap();
        let script = world.project().join("src/run.sh");
        fs::write(&script, "echo broken; exit 1\n").unwrap();
        world.compose_yaml(&format!(
            "
services:
  keep: {{image: busybox, init: true, command: sleep 1000, stop_grace_period: 1s}}
  app:
    image: busybox
    restart: {restart}
    stop_grace_period: 1s
    command: sh /w/run.sh
    develop: {{watch: [{{path: ./src, target: /w, action: sync+restart, initial_sync: true}}]}}
"
        ));
        let (up, printed) = going_on(&world, &["up", "--watch"]);
        eventually("watching", LIMIT, || lines(&printed, "Syncing service \"app\"") == 1);
        eventually("the crash", LIMIT, || lines(&printed, "exited with code") > 0);
        fs::write(&script, "echo fixed; exec sleep 1000\n").unwrap();
        eventually("the repaired program", LIMIT, || lines(&printed, "| fixed") == 1);
        interrupt(up);
        world.down();
    }
}
