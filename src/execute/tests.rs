//! Tests of carrying out: order, failures, interruption, and the property that all plans share.

use std::future::Future;

use proptest::prelude::*;
use snapbox::{assert_data_eq, str};

use super::*;
use crate::engine::ProgressUpdate;
use crate::engine::fake::Fake;
use crate::plan::testing::{desired, running};
use crate::plan::{Desired, DownOptions, UpOptions, check, down, up};
use crate::resource::Observed;

struct Quiet;

impl Progress for Quiet {
    fn report(&self, _: &ProgressUpdate<'_>) {}
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(future)
}

/// Carries a plan out, and tells what happened, one line an event.
async fn tell(
    plan: &Plan,
    engine: &Fake,
    options: &RunOptions<'_>,
    cancel: &Cancel,
) -> (Outcome, String) {
    let mut text = String::new();
    let mut events = |event: Event<'_>| {
        text += &match event {
            Event::Started(step) => format!("{} ...\n", step.action),
            Event::Done(step, _) => format!("{} done\n", step.action),
            Event::Warned(step, _, error) => format!("{} warning: {error}\n", step.action),
            Event::Failed(step, _, error) => format!("{} failed: {error}\n", step.action),
            Event::Printed(step, line) => format!("{} printed {line}\n", step.action),
            Event::Noticed(step, text) => format!("{} noticed {text}\n", step.action),
        };
    };
    let outcome = run(plan, engine, options, cancel, &Quiet, &mut events).await;
    (outcome, text)
}

fn told(plan: &Plan, engine: &Fake, options: &RunOptions) -> (Outcome, String) {
    let cancel = Cancel::default();
    block_on(tell(plan, engine, options, &cancel))
}

fn carry_out(plan: &Plan, engine: &Fake) -> Outcome {
    told(plan, engine, &RunOptions::default()).0
}

fn plan_up(desired: &Desired, engine: &Fake) -> Plan {
    up(desired, &engine.snapshot(), &UpOptions::default()).unwrap()
}

#[test]
fn independent_steps_are_begun_together() {
    let engine = Fake::default();
    let plan = plan_up(&desired(&["a a:1", "b b:1"]), &engine);
    let (outcome, text) = told(&plan, &engine, &RunOptions::default());

    assert_data_eq!(
        text,
        str![[r#"
create network p_default ...
create network p_default done
create p-a-1 ...
create p-b-1 ...
create p-a-1 done
start p-a-1 ...
create p-b-1 done
start p-b-1 ...
start p-a-1 done
start p-b-1 done

"#]]
    );
    assert_eq!(outcome.created.keys().collect::<Vec<_>>(), ["p-a-1", "p-b-1"]);
}

#[test]
fn the_first_failure_stops_what_was_not_begun() {
    let engine = Fake::default();
    engine.fail("start p-db-1");
    let plan = plan_up(&desired(&["db mysql:8", "web nginx:1 needs:db"]), &engine);
    let error = carry_out(&plan, &engine).complete().unwrap_err();

    assert_eq!(error.to_string(), "cannot start p-db-1: the test says so");
    assert_eq!(error.hints(), ["not done: start p-web-1"]);
}

#[test]
fn an_unhealthy_dependency_stops_who_needs_it_but_not_who_can_do_without() {
    let unhealthy = |lines: &[&str]| {
        let mut desired = desired(lines);
        let db = desired.services.get_mut("db").unwrap();
        db.spec.health.as_mut().unwrap().argv = vec!["false".into()];
        let engine = Fake::default();
        let plan = plan_up(&desired, &engine);
        let (outcome, text) = told(&plan, &engine, &RunOptions::default());
        let waits: Vec<&str> =
            text.lines().filter(|it| it.starts_with("wait") && !it.ends_with("...")).collect();
        (waits.join("\n"), outcome.complete().map(drop))
    };
    let (waits, result) = unhealthy(&["db mysql:8 health", "web nginx:1 needs:db:healthy"]);
    assert_eq!(
        waits,
        "wait until p-db-1 is healthy failed: \
         dependency failed to start: container p-db-1 is unhealthy"
    );
    assert_eq!(result.unwrap_err().hints().last().unwrap(), "not done: start p-web-1");

    let (waits, result) =
        unhealthy(&["db mysql:8 health", "web nginx:1 needs:db:healthy:optional"]);
    assert_eq!(
        waits,
        "wait until p-db-1 is healthy warning: optional dependency \"db\" failed to start: \
         container p-db-1 is unhealthy"
    );
    result.unwrap();
}

#[test]
fn waiting_ends_with_its_time_limit() {
    // It has a health check, but was started without one: no verdict will ever come.
    let mut desired = desired(&["db mysql:8 health", "web nginx:1 needs:db:healthy"]);
    let engine = Fake::with(running(&["db mysql:8 health"]));
    desired.services.get_mut("db").unwrap().spec = engine.snapshot().containers[0].spec.clone();
    engine.set_health("p-db-1", crate::resource::container::HealthStatus::Starting);
    let plan = plan_up(&desired, &engine);
    let options = RunOptions { wait_timeout: Some(Duration::ZERO), ..RunOptions::default() };
    let (outcome, _) = told(&plan, &engine, &options);
    let error = outcome.complete().unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::TimedOut, "application not healthy after 0s")
    );
}

