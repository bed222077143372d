//! `stats`, `events`, `cp`, `commit`, `export` and `top`: looking into containers, and getting things out of them.

use crate::machine::Machine;

fn up() -> Machine {
    let machine = Machine::with("services:\n  web: {image: nginx}\n  db: {image: postgres}\n");
    machine.err("up -d");
    machine
}

#[test]
fn stats_are_a_table() {
    let machine = up();
    machine.err("stop db");
    let table = machine.out("stats --no-stream");
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "CONTAINER ID",
            "NAME",
            "CPU %",
            "MEM USAGE / LIMIT",
            "MEM %",
            "NET I/O",
            "BLOCK I/O",
            "PIDS"
        ]
    );
    assert_eq!(
        lines[1][1..],
        ["demo-web-1", "50.00%", "2MiB / 1GiB", "0.20%", "1.5kB / 700B", "4.1kB / 0B", "3"]
    );
    assert_eq!(lines.len(), 2, "a stopped container is shown on request only:\n{table}");
    assert!(machine.out("stats -a --no-stream").contains("demo-db-1"));
    assert_eq!(machine.out("stats --no-stream db").lines().count(), 1);
}

#[test]
fn stats_for_machines() {
    let machine = up();
    let out = machine.out("stats --no-stream --no-trunc --format json web");
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    let fields: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["BlockIO", "CPUPerc", "Container", "ID", "MemPerc", "MemUsage", "Name", "NetIO", "PIDs"]
    );
    assert_eq!(object["ID"].as_str().unwrap().len(), 64);
    let ran = machine.run_words(&["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}"]);
    assert_eq!(ran.out, "demo-db-1 3\ndemo-web-1 3\n");
    assert!(machine.fails("stats --no-stream wbe").contains("did you mean `web`?"));
}
