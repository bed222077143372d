//! Where output goes besides the terminal: log drivers, seen by who receives it.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::world::{LIMIT, World, eventually};

/// Takes in what comes by datagram, stream and the journal's socket, one line a message.
const COLLECTOR: &str = r#"
import os, socket, threading
out = open('received', 'ab', buffering=0)
def datagrams(name, s):
    while True:
        out.write(name + b' ' + s.recv(65536).replace(b'\n', b'|') + b'\n')
def streams(name, s):
    while True:
        c, _ = s.accept()
        for line in c.makefile('rb'):
            out.write(name + b' ' + line.rstrip(b'\n') + b'\n')
def start(target, name, s):
    threading.Thread(target=target, args=(name, s)).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(('127.0.0.1', 5514))
tcp = socket.socket(); tcp.bind(('127.0.0.1', 5515)); tcp.listen()
gram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); gram.bind('gram')
os.makedirs('/run/systemd/journal')
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); journal.bind('/run/systemd/journal/socket')
start(datagrams, b'udp', udp); start(streams, b'tcp', tcp)
start(datagrams, b'gram', gram); start(datagrams, b'journal', journal)
out.write(b'ready\n')
"#;

/// A process of the test that ends with it.
struct Collector(Child);

impl Drop for Collector {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn received(world: &World) -> String {
    fs::read_to_string(world.path().join("received")).unwrap_or_default()
}

#[test]
fn syslog_and_the_journal_get_every_line_and_logs_still_reads_them() {
    let world = World::new();
    // The journal's socket has a fixed place: this world gets a /run of its own.
    world.shell("mount -t tmpfs none /run").ok();
    fs::write(world.path().join("collector.py"), COLLECTOR).unwrap();
    let mut command = world.command(world.path(), "python3");
    let child = command.arg("collector.py").stdout(Stdio::null()).spawn().unwrap();
    let _collector = Collector(child);
    eventually("the collector listens", LIMIT, || received(&world).contains("ready"));
    let gram = world.path().join("gram");
    world.compose_yaml(&format!(
        "
x-it: &it {{image: busybox, command: [sh, -c, 'echo out; echo err >&2'], labels: {{tier: front}}}}
services:
  udp: {{<<: *it, logging: {{driver: syslog, options: {{syslog-address: 'udp://127.0.0.1:5514', syslog-format: rfc5424, tag: '{{{{.Name}}}}', syslog-facility: local0}}}}}}
  tcp: {{<<: *it, logging: {{driver: syslog, options: {{syslog-address: 'tcp://127.0.0.1:5515', syslog-format: rfc3164, tag: t}}}}}}
  gram: {{<<: *it, logging: {{driver: syslog, options: {{syslog-address: 'unixgram://{}'}}}}}}
  journal: {{<<: *it, logging: {{driver: journald, options: {{labels: tier}}}}}}
",
        gram.display()
    ));
    world.compose(&["up"]).ok();
    eventually("all lines have come", LIMIT, || {
        received(&world).lines().filter(|line| line.contains("out") || line.contains("err")).count()
            == 8
    });
    let received = received(&world);
    let line = |start: &str, end: &str| {
        let found = received.lines().find(|line| line.starts_with(start) && line.contains(end));
        found.unwrap_or_else(|| panic!("{start} … {end} in {received}")).to_owned()
    };
    assert!(line("udp <134>1 20", " - out|").contains(" project-udp-1 "));
    assert!(line("udp <131>1 20", " - err|").contains(" project-udp-1 "));
    line("tcp <30>", " t[");
    line("gram <27>", ": err|");
    let journal = line("journal ", "MESSAGE=err");
    for field in
        ["CONTAINER_NAME=project-journal-1|", "PRIORITY=3|", "TIER=front|", "IMAGE_NAME=busybox|"]
    {
        assert!(journal.contains(field), "{field} in {journal}");
    }
    let logs = world.compose(&["logs", "--no-color", "tcp"]).ok();
    assert_eq!(logs.stdout, "tcp-1  | out\ntcp-1  | err\n");
    world.compose(&["down"]).ok();
    world.shell("umount -l /run").ok();
    world.assert_clean();
}

#[test]
fn a_driver_or_server_that_is_not_there_is_named_before_anything_is_made() {
    let world = World::new();
    for (logging, says) in [
        ("{driver: gelf}", "there is no log driver `gelf`"),
        (
            "{driver: syslog, options: {colour: red}}",
            "unknown log opt 'colour' for syslog log driver",
        ),
        (
            "{driver: syslog, options: {syslog-address: 'tcp://127.0.0.1:1'}}",
            "failed to initialize logging driver",
        ),
        (
            "{driver: json-file, options: {max-size: many}}",
            "`many` is not a value of log option `max-size`",
        ),
    ] {
        world.compose_yaml(&format!("services: {{it: {{image: busybox, logging: {logging}}}}}"));
        let refused = world.compose(&["up", "-d"]);
        assert_ne!(refused.code, 0);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    world
        .compose_yaml("services: {it: {image: busybox, command: echo x, logging: {driver: none}}}");
    world.compose(&["up"]).ok();
    assert_eq!(world.compose(&["logs", "--no-log-prefix"]).stdout, "");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_full_disk_costs_lines_but_neither_the_container_nor_the_rest() {
    let world = World::new();
    // Everything lies on a small file system, which is full in a moment.
    world.compose_yaml(
        "
services:
  it:
    image: busybox
    init: true
    command:
      - sh
      - -c
      - 'echo first; while ! test -e /tmp/stop; do sleep 0.02; done; i=0; while test $$i -lt 2000; do echo line $$i of many; i=$$((i+1)); done; echo done > /tmp/done; while ! test -e /tmp/go; do sleep 0.02; done; echo last; sleep infinity'
",
    );
    world.compose(&["create"]).ok();
    let id = world.compose(&["ps", "-aq", "--no-trunc"]).ok().text().to_owned();
    let log = world.path().join("data/containers").join(&id).join("log");
    world.shell(&format!("mount -t tmpfs -o size=64k none {}", log.display())).ok();
    world.compose(&["start"]).ok();
    eventually("the first line is there", LIMIT, || {
        world.compose(&["logs", "--no-log-prefix"]).text() == "first"
    });
    world.compose(&["exec", "-T", "it", "touch", "/tmp/stop"]).ok();
    eventually("the container was not held up", LIMIT, || {
        world.compose(&["exec", "-T", "it", "test", "-e", "/tmp/done"]).code == 0
    });
    world.shell(&format!("mount -o remount,size=10m {}", log.display())).ok();
    world.compose(&["exec", "-T", "it", "touch", "/tmp/go"]).ok();
    eventually("the log goes on, and says what is missing", LIMIT, || {
        let logs = world.compose(&["logs", "--no-log-prefix"]).stdout;
        let missing = logs.contains("\ncompose: the log could not be written: ");
        missing && logs.lines().count() < 2000 && logs.ends_with("\nlast\n")
    });
    world.compose(&["stop", "-t", "1"]).ok();
    // The shim, which has just said that all is over, has the log open to its very end.
    let unmount = format!("umount {}", log.display());
    eventually("nobody has the log open", LIMIT, || world.shell(&unmount).code == 0);
    world.compose(&["down", "-t", "1"]).ok();
    world.assert_clean();
}

#[test]
fn logs_of_several_services_are_in_the_order_of_time() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  a: {image: busybox, command: [sh, -c, 'for i in 1 3 5; do while ! test -e /turn/$$i; do sleep 0.01; done; echo $$i; touch /turn/$$((i+1)); done'], volumes: ['turn:/turn']}
  b: {image: busybox, command: [sh, -c, 'for i in 2 4 6; do while ! test -e /turn/$$i; do sleep 0.01; done; sleep 0.05; echo $$i; sleep 0.05; touch /turn/$$((i+1)); done'], volumes: ['turn:/turn']}
  c: {image: busybox, command: [touch, /turn/1], volumes: ['turn:/turn']}
volumes: {turn: }
",
    );
    world.compose(&["up"]).ok();
    let logs = world.compose(&["logs", "--no-log-prefix"]).ok();
    assert_eq!(logs.stdout, "1\n2\n3\n4\n5\n6\n");
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

#[test]
fn following_ends_at_its_moment_also_when_nothing_is_printed() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  one: {image: busybox, command: sh -c 'echo one; exec sleep 1000', stop_signal: SIGKILL}
  two: {image: busybox, command: sh -c 'echo two; exec sleep 1000', stop_signal: SIGKILL}
",
    );
    world.compose(&["up", "-d"]).ok();
    let said = || world.compose(&["logs", "--no-color"]).stdout;
    eventually("both have spoken", LIMIT, || said().lines().count() == 2);
    let moment = jiff::Timestamp::now() + Duration::from_millis(300);
    let moment = moment.to_string();
    for until in ["0s", &moment] {
        let logs = world.compose(&["logs", "-f", "--until", until, "--no-color"]).ok();
        let one_first = logs.stdout == "one-1  | one\ntwo-1  | two\n";
        assert!(one_first || logs.stdout == "two-1  | two\none-1  | one\n", "{}", logs.stdout);
    }
    let shown = world.compose(&["ps", "-q", "one"]).ok();
    let logs = world.compose(&["container", "logs", "-f", "--until", "0s", shown.text()]).ok();
    assert_eq!(logs.stdout, "one\n");
    world.compose(&["down"]).ok();
    world.assert_clean();
}
