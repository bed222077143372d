//! Tests of the plans besides `up`: `down`, `stop`, `run` and the others, as text.

use std::collections::BTreeSet;
use std::time::Instant;

use snapbox::{assert_data_eq, str};

use super::testing::{desired, images as all_images, project, running};
use super::*;
use crate::compose::model::PullPolicy;
use crate::resource::container::State;
use crate::resource::{Observed, labels};

const STACK: [&str; 3] = [
    "db mysql:8 health vol:data:/data",
    "web nginx:1 x2 needs:db:healthy:restart anon:/cache",
    "log fluent:1",
];

fn text(plan: &Plan) -> String {
    assert_eq!(check(plan), Vec::<String>::new(), "{plan}");
    let warnings = plan.warnings.iter().map(|warning| format!("warning: {warning}\n"));
    plan.to_string() + &warnings.collect::<String>()
}

fn selection(services: &[&str]) -> Selection {
    let services = services.iter().map(|name| (*name).to_owned()).collect();
    Selection { project: "p".into(), services }
}

fn of_p() -> DownOptions {
    DownOptions { project: "p".into(), ..DownOptions::default() }
}

#[test]
fn down_takes_everything_away_in_reverse_order() {
    let options = DownOptions { volumes: true, images: RemoveImages::All, ..of_p() };
    assert_data_eq!(
        text(&down(&running(&STACK), &options)),
        str![[r#"
#1 stop p-web-1: is running
#2 remove p-web-1: its project goes down, after #1 (data is lost)
#3 stop p-web-2: is running
#4 remove p-web-2: its project goes down, after #3 (data is lost)
#5 stop p-log-1: is running
#6 remove p-log-1: its project goes down, after #5
#7 stop p-db-1: is running, after #1 #3
#8 remove p-db-1: its project goes down, after #7
#9 remove networks p_default: its project goes down, after #2 #4 #6 #8
#10 remove volume p_data: --volumes, after #8 (data is lost)
#11 remove image fluent:1: --rmi, after #6
#12 remove image mysql:8: --rmi, after #8
#13 remove image nginx:1: --rmi, after #2 #4

"#]]
    );
}

#[test]
fn down_leaves_orphans_and_what_they_use() {
    let known: BTreeSet<String> = ["db".to_owned(), "web".to_owned()].into();
    let options = DownOptions { known: Some(known), ..of_p() };
    let mut observed = running(&STACK);
    observed.containers.retain(|it| it.spec.name != "p-web-2");
    assert_data_eq!(
        text(&down(&observed, &options)),
        str![[r#"
#1 stop p-web-1: is running
#2 remove p-web-1: its project goes down, after #1
#3 stop p-db-1: is running, after #1
#4 remove p-db-1: its project goes down, after #3
warning: network p_default stays: container p-log-1 uses it

"#]]
    );
    let all = DownOptions { remove_orphans: true, ..options };
    assert!(text(&down(&observed, &all)).contains("remove networks p_default"));
}

#[test]
fn down_of_one_service_takes_only_what_it_used() {
    let services = ["log".to_owned()].into();
    assert_data_eq!(
        text(&down(&running(&STACK), &DownOptions { services, ..of_p() })),
        str![[r#"
#1 stop p-log-1: is running
#2 remove p-log-1: its project goes down, after #1

"#]]
    );
}

#[test]
fn stop_and_start_follow_the_labels() {
    let mut observed = running(&STACK);
    assert_data_eq!(
        text(&stop(&observed, &selection(&[]), None)),
        str![[r#"
#1 stop p-web-2: is running
#2 stop p-web-1: is running
#3 stop p-log-1: is running
#4 stop p-db-1: is running, after #1 #2

"#]]
    );
    for container in &mut observed.containers {
        container.status.state = State::Exited;
    }
    assert_data_eq!(
        text(&start(&observed, &selection(&["web", "db"]), false)),
        str![[r#"
#1 start p-db-1: is exited
#2 wait until p-db-1 is healthy: web depends on it, after #1
#3 start p-web-1: is exited, after #2
#4 start p-web-2: is exited, after #2

"#]]
    );
}

#[test]
fn restart_takes_those_along_that_asked_for_it() {
    assert_data_eq!(
        text(&restart(&running(&STACK), &selection(&["db"]), None, false)),
        str![[r#"
#1 stop p-web-2: restart was asked for
#2 stop p-web-1: restart was asked for
#3 stop p-db-1: restart was asked for, after #1 #2
#4 start p-db-1: restart was asked for, after #3
#5 wait until p-db-1 is healthy: web depends on it, after #4
#6 start p-web-1: restart was asked for, after #2 #5
#7 start p-web-2: restart was asked for, after #1 #5

"#]]
    );
    assert_data_eq!(
        text(&restart(&running(&STACK), &selection(&["db"]), None, true)),
        str![[r#"
#1 stop p-db-1: restart was asked for
#2 start p-db-1: restart was asked for, after #1

"#]]
    );
}

#[test]
fn kill_pause_and_rm_concern_those_in_the_right_state() {
    let mut observed = running(&["a a:1", "b b:1", "c c:1"]);
    observed.containers[1].status.state = State::Paused;
    observed.containers[2].status.state = State::Exited;
    let all = selection(&[]);
    assert_data_eq!(
        text(&kill(&observed, &all, "SIGHUP")),
        str![[r#"
#1 send SIGHUP to p-a-1: is running
#2 send SIGHUP to p-b-1: is paused

"#]]
    );
    assert_eq!(text(&pause(&observed, &all, true)), "#1 pause p-a-1: is running\n");
    assert_eq!(text(&pause(&observed, &all, false)), "#1 unpause p-b-1: is paused\n");
    let rm = |options| rm(&observed, "p", &BTreeSet::new(), &options);
    assert_eq!(text(&rm(RemoveOptions::default())), "#1 remove p-c-1: is stopped\n");
    assert_eq!(rm(RemoveOptions { stop: true, volumes: false }).steps.len(), 5);
}

#[test]
fn run_brings_up_what_the_service_needs_and_then_a_container_of_its_own() {
    let wanted = desired(&STACK);
    let options = RunOptions { service: "web".into(), detach: true, ..RunOptions::default() };
    let seed = UpOptions { seed: [0xab; 32], ..UpOptions::default() };
    let (plan, name) = run(&wanted, &Observed::default(), &options, &seed).unwrap();
    assert_eq!(name, "p-web-run-abababababab");
    assert_data_eq!(
        text(&plan),
        str![[r#"
#1 create network p_default: does not exist yet
#2 create volume p_data: does not exist yet
#3 create p-db-1: does not exist yet, after #1 #2
#4 start p-db-1: new, after #3
#5 wait until p-db-1 is healthy: web depends on it, after #4
#6 create p-web-run-abababababab: one-off container, after #1 #5
#7 start p-web-run-abababababab: one-off container, after #6

"#]]
    );
    let alone = RunOptions { no_deps: true, detach: false, ..options };
    let (plan, _) = run(&wanted, &running(&STACK), &alone, &seed).unwrap();
    assert_eq!(text(&plan), "#1 create p-web-run-abababababab: one-off container\n");
}

#[test]
fn run_changes_the_container_as_asked() {
    let wanted = desired(&["web nginx:1 env:A=1 port:8080:80 anon:/cache"]);
    let options = RunOptions {
        service: "web".into(),
        command: vec!["ls".into(), "-l".into()],
        env: vec!["A=2".into(), "B=3".into()],
        user: Some("nobody".into()),
        tty: true,
        interactive: true,
        remove: true,
        ..RunOptions::default()
    };
    let (plan, _) =
        run(&wanted, &running(&["web nginx:1"]), &options, &UpOptions::default()).unwrap();
    let Some(Action::CreateContainer(spec)) = plan.steps.last().map(|step| &step.action) else {
        panic!("{plan}");
    };
    assert_eq!(spec.process.argv, ["ls", "-l"]);
    assert_eq!(spec.process.env[1..], ["A=2", "TERM=xterm", "B=3"]);
    assert_eq!((spec.process.user.as_str(), spec.process.tty), ("nobody", true));
    assert!(spec.ports.is_empty() && spec.auto_remove && spec.process.stdin_open);
    assert_eq!(spec.labels[labels::ONE_OFF], "True");
    assert_eq!(uses::volumes(spec).map(str::len).collect::<Vec<_>>(), [64]);
    let unknown = RunOptions { service: "nope".into(), ..RunOptions::default() };
    let error = run(&wanted, &Observed::default(), &unknown, &UpOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "no such service: nope");
}

#[test]
fn images_are_fetched_as_their_policies_say() {
    let mut project = project(&["a a:1", "b b:1", "c c:1", "d a:1"]);
    let mut observed = Observed { images: all_images(&project), ..Observed::default() };
    observed.images.remove("a:1");
    project.services.get_mut("b").unwrap().pull_policy = Some(PullPolicy::Always);
    let plan = images(&project, &observed, &ImageOptions::default()).unwrap();
    assert_data_eq!(
        text(&plan),
        str![[r#"
#1 pull a:1: is not in the store
#2 pull b:1: pull_policy always

"#]]
    );
    assert_eq!(plan.kept, ["c:1"]);
    let now: jiff::Timestamp = "2026-01-08T00:00:00Z".parse().unwrap();
    for (policy, tagged, fetched) in [
        ("daily", "2026-01-07T01:00:00Z", false),
        ("daily", "2026-01-06T23:00:00Z", true),
        ("weekly", "2026-01-02T00:00:00Z", false),
        ("every_12h", "2026-01-07T11:00:00Z", true),
        ("refresh", "2020-01-01T00:00:00Z", false),
    ] {
        project.services.get_mut("c").unwrap().pull_policy = Some(policy.parse().unwrap());
        observed.images.get_mut("c:1").unwrap().tagged_at = Some(tagged.parse().unwrap());
        let options = ImageOptions { now: Some(now), ..ImageOptions::default() };
        let plan = text(&images(&project, &observed, &options).unwrap());
        assert_eq!(plan.contains("pull c:1"), fetched, "{policy} {tagged}: {plan}");
    }
    project.services.get_mut("c").unwrap().pull_policy = None;
    let never = ImageOptions { policy: Some(PullPolicy::Never), ..ImageOptions::default() };
    let error = images(&project, &observed, &never).unwrap_err();
    assert_eq!(error.to_string(), "no such image: a:1");
}

#[test]
fn plans_have_a_json_form() {
    let plan = down(&running(&["web nginx:1"]), &of_p());
    assert_data_eq!(
        plan.to_json()["steps"][1].to_string(),
        str![[
            r#"{"id":2,"do":"remove p-web-1","subject":"Container p-web-1","reason":"its project goes down","after":[1],"destructive":false}"#
        ]]
    );
}

#[test]
fn fifty_services_are_planned_in_a_moment() {
    let lines: Vec<String> = (0..50)
        .map(|number| {
            format!("s{number} nginx:1 env:A=1 vol:d{number}:/data port:{}:80", 8000 + number)
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (project, observed) = (project(&lines), running(&lines));
    let images = all_images(&project);
    let begun = Instant::now();
    let desired = lower(&project, &images, &LowerOptions::default()).unwrap();
    let plan = up(&desired, &observed, &UpOptions::default()).unwrap();
    assert!(plan.is_empty(), "{plan}");
    // Without optimisation, and on a busy machine; the benchmark has the real figure.
    assert!(begun.elapsed().as_millis() < 200, "{:?}", begun.elapsed());
}

#[test]
fn who_lives_in_namespaces_of_one_that_starts_starts_again() {
    let mut observed = running(&["vpn vpn:1", "app app:1 join:vpn", "web web:1"]);
    let vpn = observed.containers.iter_mut().find(|it| it.spec.name == "p-vpn-1").unwrap();
    vpn.status.state = State::Exited;
    let plan = start(&observed, &selection(&["vpn"]), false);
    assert_data_eq!(
        text(&plan),
        str![[r#"
#1 stop p-app-1: a container that it is part of starts
#2 start p-vpn-1: is exited
#3 start p-app-1: a container that it is part of starts, after #1 #2

"#]]
    );
    assert_eq!(start(&observed, &selection(&["web"]), false).kept, ["p-web-1"]);
}

#[test]
fn an_image_for_another_platform_is_fetched_or_refused() {
    let mut project = project(&["a a:1", "b b:1"]);
    let observed = Observed { images: all_images(&project), ..Observed::default() };
    let mut ask = |service: &str, platform: &str| {
        project.services.get_mut(service).unwrap().platform = Some(platform.to_owned());
        images(&project, &observed, &ImageOptions::default())
    };
    assert_data_eq!(text(&ask("b", "linux/x86_64").unwrap()), str![""]);
    assert_data_eq!(
        text(&ask("a", "linux/arm64").unwrap()),
        str![[r#"
#1 pull a:1: what is in the store is not for linux/arm64

"#]]
    );
    let error = ask("b", "bogus/x").unwrap_err();
    assert_eq!(error.to_string(), "platform bogus/x of service b cannot run here");
    project.services.get_mut("b").unwrap().platform = None;
    let never = ImageOptions { policy: Some(PullPolicy::Never), ..ImageOptions::default() };
    let error = images(&project, &observed, &never).unwrap_err();
    assert_eq!(
        error.to_string(),
        "image with reference a:1 was found but does not match the specified platform: \
         wanted linux/arm64, actual: linux/amd64"
    );
}
