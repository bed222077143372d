//! `config`.

use crate::machine::Machine;

const COMPOSE: &str = "\
services:
  web:
    image: nginx:${TAG:-1}
    profiles: [front]
    depends_on: [db]
  db:
    image: postgres
    environment: {MODE: fast}
volumes:
  data:
";

#[test]
fn lists_of_one_thing() {
    let machine = Machine::with(COMPOSE);
    assert_eq!(machine.out("config --services"), "db\n");
    assert_eq!(machine.out("--profile front config --services"), "db\nweb\n");
    assert_eq!(machine.out("config --profile front --images"), "nginx:1\npostgres\n");
    assert_eq!(machine.out("config --profiles"), "front\n");
    let hash = machine.out("config --hash db");
    assert!(hash.starts_with("db ") && hash.trim().len() == 67, "{hash}");
    assert_eq!(
        machine.out("config --variables"),
        "NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE\n\
         TAG                 false               1                   \n"
    );
    assert_eq!(
        machine.out("config --variables --format yaml"),
        "TAG:\n    name: TAG\n    defaultvalue: \"1\"\n    presencevalue: \"\"\n    required: false\n"
    );
    assert_eq!(
        machine.out("config --variables --format json"),
        "{\n    \"TAG\": {\n        \"Name\": \"TAG\",\n        \"DefaultValue\": \"1\",\n        \"PresenceValue\": \"\",\n        \"Required\": false\n    }\n}\n"
    );
}

#[test]
fn the_whole_project() {
    let machine = Machine::with(COMPOSE);
    let out = machine.out("config db");
    assert!(out.starts_with("name: demo\nservices:\n  db:\n"), "{out}");
    let json: serde_json::Value =
        serde_json::from_str(&machine.out("config --format json")).unwrap();
    assert_eq!(json["services"]["db"]["environment"]["MODE"], "fast");
    assert_eq!(machine.out("config -q"), "");
    assert_eq!(machine.out("config -o all.yaml"), "");
    assert!(machine.read("all.yaml").starts_with("name: demo\n"));
}

#[test]
fn mistakes_are_shown_with_their_place() {
    let machine = Machine::with("services:\n  web: {imag: nginx}\n");
    let err = machine.fails("config -q");
    assert!(err.contains("error[unknown-key]"), "{err}");
    assert!(err.contains("did you mean `image`?"), "{err}");
}
