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

#[test]
fn variables_that_stay_keep_every_port_name_and_path() {
    let machine = Machine::with(
        "services:\n  a:\n    image: busybox\n    networks: ['${NET}']\n    depends_on: ['${DB}']\n    ports: ['${A}:80', '${B}:81', '8080:${C:-90}', '127.0.0.1:${D}:91/udp']\n    volumes: [{type: bind, source: '${E}/data', target: /data}]\n",
    );
    let ran = machine.run("config --no-interpolate");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for text in ["${A}:80", "${B}:81", "8080:${C:-90}", "127.0.0.1:${D}:91/udp", "${NET}", "${DB}"]
    {
        assert!(ran.out.contains(text), "{text}: {}", ran.out);
    }
    assert!(ran.out.contains("source: ${E}/data"), "{}", ran.out);
    let listed = machine.out("config --no-interpolate --variables");
    for name in ["A", "B", "C", "D", "E"] {
        assert!(listed.lines().any(|line| line.starts_with(&format!("{name} "))), "{listed}");
    }
}

#[test]
fn resources_that_no_service_uses_are_printed_on_request() {
    let machine = Machine::with(COMPOSE);
    assert!(!machine.out("config").contains("demo_data"));
    assert!(machine.out("--all-resources config").contains("name: demo_data"));
    assert!(machine.out("--all-resources config --format json").contains("demo_data"));
    assert_eq!(machine.out("--all-resources config --volumes"), "data\n");
}

#[test]
fn warnings_are_about_the_services_that_were_named() {
    let machine = Machine::with(
        "services:\n  web: {image: 'nginx:${TAG}'}\n  db: {image: 'postgres:${VERSION}'}\n",
    );
    let said = machine.err("config web");
    assert!(said.contains("`TAG`") && !said.contains("`VERSION`"), "{said}");
    assert_eq!(machine.err("config --quiet"), "");
}
