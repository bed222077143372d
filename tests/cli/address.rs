//! Commands that are meant for another machine, and what they must not do on this one.

use sha2::{Digest, Sha256};

use crate::machine::{Machine, Ran};

const WEB: &str = "services:\n  web: {image: nginx}\n";

/// A machine whose Docker client knows the contexts `prod` (elsewhere) and `desktop` (here).
fn machine() -> Machine {
    let mut machine = Machine::with(WEB);
    for (name, host) in [("prod", "ssh://prod"), ("desktop", "unix:///run/user/7/docker.sock")] {
        let digest: String = Sha256::digest(name).iter().map(|it| format!("{it:02x}")).collect();
        std::fs::create_dir_all(machine.path(&format!("conf/contexts/meta/{digest}"))).unwrap();
        let text =
            format!("{{\"Name\":\"{name}\",\"Endpoints\":{{\"docker\":{{\"Host\":\"{host}\"}}}}}}");
        machine.write(&format!("conf/contexts/meta/{digest}/meta.json"), &text);
    }
    machine.set("DOCKER_CONFIG", &machine.path("conf").display().to_string());
    machine
}

fn typed(machine: &Machine, line: &str) -> Ran {
    machine.typed(&line.split_whitespace().collect::<Vec<_>>())
}

/// The command fails, says this, and has done nothing here.
fn refuses(machine: &Machine, line: &str, said: &str) {
    let ran = typed(machine, line);
    assert!(ran.code != 0 && ran.err.contains(said), "{line}: {ran:?}");
    assert_eq!(machine.states(), [""; 0], "{line}");
}

#[test]
fn what_is_meant_for_another_machine_does_not_happen_here() {
    let machine = machine();
    let away = "ssh://prod is another machine's engine";
    for line in [
        "docker --context prod run -d nginx",
        "docker -c prod compose up -d",
        "docker -H ssh://prod run -d nginx",
        "docker --host=ssh://prod volume create v",
        "docker-compose --context prod compose up -d",
        "docker-compose -Hssh://prod compose up -d",
        "docker -H unix:///x -H ssh://prod ps",
        "docker --context prod version",
    ] {
        refuses(&machine, line, away);
    }
    refuses(&machine, "docker --context prd ps", "context \"prd\": context not found");
    for line in ["docker --context desktop run -d nginx", "docker --context default ps"] {
        assert_eq!(typed(&machine, line).code, 0, "{line}");
    }
}

#[test]
fn variables_and_the_current_context_count_for_every_name() {
    for (variable, value, said) in [
        ("DOCKER_HOST", "tcp://docker:2375", "tcp://docker:2375 is another machine's engine"),
        ("DOCKER_HOST", "ssh://prod", "to use this one, unset DOCKER_HOST"),
        ("DOCKER_CONTEXT", "prod", "to use this one, unset DOCKER_CONTEXT"),
    ] {
        let mut machine = machine();
        machine.set(variable, value);
        for line in ["compose up -d", "docker-compose up -d", "docker run -d nginx"] {
            refuses(&machine, line, said);
        }
        // What needs no engine is the same everywhere.
        assert_eq!(typed(&machine, "compose config -q").code, 0);
    }
    let mut machine = machine();
    machine.write("conf/config.json", "{\"currentContext\": \"prod\"}");
    for line in ["compose up -d", "docker-compose up -d", "docker run -d nginx"] {
        refuses(&machine, line, "set DOCKER_CONTEXT=default, or edit ");
    }
    assert_eq!(typed(&machine, "docker -H unix:///x ps").code, 0, "an option wins");
    machine.set("DOCKER_CONTEXT", "default");
    assert_eq!(typed(&machine, "compose up -d").code, 0);
}
