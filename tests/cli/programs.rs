//! `exec` and `run`.

use crate::machine::Machine;

fn up() -> Machine {
    let machine = Machine::with("services:\n  web: {image: nginx}\n  db: {image: postgres}\n");
    machine.err("up -d");
    machine
}

#[test]
fn exec_ends_as_its_command() {
    let machine = up();
    machine.engine.exec_exit_code(3);
    assert_eq!(machine.run("exec -T web sh -c exit").code, 3);
    let calls = machine.engine.calls();
    assert!(calls.contains(&"exec sh -c exit in demo-web-1".to_owned()), "{calls:?}");
    assert_eq!(machine.run("exec -it -d web true").code, 0);
}

#[test]
fn exec_needs_a_container_that_runs() {
    let machine = up();
    machine.err("stop web");
    assert_eq!(
        machine.fails("exec web ls"),
        "error: service \"web\" is not running\n  = hint: `compose up -d web` starts it\n"
    );
    machine.err("pause db");
    assert!(machine.fails("exec db ls").contains("is paused"));
}

#[test]
fn run_makes_a_container_of_its_own() {
    let machine = up();
    let ran = machine.run("run -T --name job web false");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(machine.states().contains(&"job exited".to_owned()), "{:?}", machine.states());
    assert_eq!(machine.run("run -T --rm --name job2 web true").code, 0);
    assert!(!machine.states().iter().any(|state| state.starts_with("job2")));
}

#[test]
fn run_in_the_background_prints_the_id() {
    let machine = up();
    let out = machine.out("run -d web serve");
    assert_eq!(out.trim().len(), 64, "{out}");
    let message = machine.fails("run -P -p 80:80 web");
    assert_eq!(message, "error: --service-ports and --publish are incompatible\n");
}

#[test]
fn wait_exits_as_the_container_did() {
    let machine = Machine::with(
        "services:\n  job: {image: x, entrypoint: ['false'], command: []}\n  db: {image: y}\n",
    );
    machine.err("up -d");
    let ran = machine.run("wait job");
    assert_eq!(ran.code, 1);
    assert!(ran.out.ends_with("exited with status code 1\n"), "{}", ran.out);
    assert_eq!(machine.run("wait --down-project job").code, 1);
    assert_eq!(machine.states(), [""; 0]);
}

#[test]
fn attach_needs_a_container_that_runs() {
    let machine = up();
    assert_eq!(machine.run("attach web").code, 0);
    machine.err("stop web");
    assert!(machine.fails("attach web").contains("cannot attach to a stopped container"));
    assert!(machine.fails("attach --detach-keys x1 web").contains("invalid detach keys"));
}

#[test]
fn a_mistyped_service_is_reported() {
    let machine = up();
    assert!(machine.fails("exec wbe ls").contains("did you mean `web`?"));
    assert!(machine.fails("run wbe ls").contains("did you mean `web`?"));
}
