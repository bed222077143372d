//! Start, stop, restart, health, loss.

use std::time::Duration;

use compose::base::Kind;
use compose::resource::State;
use compose::resource::container::{HealthStatus, RestartPolicy, Status, Stop};
use compose::resource::process::HealthCheck;
use compose::shim;
use compose::shim::client;
use compose::shim::protocol::{Reply, Request};
use compose::state::lock::await_free;

use crate::container::{Container, await_status, is, spec};

#[test]
fn a_container_runs_ends_and_leaves_its_exit_code_and_log() {
    let container = Container::create(&spec("echo hello; echo oops >&2; exit 3"));
    let started = container.start().unwrap();
    assert!(started.pid.is_some());
    let end = container.end();
    assert_eq!((end.state, end.exit_code, end.pid), (State::Exited, Some(3), None));
    assert!(end.finished_at >= end.started_at);
    let mut lines: Vec<_> = container.log().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["hello", "oops"]);
    assert!(!container.dir.run().exists());
    assert!(container.cgroups().is_empty(), "{:?}", container.cgroups());
    assert_eq!(client::status(&container.dir).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn a_program_that_does_not_exist_is_reported_to_whoever_starts_it() {
    let mut missing = spec("");
    missing.process.argv = vec!["no-such-program".to_owned()];
    let container = Container::create(&missing);
    let error = container.start().unwrap_err();
    assert_eq!(error.kind(), Kind::NoSuchProgram, "{error}");
    let end = container.end();
    assert_eq!((end.state, end.exit_code), (State::Created, Some(127)));
    assert!(container.cgroups().is_empty());
}

#[test]
fn a_second_shim_is_refused_and_the_first_goes_on() {
    let container = Container::create(&spec("exec sleep 1000"));
    container.start().unwrap();
    assert_eq!(container.start().unwrap_err().kind(), Kind::Conflict);
    assert_eq!(client::status(&container.dir).unwrap().state, State::Running);
}

#[test]
fn stop_asks_politely_and_kill_does_not() {
    let container = Container::create(&spec("trap 'exit 7' TERM; echo up; sleep 1000 & wait"));
    started_and_printed(&container);
    let stop = Request::Stop { signal: None, grace_ms: None, keep: false };
    assert_eq!(container.request(&stop).unwrap(), Reply::Done);
    let end = container.end();
    assert_eq!((end.exit_code, end.stopped_by_hand), (Some(7), true));

    let deaf = Container::create(&spec("trap '' TERM; echo up; exec sleep 1000"));
    started_and_printed(&deaf);
    assert_eq!(
        deaf.request(&Request::Stop { signal: None, grace_ms: Some(50), keep: false }).unwrap(),
        Reply::Done
    );
    assert_eq!(deaf.end().exit_code, Some(137));
}

#[test]
fn a_signal_by_another_name_arrives() {
    let container =
        Container::create(&spec("trap 'echo hup; exit 9' HUP; echo up; sleep 1000 & wait"));
    let watch = started_and_printed(&container);
    assert_eq!(
        container.request(&Request::Kill { signal: "hup".to_owned() }).unwrap(),
        Reply::Done
    );
    while watch.receive().unwrap().is_some() {}
    assert_eq!(container.end().exit_code, Some(9));
    assert_eq!(container.log(), "up\nhup\n");
    let error = container.request(&Request::Kill { signal: "nope".to_owned() }).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

/// Starts it and waits for its first output.
#[test]
fn who_asks_after_a_stop_hears_of_it_even_if_who_wanted_it_is_gone() {
    let deaf = Container::create(&spec("trap '' TERM; echo up; exec sleep 1000"));
    started_and_printed(&deaf);
    let init = client::status(&deaf.dir).unwrap().pid.unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{init}/stat")).unwrap();
    let parent = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse();
    let shim = rustix::process::Pid::from_raw(parent.unwrap()).unwrap();
    let signal = |signal| rustix::process::kill_process(shim, signal).unwrap();

    signal(rustix::process::Signal::STOP);
    let limit = Duration::from_millis(20);
    client::status_within(&deaf.dir, limit).expect_err("it hears nothing");
    let stop = Request::Stop { signal: None, grace_ms: Some(60_000), keep: false };
    let gone = client::Client::connect(&deaf.dir).unwrap();
    gone.send(&stop, &[]).unwrap();
    drop(gone);
    signal(rustix::process::Signal::CONT);
    let status = client::status_within(&deaf.dir, Duration::from_secs(60)).unwrap();
    assert!(status.stopping && !status.stays() && status.state == State::Running, "{status:?}");
    deaf.kill();
    let end = deaf.end();
    assert_eq!((end.state, end.stopping), (State::Exited, false));
}

fn started_and_printed(container: &Container) -> client::Client {
    container.start().unwrap();
    let watch = client::watch(&container.dir).unwrap();
    while container.log().is_empty() {
        assert!(watch.receive().unwrap().is_some());
    }
    watch
}

#[test]
fn on_failure_restarts_with_the_same_network_until_it_gives_up() {
    let mut failing = spec("echo run; exit 1");
    failing.restart = RestartPolicy::OnFailure { max_retries: 2 };
    let container = Container::create(&failing);
    container.start().unwrap();
    let end = container.end();
    assert_eq!((end.restart_count, end.exit_code), (2, Some(1)));
    assert_eq!(container.log(), "run\nrun\nrun\n");
}

#[test]
fn killing_the_first_process_obeys_the_restart_policy() {
    let mut always = spec("exec sleep 1000");
    always.restart = RestartPolicy::Always;
    let container = Container::create(&always);
    let first = container.start().unwrap().pid.unwrap();
    let watch = client::watch(&container.dir).unwrap();
    let pid = rustix::process::Pid::from_raw(first).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let again = await_status(&watch, |status| status.pid.is_some_and(|pid| pid != first));
    assert_eq!((again.state, again.restart_count), (State::Running, 1));

    assert_eq!(
        container.request(&Request::Stop { signal: None, grace_ms: Some(0), keep: false }).unwrap(),
        Reply::Done
    );
    assert_eq!(container.end().state, State::Exited);
}

#[test]
fn health_follows_the_probe() {
    let mut checked = spec("sleep 1000");
    checked.health = Some(HealthCheck {
        argv: ["sh", "-c", "echo looking; test -e /tmp/well"].map(str::to_owned).to_vec(),
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(10),
        retries: 2,
        start_period: Duration::ZERO,
        start_interval: Duration::from_secs(5),
    });
    let container = Container::create(&checked);
    let started = container.start().unwrap();
    assert_eq!(started.health.unwrap().status, HealthStatus::Starting);
    let verdict = |wanted| move |status: &Status| status.health.as_ref().unwrap().status == wanted;
    let sick = container.await_status(verdict(HealthStatus::Unhealthy));
    let health = sick.health.unwrap();
    assert_eq!((health.failing_streak, health.log[0].exit_code), (2, 1));
    assert_eq!(health.log[0].output, "looking\n");
    std::fs::write(container.dir.data().join("../../../rootfs/tmp/well"), "").unwrap();
    container.await_status(verdict(HealthStatus::Healthy));
    container.kill();
}

#[test]
fn a_probe_that_hangs_is_killed() {
    let mut checked = spec("sleep 1000");
    checked.health = Some(HealthCheck {
        argv: ["sleep", "1000"].map(str::to_owned).to_vec(),
        interval: Duration::from_millis(1),
        timeout: Duration::from_millis(50),
        retries: 1,
        start_period: Duration::ZERO,
        start_interval: Duration::from_secs(5),
    });
    let container = Container::create(&checked);
    container.start().unwrap();
    let sick = container
        .await_status(|status| status.health.as_ref().unwrap().status == HealthStatus::Unhealthy);
    let probe = &sick.health.unwrap().log[0];
    assert_eq!(
        (probe.exit_code, probe.output.as_str()),
        (-1, "Health check exceeded timeout (50ms)")
    );
    container.kill();
}

#[test]
fn a_paused_container_can_be_resumed_and_stopped() {
    let container = Container::create(&spec("exec sleep 1000"));
    container.start().unwrap();
    assert_eq!(container.request(&Request::Pause).unwrap(), Reply::Done);
    assert_eq!(client::status(&container.dir).unwrap().state, State::Paused);
    assert_eq!(container.request(&Request::Pause).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(container.request(&Request::Resume).unwrap(), Reply::Done);
    assert_eq!(container.request(&Request::Pause).unwrap(), Reply::Done);
    assert_eq!(
        container
            .request(&Request::Stop { signal: None, grace_ms: Some(100), keep: false })
            .unwrap(),
        Reply::Done
    );
    assert_eq!(container.end().state, State::Exited);
}

#[test]
fn lack_of_memory_is_noticed() {
    let mut hungry = spec("exec tail /dev/zero");
    hungry.limits.memory = Some("16m".parse().unwrap());
    let container = Container::create(&hungry);
    container.start().unwrap();
    let end = container.end();
    assert_eq!((end.exit_code, end.oom_killed), (Some(137), true));
}

#[test]
fn the_end_of_the_shim_by_signal_stops_the_container_in_order() {
    let mut container = spec("trap 'echo bye; exit 0' TERM; echo up; sleep 1000 & wait");
    container.stop = Stop { grace: None, ..Stop::default() };
    container.restart = RestartPolicy::UnlessStopped;
    let container = Container::create(&container);
    let watch = started_and_printed(&container);
    kill_shim(&container, rustix::process::Signal::TERM);
    while watch.receive().unwrap().is_some() {}
    let end = container.end();
    assert_eq!((end.exit_code, end.stopped_by_hand), (Some(0), false));
    assert_eq!(container.log(), "up\nbye\n");
}

#[test]
fn after_the_loss_of_its_shim_a_container_is_cleaned_away() {
    let container = Container::create(&spec("exec sleep 1000"));
    container.start().unwrap();
    let watch = client::watch(&container.dir).unwrap();
    shim::recover(&container.dir, &container.id).unwrap();
    assert_eq!(client::status(&container.dir).unwrap().state, State::Running, "it has a shim");

    kill_shim(&container, rustix::process::Signal::KILL);
    while watch.receive().unwrap().is_some() {}
    // A dying process closes its descriptors one after the other.
    await_free(&container.dir.alive()).unwrap();
    shim::recover(&container.dir, &container.id).unwrap();
    let end = container.end();
    assert_eq!((end.state, end.exit_code), (State::Dead, Some(255)));
    assert!(container.cgroups().is_empty());
    assert!(!container.dir.run().exists());
}

fn kill_shim(container: &Container, signal: rustix::process::Signal) {
    let data = container.dir.data().to_str().unwrap().to_owned();
    let shims = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let words = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        (words.contains("__shim") && words.contains(&data)).then_some(pid)
    });
    for pid in shims.collect::<Vec<_>>() {
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal)
            .unwrap();
    }
}

