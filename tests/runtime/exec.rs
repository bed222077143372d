//! Programs executed in a container that runs, and terminals.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use compose::base::Kind;
use compose::runtime::{self, Cgroup, ExecSpec, Setup, Size, Stdio};

use crate::Test;
use crate::container::{Container, Running, code, exec};

pub const TESTS: &[Test] = &[
    ("exec::it_is_in_the_same_world_with_the_same_rights", same_world),
    ("exec::user_directory_and_environment_are_its_own", own_settings),
    ("exec::it_says_what_is_missing", missing),
    ("exec::privileged_lifts_the_limits", privileged),
    ("exec::cve_2026_30892_numbers_are_users_and_nothing_wraps", users),
    ("exec::a_terminal_is_one_of_the_container", terminal),
    ("exec::the_first_program_can_have_a_terminal", first_terminal),
];

/// The image must outlive the container.
fn sleeping() -> (Container, Running) {
    let mut container = Container::sh("echo up; sleep 100");
    container.spec.process.env = vec!["A=1".to_owned(), "B=2".to_owned()];
    let mut running = container.start().expect("it starts");
    assert_eq!(running.line(), "up");
    (container, running)
}

fn same_world() {
    let (_image, running) = sleeping();
    let script = "for ns in mnt pid uts ipc net cgroup; do
        [ \"$(readlink /proc/self/ns/$ns)\" = \"$(readlink /proc/1/ns/$ns)\" ] || echo $ns; done
        grep -E '^(Cap|Seccomp:)' /proc/self/status | sort > /tmp/mine
        grep -E '^(Cap|Seccomp:)' /proc/1/status | sort > /tmp/theirs
        while read line; do read other <&3; [ \"$line\" = \"$other\" ] || echo $line; done </tmp/mine 3</tmp/theirs
        cat /proc/self/cgroup | grep -E 'memory|pids' | grep -v ':/$'; ls /proc/self/fd | wc -l; exit 4";
    let said = running.exec(&exec(&["sh", "-c", script])).expect("it starts");
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("4\n", "", 4));
    let own = nix::unistd::getpid();
    let back = fs::read_link("/proc/self/ns/pid_for_children").expect("a namespace");
    assert_eq!(back, fs::read_link(format!("/proc/{own}/ns/pid")).expect("a namespace"));
    running.kill();
}

fn own_settings() {
    let (_image, running) = sleeping();
    let spec = ExecSpec {
        env: vec!["B=3".to_owned(), "C=4".to_owned()],
        cwd: Some("/home".to_owned()),
        user: Some("web".to_owned()),
        ..exec(&["sh", "-c", "id -u; pwd; echo $A$B$C $HOME; grep CapEff /proc/self/status"])
    };
    let said = running.exec(&spec).expect("it starts");
    assert_eq!(said.out, "33\n/home\n134 /home/web\nCapEff:\t0000000000000000\n");
    running.kill();
}

fn missing() {
    let (_image, running) = sleeping();
    let error = running.exec(&exec(&["foo"])).expect_err("there is none");
    assert_eq!(error.to_string(), "exec: \"foo\": executable file not found in $PATH");
    let error = running.exec(&exec(&["/etc"])).expect_err("it is a directory");
    assert_eq!(error.kind(), Kind::NotExecutable);
    let nowhere = ExecSpec { cwd: Some("/nowhere".to_owned()), ..exec(&["true"]) };
    let error = running.exec(&nowhere).expect_err("it is not there").to_string();
    assert!(error.contains("/nowhere: no such file or directory"), "{error}");
    let magic = ExecSpec { cwd: Some("/proc/self/fd/3".to_owned()), ..exec(&["true"]) };
    running.exec(&magic).expect_err("it leads out");
    running.kill();
}

fn privileged() {
    let (_image, running) = sleeping();
    let spec = ExecSpec { privileged: true, ..exec(&["mount", "-t", "tmpfs", "x", "/tmp"]) };
    assert_eq!(running.exec(&spec).expect("it starts").code, 0);
    running.kill();
}

fn users() {
    let (_image, running) = sleeping();
    for (user, expected) in [
        ("0", Ok("0\n")),
        ("1", Ok("1\n")),
        ("999", Ok("999\n")),
        ("65534", Ok("65534\n")),
        ("1:2", Ok("1\n")),
        (" 1", Err(())),
        ("+1", Err(())),
        ("0x1", Err(())),
        ("4294967296", Err(())),
        ("-1", Err(())),
    ] {
        let spec = ExecSpec { user: Some(user.to_owned()), ..exec(&["id", "-u"]) };
        let said = running.exec(&spec).map(|said| said.out);
        assert_eq!(said.as_deref().map_err(|_| ()), expected, "{user}");
    }
    running.kill();
}

const TERMINAL: &str =
    "tty; stty size; ls -l /proc/self/fd/0 | grep -c pts; read line; echo got $line";

fn terminal() {
    let (_image, running) = sleeping();
    let stdio = Stdio::Terminal { size: Some(Size { rows: 30, columns: 100 }) };
    let started = runtime::exec(
        running.started.pidfd.as_fd(),
        &running.bundle,
        &exec(&["sh", "-c", TERMINAL]),
        running.cgroup(),
        &stdio,
    )
    .expect("it starts");
    let master =
        fs::File::from(started.terminal.as_ref().expect("a terminal").try_clone().expect("a copy"));
    assert_eq!(talk(master), "/dev/pts/0\r\n30 100\r\n1\r\ngot hi\r\n");
    assert_eq!(code(&started), 0);
    running.kill();
}

fn first_terminal() {
    let mut container = Container::sh(&format!("stat -c %t:%T /dev/console; {TERMINAL}"));
    container.spec.process.tty = true;
    container.spec.process.user = "web".to_owned();
    container.spec.init = true;
    let bundle = container.bundle();
    let cgroup = Cgroup::create(&bundle.cgroup().unwrap(), &bundle.resources()).expect("a cgroup");
    let stdio = Stdio::Terminal { size: Some(Size { rows: 24, columns: 80 }) };
    let started =
        runtime::start(&bundle, &Setup { cgroup: &cgroup, namespaces: &[], mounts: &[], stdio })
            .expect("it starts");
    let master =
        fs::File::from(started.terminal.as_ref().expect("a terminal").try_clone().expect("a copy"));
    assert_eq!(talk(master), "88:0\r\n/dev/pts/0\r\n24 80\r\n1\r\ngot hi\r\n");
    assert_eq!(code(&started), 0);
    cgroup.remove().expect("it goes away");
}

/// Types `hi`, and reads until the terminal hangs up.
fn talk(mut master: fs::File) -> String {
    master.write_all(b"hi\n").expect("it listens");
    let mut text = Vec::new();
    let mut buffer = [0; 256];
    // EIO is how a terminal says that nobody is left.
    while let Ok(length) = master.read(&mut buffer) {
        text.extend(&buffer[..length]);
    }
    // The echo comes whenever the program has opened the terminal.
    String::from_utf8(text).expect("text").replacen("hi\r\n", "", 1)
}
