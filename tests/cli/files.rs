//! Commands about the compose files themselves: `fmt`, `lint`, `lock`, and the graph of `config`.

use crate::machine::Machine;

const UNTIDY: &str = "\
services:
    web:
        image: 'nginx'   # the site
        ports:
        - '8080:80'
";

const TIDY: &str = "\
name: demo

services:
  web:
    image: nginx # the site
    ports:
      - \"8080:80\"
";

#[test]
fn fmt_rewrites_the_files_of_the_project() {
    let machine = Machine::with(UNTIDY);
    let checked = machine.run("fmt --check");
    assert_eq!((checked.code, checked.out.as_str()), (1, "compose.yaml\n"));
    let diff = machine.out("fmt --diff");
    assert!(diff.contains("--- compose.yaml\n") && diff.contains("\n+  web:\n"), "{diff}");
    assert_eq!(machine.out("fmt"), "compose.yaml\n");
    assert_eq!(machine.read("compose.yaml"), TIDY);
    assert_eq!(machine.out("fmt"), "");
    assert_eq!(machine.out("fmt --check"), "");
}

#[test]
fn fmt_says_what_it_upgrades_and_leaves_alone_what_is_no_yaml() {
    let machine = Machine::empty();
    machine.write("old.yml", "version: '2'\nservices:\n  web:\n    net: host\n");
    let ran = machine.run("fmt --upgrade old.yml");
    assert_eq!((ran.code, ran.out.as_str()), (0, "old.yml\n"));
    let said = "old.yml:1: `version` has no meaning any more and is gone\n\
                old.yml:4: `net` is `network_mode` now\n";
    assert_eq!(ran.err, said);
    assert_eq!(machine.read("old.yml"), "services:\n  web:\n    network_mode: host\n");
    machine.write("bad.yml", "a: [1\n");
    assert!(machine.fails("fmt bad.yml").contains("error[yaml]"));
    assert_eq!(machine.read("bad.yml"), "a: [1\n");
    assert!(machine.fails("fmt").contains("compose"));
}

#[test]
fn lint_finds_mistakes_and_exits_with_1_on_errors() {
    let machine = Machine::with("services:\n  web: {image: nginx}\n");
    assert_eq!(machine.run("lint --allow latest-tag").code, 0);
    let machine = Machine::with("version: '3'\nservices:\n  web: {image: \"nginx:1\"}\n");
    let ran = machine.run("lint");
    assert!(ran.code == 0 && ran.out.contains("warning[obsolete-version]"), "{ran:?}");
    assert_eq!(machine.run("--strict lint").code, 1);
    let machine = Machine::with("services:\n  web: {imag: nginx}\n");
    let ran = machine.run("lint --format sarif");
    let log: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!((ran.code, result["ruleId"].as_str()), (1, Some("unknown-key")));
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 3);
}

#[test]
fn lock_pins_images_and_up_takes_them_or_nothing() {
    let machine = Machine::with(
        "services:\n  web: {image: \"nginx:1\"}\n  db: {image: mysql, profiles: [data]}\n  own: {image: own, build: .}\n",
    );
    let unlocked = machine.fails("up -d --locked web");
    assert!(unlocked.contains("compose.lock does not have nginx:1"), "{unlocked}");
    assert_eq!(machine.run("lock --check").code, 1);
    let out = machine.out("lock");
    assert!(out.contains("mysql sha256:") && out.contains("nginx:1 sha256:"), "{out}");
    let lock = machine.read("compose.lock");
    assert!(lock.contains("version: 1\nimages:\n  \"mysql\": sha256:"), "{lock}");
    assert!(!lock.contains("own"), "{lock}");
    assert_eq!((machine.out("lock --check"), machine.out("lock")), (String::new(), String::new()));
    assert_eq!(machine.engine.calls().iter().filter(|it| it.starts_with("resolve")).count(), 2);
    let plan = machine.out("--dry-run up -d --locked web");
    assert!(plan.contains("pull nginx@sha256:"), "{plan}");
}

#[test]
fn lock_renews_what_it_is_told_to() {
    let machine = Machine::with("services:\n  a: {image: a}\n  b: {image: b}\n");
    machine.out("lock");
    let old = machine.read("compose.lock");
    let mut newer = compose::engine::fake::image("a");
    let digest = format!("sha256:{}", "5".repeat(64));
    newer.digests = vec![format!("a@{digest}")];
    machine.engine.offer("a", newer);
    assert_eq!(machine.out("lock"), "");
    assert_eq!(machine.out("lock --update b"), "");
    assert_eq!(machine.read("compose.lock"), old);
    assert_eq!(machine.out("lock --update a"), format!("a {digest}\n"));
    assert!(machine.read("compose.lock").contains(&digest));
}

#[test]
fn the_graph_is_drawn_in_every_form() {
    let machine = Machine::with(
        "services:\n  web: {image: nginx, depends_on: [db]}\n  db: {image: mysql, volumes: [\"data:/d\"]}\nvolumes: {data: }\n",
    );
    assert_eq!(machine.out("config --graph"), "web  nginx\n└── db  mysql\n");
    let all = machine.out("config --graph=text --graph-resources");
    assert!(all.contains("data (/d)  volume"), "{all}");
    assert!(machine.out("config --graph dot").starts_with("digraph \"demo\""));
    assert!(machine.out("config --graph mermaid").starts_with("flowchart TD\n"));
    assert!(machine.out("config --graph svg").starts_with("<svg "));
    assert!(machine.fails("config --graph png").contains("use `text`, `dot`, `mermaid` or `svg`"));
}
