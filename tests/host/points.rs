//! The command line, and a shim, are killed at their system calls that change something, one after
//! the other.
//!
//! `strace` does the killing, in whichever thread makes its nth such call; what the command has
//! started by then goes on by itself. Sampled here; `tests/crash-points.sh` takes every call.

use std::path::Path;
use std::process::Stdio;

use crate::world::{COMPOSE, LIMIT, World, eventually};

const STACK: &str = "
services:
  db: {image: busybox, command: sleep infinity, init: true, ports: ['8081:80'], volumes: ['data:/data']}
  app: {image: busybox, command: sleep infinity, init: true, depends_on: [db], networks: [back, default]}
  web: {image: busybox, command: sleep infinity, init: true, depends_on: [app]}
networks: {back: }
volumes: {data: }
";

/// Calls after which something is there, gone, or called otherwise.
const CHANGES: &str = "mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,symlink,\
    symlinkat,linkat,mount,umount2,move_mount,clone,clone3,execve,sendto,sendmsg,bind,fsync,\
    fdatasync,ftruncate,pidfd_send_signal";

/// A thread makes fewer such calls than this in one command.
const MOST: usize = 400;

/// Which calls: every one, or more and more apart.
fn points() -> Vec<usize> {
    match std::env::var("CRASH_POINTS").is_ok_and(|it| it == "all") {
        true => (1..MOST).collect(),
        false => vec![1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144],
    }
}

/// Runs a command and kills it at the nth such call of a thread. False: no thread made so many.
fn killed_at(world: &World, nth: usize, arguments: &[&str]) -> bool {
    let log = world.path().join("strace.log");
    let inject = format!("--inject={CHANGES}:signal=KILL:when={nth}");
    let trace = format!("--trace={CHANGES}");
    world
        .command(&world.project(), "strace")
        .args(["-f", "-q", "--detach-on=execve", "-o", log.to_str().unwrap(), &trace, &inject])
        .arg(COMPOSE)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("strace is installed");
    killed(&log)
}

fn killed(log: &Path) -> bool {
    std::fs::read_to_string(log).unwrap().contains("+++ killed by SIGKILL")
}

/// After the kill: one more `up` brings everything up, or `down` takes everything away.
fn mended(world: &World, nth: usize, up: bool) {
    if up {
        let again = world.compose(&["up", "-d"]);
        assert_eq!(again.code, 0, "call {nth}: {}", again.stderr);
        let ps = world.compose(&["ps", "--format", "{{.Service}} {{.State}}"]).ok();
        assert_eq!(ps.stdout, "app running\ndb running\nweb running\n", "call {nth}");
        let plan = world.compose(&["up", "--plan"]).ok();
        assert_eq!(plan.text(), "", "call {nth}: something is left to do");
    }
    let down = world.compose(&["down", "-v", "-t", "0"]);
    assert_eq!(down.code, 0, "call {nth}: {}", down.stderr);
    world.assert_clean();
}

#[test]
fn up_can_be_killed_at_every_call_that_changes_something() {
    let world = World::new();
    world.compose_yaml(STACK);
    let mut tried = 0;
    for nth in points() {
        if !killed_at(&world, nth, &["up", "-d"]) {
            break;
        }
        mended(&world, nth, nth % 3 != 0);
        tried += 1;
    }
    assert!(tried >= 5, "only {tried} calls were found");
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

#[test]
fn down_can_be_killed_at_every_call_that_changes_something() {
    let world = World::new();
    world.compose_yaml(STACK);
    let mut tried = 0;
    for nth in points() {
        world.compose(&["up", "-d"]).ok();
        if !killed_at(&world, nth, &["down", "-v", "-t", "0"]) {
            break;
        }
        mended(&world, nth, nth % 2 == 0);
        tried += 1;
    }
    assert!(tried >= 4, "only {tried} calls were found");
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

/// Starts a container's shim and kills it, or the container's process, at the nth such call that it
/// makes until the program runs. False: neither made so many.
fn shim_killed_at(world: &World, nth: usize, id: &str) -> bool {
    let (log, report) = (world.path().join("shim.log"), world.path().join("report"));
    let inject = format!("--inject={CHANGES},unshare,setns,fsmount:signal=KILL:when={nth}");
    let mut traced = world
        .command(&world.project(), "strace")
        .args(["-f", "-q", "-o", log.to_str().unwrap(), &inject, COMPOSE, "__shim"])
        .arg(world.path().join("data/containers").join(id))
        .arg(world.path().join("run/containers").join(id))
        .stdout(std::fs::File::create(&report).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace is installed");
    eventually("it was killed or runs", LIMIT, || {
        let runs = std::fs::metadata(&report).unwrap().len() > 0;
        runs || log.exists() && killed(&log) || traced.try_wait().unwrap().is_some()
    });
    let killed = killed(&log);
    // Whoever starts the container next ends what goes on by itself, and with it the tracing.
    world.compose(&["container", "start", "box"]).ok();
    world.compose(&["container", "stop", "-t", "0", "box"]).ok();
    traced.wait().unwrap();
    std::fs::remove_file(log).unwrap();
    killed
}

#[test]
fn a_shim_can_be_killed_at_every_call_of_a_start() {
    let world = World::new();
    let run = ["container", "run", "-d", "--name", "box", "-p", "8081:80", "-v", "data:/data"];
    let id = world.compose(&[&run[..], &["busybox", "sleep", "infinity"]].concat()).ok();
    world.compose(&["container", "stop", "-t", "0", "box"]).ok();
    let mut tried = 0;
    for nth in points() {
        if !shim_killed_at(&world, nth, id.text()) {
            break;
        }
        let check = world.compose(&["system", "check"]).ok();
        assert_eq!(check.text(), "Nothing is left over.", "call {nth}");
        tried += 1;
    }
    assert!(tried >= 5, "only {tried} calls were found");
    world.compose(&["container", "rm", "box"]).ok();
    world.compose(&["volume", "rm", "data"]).ok();
    world.compose(&["network", "rm", "bridge"]).ok();
    world.assert_clean();
}
