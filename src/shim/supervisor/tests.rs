//! A container's life as text: events in, effects out.

use jiff::Timestamp;

use super::*;
use crate::resource::container::HealthStatus;

/// A supervisor, a clock, and the text of what it did.
struct Life {
    supervisor: Supervisor,
    boot: Duration,
    text: String,
}

impl Life {
    fn new(policy: RestartPolicy, check: Option<HealthCheck>) -> Life {
        let supervisor = Supervisor::new(policy, Stop::default(), check);
        Life { supervisor, boot: Duration::ZERO, text: String::new() }
    }

    /// Lets `millis` pass, then raises an event.
    fn after(&mut self, millis: u64, event: Event) -> &mut Life {
        self.boot += Duration::from_millis(millis);
        let wall = Timestamp::UNIX_EPOCH + jiff::SignedDuration::try_from(self.boot).unwrap();
        let effects = self.supervisor.on(Now { boot: self.boot, wall }, event.clone());
        let name = match event {
            Event::Started(_) => "Started".to_owned(),
            Event::Stop(_) => "Stop".to_owned(),
            Event::Exited(exit) => format!("Exited({})", exit.code),
            Event::StartFailed(failure) => format!("StartFailed({})", failure.code),
            Event::ProbeEnded(result) => format!("ProbeEnded({})", result.code),
            event => format!("{event:?}"),
        };
        let effects: Vec<String> = effects.iter().map(print).collect();
        let effects = match effects.is_empty() {
            true => "nothing".to_owned(),
            false => effects.join(", "),
        };
        self.text += &format!("{} {name} -> {effects}\n", self.boot.as_millis());
        self
    }

    fn started(&mut self) -> &mut Life {
        self.after(0, Event::Begin).after(0, Event::Started(7))
    }

    fn status(&self) -> &Status {
        self.supervisor.status()
    }

    #[track_caller]
    fn assert(&mut self, expected: &str) -> &mut Life {
        let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
        assert_eq!(self.text.lines().collect::<Vec<_>>().join("\n"), expected.join("\n"));
        self.text.clear();
        self
    }
}

fn print(effect: &Effect) -> String {
    match effect {
        Effect::Arm(timer, at) => format!("{timer:?} at {}", at.as_millis()),
        Effect::Disarm(timer) => format!("no {timer:?}"),
        Effect::Signal(signal) => signal.clone(),
        Effect::EndProbe { report: true } => "EndProbe".to_owned(),
        Effect::EndProbe { report: false } => "DropProbe".to_owned(),
        effect => format!("{effect:?}"),
    }
}

fn exited(code: i32) -> Event {
    Event::Exited(Exit { code, oom: false })
}

fn stop(grace: Grace) -> Event {
    Event::Stop(StopRequest { signal: None, grace })
}

fn failed(code: i32) -> Event {
    Event::StartFailed(StartFailure { message: "no".to_owned(), code })
}

fn check(start_period: u64, retries: u32) -> Option<HealthCheck> {
    Some(HealthCheck {
        argv: vec!["true".to_owned()],
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(3),
        retries,
        start_period: Duration::from_secs(start_period),
        start_interval: Duration::from_secs(5),
    })
}

fn probe(code: i32) -> Event {
    Event::ProbeEnded(ProbeResult { code, output: "said".to_owned() })
}

#[test]
fn without_a_policy_the_end_is_the_end() {
    let mut life = Life::new(RestartPolicy::No, None);
    life.started().after(50, exited(3)).assert(
        "0 Begin -> StartInit
         0 Started -> StatusChanged
         50 Exited(3) -> no Kill, StatusChanged, Finish",
    );
    assert_eq!(life.status().state, State::Exited);
    assert_eq!(life.status().exit_code, Some(3));
}

