//! How programs are found, executed, and end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use compose::base::Kind;

use crate::Test;
use crate::container::Container;

pub const TESTS: &[Test] = &[
    ("program::exit_codes_and_signals_come_back", codes),
    ("program::a_missing_program_is_told_in_dockers_words", missing),
    ("program::what_cannot_be_executed_is_told_in_dockers_words", not_executable),
    ("program::the_working_directory_is_made", working_directory),
    ("program::cve_2024_21626_a_working_directory_never_leads_out", working_directory_escape),
    ("program::init_reaps_and_forwards", init),
    ("program::a_pipe_that_breaks_ends_a_program", broken_pipe),
];

fn codes() {
    assert_eq!(Container::sh("exit 7").run().code, 7);
    assert_eq!(Container::new(&["true"]).run().code, 0);
    let mut init = Container::sh("kill -9 $$");
    init.spec.init = true;
    assert_eq!(init.run().code, 137);
}

fn missing() {
    let error = Container::new(&["foo"]).fails();
    assert_eq!(
        format!("{error:?}"),
        "NoSuchProgram: exec: \"foo\": executable file not found in $PATH"
    );
    let error = Container::new(&["/bin/foo"]).fails();
    assert_eq!(
        format!("{error:?}"),
        "NoSuchProgram: exec: \"/bin/foo\": stat /bin/foo: no such file or directory"
    );
    let script = Container::new(&["/bin/script"]);
    fs::write(script.image("bin/script"), "#!/bin/nothing\n").expect("a file");
    fs::set_permissions(script.image("bin/script"), PermissionsExt::from_mode(0o755))
        .expect("a mode");
    let error = script.fails();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::NoSuchProgram, "exec /bin/script: no such file or directory")
    );
    let mut init = Container::new(&["foo"]);
    init.spec.init = true;
    assert_eq!(init.fails().kind(), Kind::NoSuchProgram);
}

fn not_executable() {
    for (program, text) in [
        ("/etc/passwd", "exec: \"/etc/passwd\": permission denied"),
        ("/etc", "exec: \"/etc\": is a directory: permission denied"),
        ("/bin/junk", "exec /bin/junk: exec format error"),
    ] {
        let container = Container::new(&[program]);
        fs::write(container.image("bin/junk"), "junk").expect("a file");
        fs::set_permissions(container.image("bin/junk"), PermissionsExt::from_mode(0o755))
            .expect("a mode");
        assert_eq!(format!("{:?}", container.fails()), format!("NotExecutable: {text}"));
    }
}

fn working_directory() {
    let mut container = Container::sh("pwd; stat -c '%a %u' .");
    container.spec.process.cwd = "/srv/app".to_owned();
    container.spec.process.user = "web".to_owned();
    assert_eq!(container.out(), "/srv/app\n755 0\n");

    container.spec.read_only = true;
    container.spec.process.cwd = "/srv/other".to_owned();
    assert_eq!(container.out(), "/srv/other\n755 0\n");
}

fn working_directory_escape() {
    for fd in 3..20 {
        let mut container = Container::sh("pwd");
        container.spec.process.cwd = format!("/proc/self/fd/{fd}");
        let error = container.fails().to_string();
        assert!(error.contains("working directory"), "{error}");
    }
    let mut file = Container::sh("pwd");
    file.spec.process.cwd = "/etc/passwd".to_owned();
    assert_eq!(file.fails().to_string(), "Cannot mkdir: /etc/passwd is not a directory");
}

fn init() {
    let script = "trap 'echo term; exit 3' TERM
        echo $$ $PPID
        (sleep 0.01 &)
        while [ -n \"$(ps -o stat | grep Z)\" ]; do :; done
        cat /proc/1/cmdline | head -c 12; echo; ls /proc/1/fd | wc -l
        readlink /proc/1/exe || echo hidden
        grep -E 'CapEff|Seccomp:' /proc/1/status
        echo ready
        while :; do sleep 0.05; done";
    let mut container = Container::sh(script);
    container.spec.init = true;
    let mut running = container.start().expect("it starts");
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "ready") {
        lines.push(running.line());
    }
    assert_eq!(
        lines,
        ["2 1", "compose-init", "3", "hidden", "CapEff:\t00000000800405fb", "Seccomp:\t2", "ready"]
    );
    rustix::process::pidfd_send_signal(&running.started.pidfd, rustix::process::Signal::TERM)
        .expect("a process");
    let said = running.wait();
    assert_eq!((said.out.as_str(), said.code), ("term\n", 3));
}

fn broken_pipe() {
    // Rust ignores SIGPIPE; a program must not inherit that.
    let out = Container::new(&["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]).out();
    assert_eq!(out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}
