//! Terminals, descriptors, process ids: what callers hand over and get.

use std::fs;
use std::io::{IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};

use crate::world::{World, said};

/// The descriptor that somebody sends, and what comes with it.
fn receive(listener: &UnixListener) -> (OwnedFd, String) {
    let (stream, _): (UnixStream, _) = listener.accept().unwrap();
    let mut bytes = [0; 8192];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let length = recvmsg(&stream, &mut slices, &mut ancillary, flags).unwrap().bytes;
    let fd = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    (fd.expect("a descriptor"), String::from_utf8_lossy(&bytes[..length]).into_owned())
}

fn listen(path: &Path) -> UnixListener {
    UnixListener::bind(path).unwrap()
}

#[test]
fn a_terminal_is_sent_to_the_console_socket() {
    let mut world = World::sh("tty; stty size; echo done");
    world.config["process"]["terminal"] = json!(true);
    world.config["process"]["consoleSize"] = json!({"height": 40, "width": 100});
    let said = world.create();
    assert!(said.err.contains("without setting console socket"), "{said:?}");

    let socket = world.path("console");
    let listener = listen(&socket);
    let pid = world.path("pid");
    let (socket, file) = (socket.to_str().unwrap(), pid.to_str().unwrap());
    let more = ["--console-socket", socket, "--pid-file", file];
    let status = world.make("create", &more).status().unwrap();
    assert!(status.success());
    let (master, _) = receive(&listener);
    assert_eq!(fs::read_to_string(&pid).unwrap(), world.state()["pid"].to_string());
    assert_eq!(world.oci(&["start", &world.id()]).err, "");
    let mut text = Vec::new();
    // The terminal's last read fails when its program has ended.
    let _ = fs::File::from(master).read_to_end(&mut text);
    assert_eq!(String::from_utf8_lossy(&text), "/dev/pts/0\r\n40 100\r\ndone\r\n");
}

#[test]
fn a_terminal_in_the_foreground_is_passed_through() {
    let mut world = World::sh("tty; echo said; exit 3");
    world.config["process"]["terminal"] = json!(true);
    let said = world.run();
    assert_eq!((said.out.as_str(), said.code), ("/dev/pts/0\r\nsaid\r\n", 3), "{said:?}");
}

#[test]
fn descriptors_are_kept_when_that_is_asked_for() {
    let world = World::sh("cat <&3; ls /proc/self/fd | wc -l");
    fs::write(world.path("given"), "given\n").unwrap();
    let run = |keep: &str, open: &str| {
        world.write();
        let script = format!(
            "exec {} oci --root {} run {keep} --bundle {} {} {open}",
            env!("CARGO_BIN_EXE_compose"),
            world.path("run").display(),
            world.path("bundle").display(),
            world.id(),
        );
        said(&std::process::Command::new("sh").args(["-c", &script]).output().unwrap())
    };
    let open = format!("3< {}", world.path("given").display());
    assert_eq!(run("--preserve-fds 1", &open).out, "given\n5\n");
    assert!(run("", &open).out.ends_with("4\n"));
    let said = run("--preserve-fds 2", &open);
    assert!(said.err.contains("file descriptor 4 is not open"), "{said:?}");
}

#[test]
fn sockets_are_announced_to_the_program() {
    let world = World::sh("echo $LISTEN_FDS $LISTEN_PID; cat <&3");
    fs::write(world.path("given"), "given\n").unwrap();
    world.write();
    let script = format!(
        "LISTEN_FDS=1 LISTEN_PID=$$ exec {} oci --root {} run --bundle {} {} 3< {}",
        env!("CARGO_BIN_EXE_compose"),
        world.path("run").display(),
        world.path("bundle").display(),
        world.id(),
        world.path("given").display(),
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(said(&output).out, "1 1\ngiven\n");
}

#[test]
fn another_program_answers_for_system_calls() {
    let mut world = World::sh("mkdir /tmp/x; echo no");
    let socket = world.path("listener");
    let listener = listen(&socket);
    world.config["process"]["noNewPrivileges"] = json!(true);
    world.config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": socket,
        "listenerMetadata": "mine",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}],
    });
    world.create_and_start();
    let (_filter, text) = receive(&listener);
    let state: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&state["fds"], &state["metadata"]), (&json!(["seccompFd"]), &json!("mine")));
    assert_eq!(state["pid"], world.state()["pid"]);
    assert_eq!(state["state"]["id"], json!(world.id()));

    world.oci(&["delete", "--force", &world.id()]);
    world.config["linux"]["seccomp"]["listenerPath"] = Value::Null;
    assert!(world.create().err.contains("needs a listenerPath"));
}