#[test]
fn always_restarts_with_growing_delay_and_a_long_run_makes_it_short_again() {
    let mut life = Life::new(RestartPolicy::Always, None);
    life.started().text.clear();
    life.after(10, exited(0))
        .after(100, Event::Timer(Timer::Restart))
        .after(0, Event::Started(8))
        .after(0, exited(0))
        .after(200, Event::Timer(Timer::Restart))
        .after(0, Event::Started(9))
        .after(10_000, exited(0))
        .assert(
            "10 Exited(0) -> no Kill, Restart at 110, StatusChanged
             110 Timer(Restart) -> StartInit
             110 Started -> StatusChanged
             110 Exited(0) -> no Kill, Restart at 310, StatusChanged
             310 Timer(Restart) -> StartInit
             310 Started -> StatusChanged
             10310 Exited(0) -> no Kill, Restart at 10410, StatusChanged",
        );
    assert_eq!((life.status().state, life.status().restart_count), (State::Restarting, 3));
}

#[test]
fn on_failure_counts_and_success_ends_it() {
    let mut life = Life::new(RestartPolicy::OnFailure { max_retries: 1 }, None);
    life.started().text.clear();
    life.after(0, exited(1))
        .after(100, Event::Timer(Timer::Restart))
        .after(0, Event::Started(8))
        .after(0, exited(1))
        .assert(
            "0 Exited(1) -> no Kill, Restart at 100, StatusChanged
             100 Timer(Restart) -> StartInit
             100 Started -> StatusChanged
             100 Exited(1) -> no Kill, StatusChanged, Finish",
        );
    let mut life = Life::new(RestartPolicy::OnFailure { max_retries: 0 }, None);
    life.started().text.clear();
    life.after(0, exited(0)).assert("0 Exited(0) -> no Kill, StatusChanged, Finish");
}

#[test]
fn a_stop_signals_then_kills_then_kills_everything_and_ends_restarting() {
    let mut life = Life::new(RestartPolicy::Always, None);
    life.started().text.clear();
    life.after(0, stop(Grace::Own))
        .after(10_000, Event::Timer(Timer::Kill))
        .after(10_000, Event::Timer(Timer::Kill))
        .after(1, exited(137))
        .assert(
            "0 Stop -> SIGTERM, Kill at 10000, StatusChanged
             10000 Timer(Kill) -> SIGKILL, Kill at 20000
             20000 Timer(Kill) -> KillAll
             20001 Exited(137) -> no Kill, StatusChanged, Finish",
        );
    assert!(life.status().stopped_by_hand);
}

#[test]
fn an_endless_grace_never_kills_and_a_second_stop_shortens_it() {
    let mut life = Life::new(RestartPolicy::No, None);
    life.started().text.clear();
    life.after(0, stop(Grace::Endless))
        .after(5, stop(Grace::Of(Duration::from_secs(1))))
        .after(5, stop(Grace::Of(Duration::from_secs(60))))
        .assert(
            "0 Stop -> SIGTERM, StatusChanged
             5 Stop -> SIGTERM, Kill at 1005, StatusChanged
             10 Stop -> SIGTERM, Kill at 1005, StatusChanged",
        );
}

#[test]
fn a_stop_while_it_waits_for_its_restart_ends_it_at_once() {
    let mut life = Life::new(RestartPolicy::Always, None);
    life.started().after(0, exited(1)).text.clear();
    life.after(50, stop(Grace::Own)).after(50, Event::Timer(Timer::Restart)).assert(
        "50 Stop -> no Restart, StatusChanged, Finish
             100 Timer(Restart) -> nothing",
    );
    assert_eq!((life.status().state, life.status().exit_code), (State::Exited, Some(1)));
}

#[test]
fn the_end_of_the_shim_is_not_a_stop_by_hand() {
    let mut life = Life::new(RestartPolicy::UnlessStopped, None);
    life.started().after(0, Event::Terminate).after(1, exited(143));
    assert_eq!(life.status().state, State::Exited);
    assert!(!life.status().stopped_by_hand);
}