#[test]
fn a_container_that_removes_itself_leaves_nothing() {
    let mut fleeting = spec("exit 0");
    fleeting.auto_remove = true;
    let container = Container::create(&fleeting);
    std::fs::create_dir_all(container.roots.container_names()).unwrap();
    let name = container.roots.container_names().join("test-1");
    std::os::unix::fs::symlink(container.id.as_str(), &name).unwrap();
    container.start().unwrap();
    if let Ok(watch) = client::watch(&container.dir) {
        while watch.receive().unwrap().is_some() {}
    }
    container.await_gone();
    assert!(!container.dir.data().exists());
    assert!(name.symlink_metadata().is_err());
    // Its files are deleted after everybody was told.
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while std::fs::read_dir(container.roots.gc()).unwrap().count() > 0 {
        assert!(std::time::Instant::now() < end, "its files are not deleted");
        std::thread::yield_now();
    }
}

#[test]
fn a_watcher_sees_the_life_from_running_to_the_end() {
    let container = Container::create(&spec("exec sleep 1000"));
    container.start().unwrap();
    let watch = client::watch(&container.dir).unwrap();
    await_status(&watch, is(State::Running));
    container.kill();
    await_status(&watch, is(State::Exited));
    assert!(watch.receive().unwrap().is_none());
}
