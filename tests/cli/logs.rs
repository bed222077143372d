//! `logs`.

use compose::engine::{LogRecord, Stream};
use jiff::Timestamp;

use crate::machine::Machine;

fn printed(lines: &[(i64, &str)]) -> Vec<LogRecord> {
    let record = |(second, text): &(i64, &str)| LogRecord {
        stream: Stream::Stdout,
        time: Timestamp::from_second(*second).unwrap(),
        text: text.as_bytes().to_vec(),
    };
    lines.iter().map(record).collect()
}

fn up() -> Machine {
    let machine = Machine::with("services:\n  web: {image: nginx}\n  db: {image: postgres}\n");
    machine.err("up -d");
    machine.engine.print("demo-web-1", printed(&[(1, "hello\n"), (4, "bye\n")]));
    machine.engine.print("demo-db-1", printed(&[(2, "ready\n"), (3, "no newline")]));
    machine
}

#[test]
fn lines_are_in_order_of_time() {
    let machine = up();
    assert_eq!(
        machine.out("logs"),
        "web-1  | hello\ndb-1   | ready\nweb-1  | bye\ndb-1   | no newline\n"
    );
}

#[test]
fn some_services_some_lines() {
    let machine = up();
    assert_eq!(machine.out("logs web"), "web-1  | hello\nweb-1  | bye\n");
    assert_eq!(machine.out("logs -n 1 web"), "web-1  | bye\n");
    assert!(machine.fails("logs --index 7 web").contains("service \"web\" has no container #7"));
    assert_eq!(machine.out("logs --no-log-prefix db"), "ready\nno newline\n");
    assert_eq!(
        machine.out("logs -t --tail 1 web"),
        "web-1  | 1970-01-01T00:00:04.000000000Z bye\n"
    );
    assert_eq!(machine.out("logs --since 1970-01-01T00:00:02Z web"), "web-1  | bye\n");
    assert_eq!(machine.out("logs --index 1 db").lines().count(), 2);
    assert!(machine.fails("logs --tail x").contains("invalid --tail value \"x\""));
}

#[test]
fn following_prints_the_same_lines() {
    let machine = up();
    machine.err("stop");
    let out = machine.out("logs -f");
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    let expected = ["db-1   | no newline", "db-1   | ready", "web-1  | bye", "web-1  | hello"];
    assert_eq!(lines, expected);
}

#[test]
fn colours_only_when_forced() {
    let machine = up();
    assert_eq!(machine.out("--ansi always logs -n 1 web"), "\x1b[36mweb-1  | \x1b[0mbye\n");
    assert_eq!(machine.out("--ansi always logs -n 1 --no-color web"), "web-1  | bye\n");
}
