//! `publish`: what is asked and refused before anything is sent.

use crate::machine::Machine;

const NAME: &str = "registry.example.com/team/shop:1";

#[test]
fn what_nobody_else_could_run_is_refused() {
    for (file, what) in [
        ("services:\n  web: {build: .}\n", "nobody else has the images of web"),
        ("services:\n  web: {image: a, env_file: x.env}\n", "service web has env_file"),
        ("services:\n  web: {image: a, environment: {A: secret}}\n", "under `environment`: web.A"),
        ("include: [other.yaml]\nservices:\n  web: {image: a}\n", "it takes `include: other.yaml`"),
        (
            "services:\n  web: {image: a, extends: {file: other.yaml, service: web}}\n",
            "it takes `extends: {file: other.yaml}`",
        ),
    ] {
        let machine = Machine::with(file);
        machine.write("x.env", "A=1\n");
        machine.write("other.yaml", "services:\n  web: {image: b}\n  api: {image: b}\n");
        let err = machine.fails(&format!("publish {NAME}"));
        assert!(err.contains(what), "{file}: {err}");
        assert!(err.contains("hint"), "{err}");
    }
}

#[test]
fn variables_are_no_values() {
    let machine = Machine::with("services:\n  web: {image: a, environment: {A: '${A:-}', B: }}\n");
    let out = machine.out(&format!("publish --dry-run {NAME}"));
    assert_eq!(out, format!("publish compose.yaml to {NAME}\n"));
}

#[test]
fn directories_of_this_machine_are_asked_about() {
    let mut machine = Machine::with("services:\n  web: {image: a, volumes: ['./x:/x']}\n");
    machine.answer("n\n");
    let ran = machine.run(&format!("publish --dry-run {NAME}"));
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.err.contains("  web: /home/u/demo/x\n"), "{}", ran.err);
    machine.out(&format!("publish --dry-run -y {NAME}"));
}

#[test]
fn variables_of_files_reach_a_new_container() {
    let machine = Machine::with("services:\n  web: {image: busybox}\n");
    machine.write("a.env", "A=1\nB='two words'\nHOME_OF=$A\n");
    machine.run("run -d --env-from-file a.env -e A=9 web");
    let env = machine.engine.snapshot().containers[0].spec.process.env.clone();
    for variable in ["A=9", "B=two words", "HOME_OF=1"] {
        assert!(env.contains(&variable.to_owned()), "{variable}: {env:?}");
    }
    machine.write("b.env", "A B=1\n");
    let err = machine.fails("run --env-from-file b.env web");
    assert!(err.contains("b.env:1"), "{err}");
}
