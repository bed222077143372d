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

#[test]
fn events_of_the_project_in_two_shapes() {
    let machine = up();
    machine.err("stop web");
    let lines = machine.out("events --since 1970-01-01 --until 0s web");
    let actions: Vec<&str> = lines.lines().map(|line| line.split(' ').nth(3).unwrap()).collect();
    assert_eq!(actions, ["create", "start", "die"]);
    assert!(lines.lines().all(|line| line.ends_with("(image=nginx, name=demo-web-1)")), "{lines}");
    let json = machine.out("events --json --since 1970-01-01 --until 0s db");
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let fields: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["action", "attributes", "id", "service", "time", "type"]);
    assert_eq!((&first["service"], &first["type"]), (&"db".into(), &"container".into()));
    assert_eq!(machine.out("events --until 0s"), "", "only what comes, unless --since asks");
    assert!(machine.fails("events --since yesterday").contains("`yesterday` is not a time"));
}

#[test]
fn files_go_out_and_in() {
    let machine = up();
    machine.engine.put_file("demo-web-1", "/etc/a.conf", b"one\n");
    let said = machine.err("cp web:/etc/a.conf b.conf");
    assert_eq!(said, "Successfully copied 2.05kB to b.conf\n");
    assert_eq!(machine.read("b.conf"), "one\n");
    machine.err("cp web:/etc copied");
    assert_eq!(machine.read("copied/a.conf"), "one\n");

    let said = machine.err("cp b.conf web:/tmp");
    assert_eq!(said, "Successfully copied 2.05kB to demo-web-1:/tmp\n");
    assert_eq!(machine.engine.file("demo-web-1", "/tmp/b.conf").unwrap(), b"one\n");
    machine.err("cp copied/. web:/etc");
    machine.err("cp -a copied web:/etc");
    assert_eq!(machine.engine.file("demo-web-1", "/etc/copied/a.conf").unwrap(), b"one\n");
    assert!(
        machine.engine.calls().contains(&"copy with owners into /etc of demo-web-1".to_owned())
    );
    let archive = machine.out("cp web:/etc/a.conf -");
    assert!(archive.starts_with("a.conf\0") && archive.contains("one\n"), "{archive}");
}

#[test]
fn into_all_replicas_out_of_the_first() {
    let machine = Machine::with("services:\n  web: {image: nginx, scale: 2}\n");
    machine.err("up -d");
    machine.write("f", "x");
    machine.err("cp f web:/tmp/g");
    for replica in ["demo-web-1", "demo-web-2"] {
        assert_eq!(machine.engine.file(replica, "/tmp/g").unwrap(), b"x");
    }
    machine.err("cp --index 2 f web:/tmp/only");
    assert_eq!(machine.engine.file("demo-web-1", "/tmp/only"), None);
    assert!(machine.fails("cp web:/tmp/only .").contains("Could not find the file /tmp/only"));
    machine.err("cp --index 2 web:/tmp/only got");
    assert_eq!(machine.read("got"), "x");
}

#[test]
fn a_copy_that_cannot_be_says_why() {
    let machine = up();
    machine.write("f", "x");
    for (line, message) in [
        ("cp web:/a db:/b", "copying between services is not supported"),
        ("cp f g", "unknown copy direction"),
        ("cp f wbe:/tmp", "did you mean `web`?"),
        ("cp none web:/tmp", "cannot copy /home/u/demo/none"),
        ("cp f web:/tmp/new/", "no such directory: /tmp/new/"),
        ("cp f web:/none/x", "Could not find the file /none"),
        ("cp web:/none .", "Could not find the file /none in container demo-web-1"),
    ] {
        let said = machine.fails(line);
        assert!(said.contains(message), "{line}: {said}");
    }
}

#[test]
fn a_container_becomes_an_image() {
    let machine = up();
    let id = machine
        .run_words(&["commit", "-a", "me", "-m", "note", "-c", "USER x", "web", "site:2"])
        .out;
    let id = id.trim_end();
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    assert!(machine.engine.calls().contains(&"pause and commit site:2 of demo-web-1".to_owned()));
    machine.out("commit --pause=false web");
    assert!(machine.engine.calls().contains(&"commit  of demo-web-1".to_owned()));
    assert!(machine.fails("commit --index 3 web").contains("has no container #3"));
    assert!(machine.fails("commit web UPPER/Case").contains("lowercase"));
}

#[test]
fn all_files_become_an_archive() {
    let machine = up();
    machine.engine.put_file("demo-web-1", "/etc/a.conf", b"one\n");
    let archive = machine.out("export web");
    assert!(archive.contains("etc/a.conf") && archive.contains("one\n"), "{archive}");
    assert_eq!(machine.out("export -o web.tar web"), "");
    assert_eq!(machine.read("web.tar"), archive);
    machine.engine.fail("export demo-db-1");
    machine.fails("export -o db.tar db");
    assert!(machine.fails("export -o none/x.tar web").contains("cannot create"));
}