#[test]
fn an_interruption_ends_waiting_and_begins_nothing_more() {
    let engine = Fake::with(running(&["db mysql:8 health"]));
    engine.set_health("p-db-1", crate::resource::container::HealthStatus::Starting);
    let plan = plan_up(&desired(&["db mysql:8 health", "web nginx:1 needs:db:healthy"]), &engine);
    let (cancel, options) = (Cancel::default(), RunOptions::default());
    let error = block_on(async {
        // By the time the second one gets its turn, everything waits for the database.
        let interrupt = async {
            tokio::task::yield_now().await;
            cancel.cancel();
        };
        let ((outcome, _), ()) = tokio::join!(tell(&plan, &engine, &options, &cancel), interrupt);
        outcome.complete().unwrap_err()
    });
    assert_eq!(error.kind(), Kind::Interrupted);
    assert_eq!(engine.snapshot().containers[1].status.state.as_str(), "created");
}

#[test]
fn a_limit_keeps_steps_one_by_one() {
    let engine = Fake::default();
    let plan = plan_up(&desired(&["a a:1", "b b:1"]), &engine);
    let options = RunOptions { parallel: NonZeroUsize::new(1), ..RunOptions::default() };
    let (_, text) = told(&plan, &engine, &options);
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.chunks(2) {
        assert_eq!(pair[0].strip_suffix(" ..."), pair[1].strip_suffix(" done"));
    }
}

/// A small project as lines of [`crate::plan::testing`]: services a to d, each needing some of
/// those before it.
fn projects() -> impl Strategy<Value = Vec<String>> {
    let service = (0..3u8, 0..3u8, any::<[bool; 5]>(), any::<[u8; 3]>(), any::<bool>());
    prop::collection::vec(service, 1..5).prop_map(|services| {
        let names = ["a", "b", "c", "d"];
        let mut lines: Vec<String> = Vec::new();
        for (index, (image, replicas, words, needs, shares)) in services.iter().enumerate() {
            let mut line = format!("{} image:{image}", names[index]);
            if *replicas != 1 {
                line += &format!(" x{replicas}");
            }
            let choices = ["health", "vol:data:/data", "anon:/cache", "net:back", "env:A=1"];
            for (word, _) in choices.iter().zip(words).filter(|(_, chosen)| **chosen) {
                line += &format!(" {word}");
            }
            for (other, need) in names.iter().zip(needs).take(index) {
                let has_health = |it: &String| it.split(' ').any(|word| word == "health");
                let healthy = lines.iter().any(|it| it.starts_with(other) && has_health(it));
                line += &match need % 5 {
                    0 => format!(" needs:{other}"),
                    1 if healthy => format!(" needs:{other}:healthy:restart"),
                    2 => format!(" needs:{other}:restart"),
                    _ => String::new(),
                };
            }
            let alone = |it: &String| it.starts_with('a') && !it.contains(" x0");
            if index == 1 && *shares && alone(&lines[0]) && !line.contains("net:") {
                line += " join:a";
            }
            lines.push(line);
        }
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever there was and whatever is wanted: carrying the plan out leaves nothing to plan,
    /// and `down` leaves nothing at all.
    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_plan(
        before in projects(),
        after in projects(),
        stopped in any::<[bool; 4]>(),
    ) {
        let lines = |project: &Vec<String>| desired(&project.iter().map(String::as_str).collect::<Vec<_>>());
        let engine = Fake::default();
        carry_out(&plan_up(&lines(&before), &engine), &engine).complete().unwrap();
        for (container, _) in engine.snapshot().containers.iter().zip(stopped).filter(|(_, stop)| *stop) {
            block_on(engine.stop_container(&container.id, &Default::default())).unwrap();
        }

        let options = UpOptions { remove_orphans: true, seed: [1; 32], ..UpOptions::default() };
        let wanted = lines(&after);
        let plan = up(&wanted, &engine.snapshot(), &options).unwrap();
        prop_assert_eq!(check(&plan), Vec::<String>::new(), "{}", plan);
        let outcome = carry_out(&plan, &engine);
        prop_assert!(outcome.failed.is_empty(), "{}{:?}", plan, outcome.failed);
        let again = up(&wanted, &engine.snapshot(), &options).unwrap();
        prop_assert_eq!(again.to_string(), "", "after {}", plan);

        let all = DownOptions { project: "p".into(), volumes: true, ..DownOptions::default() };
        let plan = down(&engine.snapshot(), &all);
        prop_assert_eq!(check(&plan), Vec::<String>::new(), "{}", plan);
        carry_out(&plan, &engine).complete().unwrap();
        let Observed { containers, networks, volumes, .. } = engine.snapshot();
        prop_assert!(containers.is_empty() && networks.is_empty());
        // Anonymous volumes of containers that were replaced by others without them stay behind.
        prop_assert!(volumes.values().all(|volume| volume.spec.anonymous));
    }
}
