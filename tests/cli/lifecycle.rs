//! `start`, `stop`, `restart`, `kill`, `pause`, `unpause` and `rm`.

use crate::machine::Machine;

fn up() -> Machine {
    let machine = Machine::with("services:\n  web: {image: nginx}\n  db: {image: postgres}\n");
    machine.err("up -d");
    machine
}

#[test]
fn stop_and_start() {
    let machine = up();
    assert_eq!(
        machine.err("stop web"),
        " Container demo-web-1  Stopping\n Container demo-web-1  Stopped\n"
    );
    assert_eq!(machine.states(), ["demo-db-1 running", "demo-web-1 exited"]);
    machine.err("start");
    assert_eq!(machine.states(), ["demo-db-1 running", "demo-web-1 running"]);
}

#[test]
fn restart_pause_kill() {
    let machine = up();
    let err = machine.err("restart -t 1 db");
    assert!(err.ends_with(" Container demo-db-1  Started\n"), "{err}");
    machine.err("pause db");
    assert_eq!(machine.states(), ["demo-db-1 paused", "demo-web-1 running"]);
    machine.err("unpause");
    machine.err("kill web");
    assert_eq!(machine.states(), ["demo-db-1 running", "demo-web-1 exited"]);
    assert_eq!(machine.err("kill web"), "No container to kill\n");
}

#[test]
fn rm_asks_and_takes_no_for_an_answer() {
    let mut machine = up();
    assert_eq!(machine.err("rm"), "No stopped containers\n");
    machine.err("stop web");
    assert_eq!(machine.err("rm"), "Going to remove demo-web-1 [y/N] \n");
    assert_eq!(machine.states().len(), 2);
    machine.answer("y\n");
    machine.err("rm");
    assert_eq!(machine.states(), ["demo-db-1 running"]);
    machine.err("rm -fs");
    assert_eq!(machine.states(), [""; 0]);
}

#[test]
fn an_unknown_service_is_an_error_with_the_closest_name() {
    let machine = up();
    for command in ["stop", "start", "restart", "kill", "pause", "logs", "ps", "rm"] {
        assert_eq!(
            machine.fails(&format!("{command} wbe")),
            "error: no such service: wbe\n  = hint: did you mean `web`?\n",
            "{command}"
        );
    }
}

#[test]
fn a_name_is_enough_without_files() {
    let machine = up();
    let mut elsewhere = Machine::empty();
    elsewhere.engine = machine.engine.clone();
    elsewhere.err("-p demo stop");
    assert_eq!(machine.states(), ["demo-db-1 exited", "demo-web-1 exited"]);
    assert!(elsewhere.fails("stop").contains("there is no compose file in /home/u/demo"));
}
