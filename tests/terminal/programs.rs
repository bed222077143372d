//! Programs in containers with a terminal: `exec`, `run` and `attach`.

use crate::terminal::Terminal;
use crate::world::World;

const SHELL: &str = "\
name: term
services:
  app: {image: busybox, init: true, command: [sleep, infinity]}
  shell: {image: busybox, tty: true, stdin_open: true, command: [sh]}
";

#[test]
fn exec_gives_a_program_the_terminal_and_its_size() {
    let world = World::new();
    world.compose_yaml(SHELL);
    world.compose(&["up", "-d"]).ok();
    let mut terminal = Terminal::compose(&world, &["exec", "app", "sh"], (30, 90));
    terminal.shows("/ #");
    terminal.keys("stty size\r");
    terminal.shows("30 90");
    terminal.resize(20, 50);
    // The new size and what is typed come on different ways.
    terminal.keys("until stty size | grep '20 5[0]'; do :; done\r");
    terminal.shows("20 50");
    // Ctrl-C is the program's, not ours; one that speaks is in the foreground by then.
    terminal.keys("sh -c 'echo go$((1+1)); exec sleep 100'\r");
    terminal.shows("go2");
    terminal.keys("\x03");
    terminal.keys("echo still $((40+2))\r");
    terminal.shows("still 42");
    terminal.keys("exit 7\r");
    assert_eq!(terminal.ends(), 7);
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn detach_keys_leave_a_container_running() {
    let world = World::new();
    world.compose_yaml(SHELL);
    world.compose(&["up", "-d"]).ok();
    let mut terminal = Terminal::compose(&world, &["attach", "shell"], (24, 80));
    terminal.keys("echo here $((1+1))\r");
    terminal.shows("here 2");
    terminal.keys("\x10\x11");
    assert_eq!(terminal.ends(), 0);
    assert!(world.compose(&["ps", "--services"]).stdout.contains("shell"));
    world.compose(&["down", "-t", "1"]).ok();
}

#[test]
fn run_connects_a_new_container() {
    let world = World::new();
    world.compose_yaml(SHELL);
    let mut terminal = Terminal::compose(&world, &["run", "--rm", "app", "sh"], (24, 60));
    terminal.shows("/ #");
    terminal.keys("stty size; tty\r");
    // The next prompt is there: ctrl-d that comes while `tty` runs would be an end for nobody.
    terminal.until("the answers and a prompt", |text| text.contains("24 60\n/dev/pts/0\n/ #"));
    terminal.keys("\x04");
    assert_eq!(terminal.ends(), 0);
    world.compose(&["down"]).ok();
    world.assert_clean();
}