#[test]
fn killing_by_hand_ends_restarting_but_another_signal_does_not() {
    let mut life = Life::new(RestartPolicy::Always, None);
    life.started().text.clear();
    life.after(0, Event::Kill("SIGHUP".to_owned()))
        .after(0, exited(129))
        .after(0, Event::Timer(Timer::Restart))
        .after(0, Event::Started(8))
        .after(0, Event::Kill("SIGKILL".to_owned()))
        .after(0, exited(137))
        .assert(
            "0 Kill(\"SIGHUP\") -> SIGHUP, StatusChanged
             0 Exited(129) -> no Kill, Restart at 100, StatusChanged
             0 Timer(Restart) -> StartInit
             0 Started -> StatusChanged
             0 Kill(\"SIGKILL\") -> SIGKILL, Kill at 10000, StatusChanged
             0 Exited(137) -> no Kill, StatusChanged, Finish",
        );
}

#[test]
fn a_first_start_that_fails_is_not_repeated_but_a_later_one_is() {
    let mut life = Life::new(RestartPolicy::Always, None);
    life.after(0, Event::Begin).after(0, failed(127)).assert(
        "0 Begin -> StartInit
         0 StartFailed(127) -> StatusChanged, Finish",
    );
    assert_eq!((life.status().state, life.status().exit_code), (State::Created, Some(127)));
    assert_eq!(life.status().error, "no");

    let mut life = Life::new(RestartPolicy::Always, None);
    life.started().after(0, exited(0)).after(100, Event::Timer(Timer::Restart)).text.clear();
    life.after(0, failed(128))
        .assert("100 StartFailed(128) -> no Kill, Restart at 300, StatusChanged");
    assert_eq!((life.status().state, life.status().error.as_str()), (State::Restarting, "no"));
}

#[test]
fn a_paused_container_is_not_probed_and_is_thawed_to_be_stopped() {
    let mut life = Life::new(RestartPolicy::No, check(0, 3));
    life.started().after(30_000, Event::Timer(Timer::Probe)).text.clear();
    life.after(1, Event::Paused)
        .after(1, probe(1))
        .after(1, Event::Resumed)
        .after(1, Event::Paused)
        .after(1, stop(Grace::Own))
        .assert(
            "30001 Paused -> no Probe, no ProbeTimeout, DropProbe, StatusChanged
             30002 ProbeEnded(1) -> nothing
             30003 Resumed -> Probe at 60003, StatusChanged
             30004 Paused -> no Probe, StatusChanged
             30005 Stop -> SIGTERM, Thaw, Kill at 40005, StatusChanged",
        );
}

#[test]
fn lack_of_memory_is_remembered() {
    let mut life = Life::new(RestartPolicy::No, None);
    life.started().after(0, Event::Exited(Exit { code: 137, oom: true }));
    assert!(life.status().oom_killed);
}

#[test]
fn probes_follow_each_other_at_the_interval_and_success_makes_healthy() {
    let mut life = Life::new(RestartPolicy::No, check(0, 2));
    life.started()
        .after(30_000, Event::Timer(Timer::Probe))
        .after(100, probe(1))
        .after(30_000, Event::Timer(Timer::Probe))
        .assert(
            "0 Begin -> StartInit
             0 Started -> Probe at 20, StatusChanged
             30000 Timer(Probe) -> ProbeTimeout at 33000, StartProbe
             30100 ProbeEnded(1) -> no ProbeTimeout, Probe at 60100, StatusChanged
             60100 Timer(Probe) -> ProbeTimeout at 63100, StartProbe",
        );
    let health = |life: &Life| life.status().health.clone().unwrap();
    assert_eq!((health(&life).status, health(&life).failing_streak), (HealthStatus::Starting, 1));
    life.after(0, probe(2));
    assert_eq!((health(&life).status, health(&life).failing_streak), (HealthStatus::Unhealthy, 2));
    life.after(30_000, Event::Timer(Timer::Probe)).after(0, probe(0));
    assert_eq!((health(&life).status, health(&life).failing_streak), (HealthStatus::Healthy, 0));
}

#[test]
fn what_starts_is_probed_at_once_and_then_after_doubling_delays_that_do_not_count() {
    let mut life = Life::new(RestartPolicy::No, check(0, 1));
    life.started();
    for delay in [20, 40, 80, 160] {
        life.after(delay, Event::Timer(Timer::Probe)).after(0, probe(1));
    }
    life.assert(
        "0 Begin -> StartInit
         0 Started -> Probe at 20, StatusChanged
         20 Timer(Probe) -> ProbeTimeout at 3020, StartProbe
         20 ProbeEnded(1) -> no ProbeTimeout, Probe at 60, StatusChanged
         60 Timer(Probe) -> ProbeTimeout at 3060, StartProbe
         60 ProbeEnded(1) -> no ProbeTimeout, Probe at 140, StatusChanged
         140 Timer(Probe) -> ProbeTimeout at 3140, StartProbe
         140 ProbeEnded(1) -> no ProbeTimeout, Probe at 300, StatusChanged
         300 Timer(Probe) -> ProbeTimeout at 3300, StartProbe
         300 ProbeEnded(1) -> no ProbeTimeout, Probe at 620, StatusChanged",
    );
    let health = life.status().health.clone().unwrap();
    assert_eq!((health.status, health.failing_streak), (HealthStatus::Starting, 0));
    life.after(320, Event::Timer(Timer::Probe)).after(0, probe(0));
    assert_eq!(life.status().health.as_ref().unwrap().status, HealthStatus::Healthy);
}

#[test]
fn failures_in_the_start_period_do_not_count_before_the_first_success() {
    let mut life = Life::new(RestartPolicy::No, check(60, 1));
    life.started().text.clear();
    life.after(5_000, Event::Timer(Timer::Probe))
        .after(0, probe(1))
        .after(5_000, Event::Timer(Timer::Probe))
        .after(0, probe(0))
        .assert(
            "5000 Timer(Probe) -> ProbeTimeout at 8000, StartProbe
             5000 ProbeEnded(1) -> no ProbeTimeout, Probe at 5040, StatusChanged
             10000 Timer(Probe) -> ProbeTimeout at 13000, StartProbe
             10000 ProbeEnded(0) -> no ProbeTimeout, Probe at 40000, StatusChanged",
        );
    life.after(30_000, Event::Timer(Timer::Probe)).after(0, probe(1));
    assert_eq!(life.status().health.as_ref().unwrap().status, HealthStatus::Unhealthy);
}

#[test]
fn a_probe_that_takes_too_long_is_killed_and_has_failed() {
    let mut life = Life::new(RestartPolicy::No, check(0, 3));
    life.started().after(30_000, Event::Timer(Timer::Probe)).text.clear();
    life.after(3_000, Event::Timer(Timer::ProbeTimeout)).after(0, probe(137)).assert(
        "33000 Timer(ProbeTimeout) -> EndProbe
         33000 ProbeEnded(137) -> no ProbeTimeout, Probe at 63000, StatusChanged",
    );
    let entry = life.status().health.as_ref().unwrap().log[0].clone();
    assert_eq!(
        (entry.exit_code, entry.output.as_str()),
        (-1, "Health check exceeded timeout (3s): said")
    );
}

#[test]
fn five_results_are_kept_and_a_restart_begins_anew() {
    let mut life = Life::new(RestartPolicy::Always, check(0, 99));
    life.started();
    for code in 1..=7 {
        life.after(30_000, Event::Timer(Timer::Probe)).after(0, probe(code));
    }
    let codes: Vec<i32> =
        life.status().health.as_ref().unwrap().log.iter().map(|probe| probe.exit_code).collect();
    assert_eq!(codes, [3, 4, 5, 6, 7]);
    life.after(0, exited(1)).after(100, Event::Timer(Timer::Restart)).after(0, Event::Started(8));
    assert_eq!(life.status().health, Some(Default::default()));
}
