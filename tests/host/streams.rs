//! Terminals and pipes between people and containers: attach, detach, resize, signals.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::Winsize;

use crate::world::{COMPOSE, LIMIT, World, eventually};

/// Somebody at a terminal, in which one command runs.
struct Typist {
    master: fs::File,
    child: Child,
    seen: String,
}

impl Typist {
    fn new(world: &World, arguments: &[&str]) -> Typist {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = fs::OpenOptions::new().read(true).write(true).open(name.to_str().unwrap());
        let slave = slave.unwrap();
        resize(&master, 24, 80);
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        // The terminal is to be the command's own, so that it learns of other sizes.
        let mut command = world.command(&world.project(), "setsid");
        command.args(["--ctty", "--wait", COMPOSE]).args(arguments);
        let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        let mode = rustix::fs::fcntl_getfl(&master).unwrap() | rustix::fs::OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&master, mode).unwrap();
        Typist { master: master.into(), child, seen: String::new() }
    }

    fn type_keys(&mut self, keys: &[u8]) {
        self.master.write_all(keys).unwrap();
    }

    /// Waits until the screen has shown this.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let start = Instant::now();
        while !self.look().contains(text) {
            assert!(start.elapsed() < LIMIT, "no {text:?} in {:?}", self.seen);
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn look(&mut self) -> &str {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = self.master.read(&mut buffer) {
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        &self.seen
    }

    /// The command's exit code, once it has ended.
    #[track_caller]
    fn ends(&mut self) -> i32 {
        let start = Instant::now();
        loop {
            self.look();
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(start.elapsed() < LIMIT, "does not end: {:?}", self.seen);
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(terminal: &impl std::os::fd::AsFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}

fn shell_world() -> World {
    let world = World::new();
    world.compose_yaml(
        "
services:
  it: {image: busybox, command: [sh], tty: true, stdin_open: true}
  plain:
    image: busybox
    command: [sh, -c, 'trap \"echo got it; exit 5\" TERM; echo up; while :; do sleep 0.1; done']
",
    );
    world.compose(&["up", "-d"]).ok();
    world
}

fn state(world: &World, service: &str) -> String {
    world.compose(&["ps", "-a", "--format", "{{.State}}", service]).ok().text().to_owned()
}

#[test]
fn attached_terminals_share_a_container_and_leave_it_running() {
    let world = shell_world();
    let mut one = Typist::new(&world, &["attach", "it"]);
    let mut other = Typist::new(&world, &["attach", "--no-stdin", "it"]);
    one.type_keys(b"echo th''is\n");
    one.sees("this");
    // Typed again until the other one is attached, too.
    eventually("both see it", LIMIT, || {
        one.type_keys(b"echo bo''th\n");
        other.look().contains("both")
    });
    resize(&one.master, 33, 99);
    eventually("the terminal has another size", LIMIT, || {
        one.type_keys(b"stty size\n");
        one.look().contains("33 99")
    });
    // Only both keys together are for us.
    one.type_keys(b"echo \x10");
    one.type_keys(b"\x10\x11");
    one.sees("read escape sequence");
    assert_eq!(one.ends(), 0);
    assert_eq!(state(&world, "it"), "running");

    fs::create_dir(world.path().join(".docker")).unwrap();
    fs::write(world.path().join(".docker/config.json"), r#"{"detachKeys":"ctrl-x,q"}"#).unwrap();
    let mut third = Typist::new(&world, &["attach", "it"]);
    // What the first one has begun to type is ended by the first of these.
    eventually("it is attached", LIMIT, || {
        third.type_keys(b"\necho he''re\n");
        third.look().contains("here")
    });
    third.type_keys(b"\x18q");
    assert_eq!(third.ends(), 0);
    let mut fourth = Typist::new(&world, &["attach", "--detach-keys", "ctrl-a,d", "it"]);
    fourth.type_keys(b"\x01d");
    assert_eq!(fourth.ends(), 0);

    let mut last = Typist::new(&world, &["attach", "it"]);
    last.type_keys(b"exit 3\n");
    assert_eq!(last.ends(), 3);
    world.compose(&["down", "-t", "1"]).ok();
    world.assert_clean();
}

#[test]
fn commands_have_terminals_of_their_own() {
    let world = shell_world();
    let mut typist =
        Typist::new(&world, &["exec", "-u", "1000", "-w", "/tmp", "-e", "A=b", "it", "sh"]);
    typist.type_keys(b"echo $(id -u) $PWD $A $(test -t 0 && echo terminal)\n");
    typist.sees("1000 /tmp b terminal");
    resize(&typist.master, 40, 120);
    eventually("the terminal has another size", LIMIT, || {
        typist.type_keys(b"stty size\n");
        typist.look().contains("40 120")
    });
    typist.type_keys(b"exit 9\n");
    assert_eq!(typist.ends(), 9);
    let script = "echo re''ady; exec sleep 1000";
    let mut left = Typist::new(&world, &["exec", "it", "sh", "-c", script]);
    left.sees("ready");
    left.type_keys(b"\x10\x11");
    assert_eq!(left.ends(), 0);
    assert!(world.compose(&["top", "it"]).ok().stdout.contains("sleep 1000"), "it goes on");
    world.compose(&["down", "-t", "1"]).ok();
    world.assert_clean();
}

#[test]
fn signals_go_on_to_a_container_without_a_terminal() {
    let world = shell_world();
    let attach = |options: &[&str]| {
        let mut command = world.command(&world.project(), COMPOSE);
        let arguments = [&["attach"], options, &["plain"]].concat();
        command.args(arguments).stdout(Stdio::piped()).spawn().unwrap()
    };
    let term = |child: &Child| {
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    };
    eventually("it is ready", LIMIT, || world.compose(&["logs", "plain"]).stdout.contains("up"));
    let mut alone = attach(&["--sig-proxy=false"]);
    let follower = || world.compose(&["events", "--since", "1h", "--until", "0s", "plain"]).stdout;
    eventually("it is attached", LIMIT, || follower().contains(" attach "));
    term(&alone);
    alone.wait().unwrap();
    assert_eq!(state(&world, "plain"), "running");

    let attached = attach(&[]);
    eventually("it is attached", LIMIT, || follower().matches(" attach ").count() == 2);
    term(&attached);
    let output = attached.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stdout).contains("got it"));
    world.compose(&["down", "-t", "1"]).ok();
    world.assert_clean();
}

#[test]
fn ctrl_c_ends_a_run_at_any_moment_and_leaves_nothing() {
    let world = World::new();
    world.compose_yaml("services:\n  it: {image: busybox, init: true, command: [sleep, '1000']}\n");
    let names = world.path().join("data/containers/names");
    let count = || fs::read_dir(&names).map_or(0, Iterator::count);
    let made = || count() > 0;
    let runs = || !world.compose(&["container", "ls", "-q"]).ok().text().is_empty();
    let service = ["run", "--rm", "-T", "it"].as_slice();
    let single = ["container", "run", "--rm", "--init", "busybox", "sleep", "1000"].as_slice();
    // Process 1 hears no signal that it did not ask for.
    let deaf = ["container", "run", "--rm", "busybox", "sleep", "1000"].as_slice();
    let interrupt = |arguments: &[&str], moment: &dyn Fn() -> bool, times: usize| {
        let mut run = world.command(&world.project(), COMPOSE);
        let mut run = run.args(arguments).stdin(Stdio::null()).spawn().unwrap();
        eventually("it has come so far", LIMIT, moment);
        let (pid, mut sent) = (rustix::process::Pid::from_child(&run), 0);
        eventually("it ends", LIMIT, || {
            if sent < times {
                rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
                sent += 1;
            }
            run.try_wait().unwrap().is_some()
        });
        assert_eq!(run.wait().unwrap().code(), Some(130), "{arguments:?}");
        eventually("its container is gone", LIMIT, || count() == 0 && world.shims().is_empty());
    };
    for arguments in [service, single] {
        interrupt(arguments, &made, 1);
        interrupt(arguments, &runs, 1);
    }
    interrupt(deaf, &runs, usize::MAX);
    world.compose(&["down"]).ok();
}

#[test]
fn the_end_of_input_reaches_the_program_and_its_output_us() {
    let world = World::new();
    world.compose_yaml("services:\n  it: {image: busybox, command: [wc, -c], stdin_open: true}\n");
    let script = format!(
        "cd {} && head -c 5000000 /dev/zero | {COMPOSE} run --rm -T it",
        world.project().display()
    );
    assert_eq!(world.shell(&script).ok().text(), "5000000");
    world.compose(&["down"]).ok();
    world.assert_clean();
}
