//! Tests of `up`: the plan as text, for small changes.

use snapbox::{assert_data_eq, str};

use super::*;
use crate::plan::check;
use crate::plan::testing::{desired, running};
use crate::resource::container::State;

/// The plan from one project to another, checked.
fn change(from: &[&str], to: &[&str]) -> String {
    plan_text(to, &running(from), &UpOptions::default())
}

fn plan_text(to: &[&str], observed: &Observed, options: &UpOptions) -> String {
    let plan = up(&desired(to), observed, options).unwrap();
    assert_eq!(check(&plan), Vec::<String>::new(), "{plan}");
    let warnings = plan.warnings.iter().map(|warning| format!("warning: {warning}\n"));
    plan.to_string() + &warnings.collect::<String>()
}

#[test]
fn from_nothing_everything_comes_up_as_soon_as_it_can() {
    let project = [
        "db mysql:8 health vol:data:/var/lib/mysql",
        "cache redis:7",
        "web nginx:1 x2 needs:db:healthy needs:cache",
    ];
    assert_data_eq!(
        plan_text(&project, &Observed::default(), &UpOptions::default()),
        str![[r#"
#1 create network p_default: does not exist yet
#2 create volume p_data: does not exist yet
#3 create p-cache-1: does not exist yet, after #1
#4 start p-cache-1: new, after #3
#5 create p-db-1: does not exist yet, after #1 #2
#6 start p-db-1: new, after #5
#7 create p-web-1: does not exist yet, after #1
#8 wait until p-db-1 is healthy: web depends on it, after #6
#9 start p-web-1: new, after #4 #7 #8
#10 create p-web-2: does not exist yet, after #1
#11 start p-web-2: new, after #4 #8 #10

"#]]
    );
}

#[test]
fn what_is_right_is_left_alone() {
    let project = ["db mysql:8 health anon:/cache", "web nginx:1 x2 needs:db:healthy"];
    assert_eq!(change(&project, &project), "");
    let plan = up(&desired(&project), &running(&project), &UpOptions::default()).unwrap();
    assert_eq!(plan.kept, ["p-db-1", "p-web-1", "p-web-2"]);
}

#[test]
fn a_changed_image_replaces_the_container() {
    assert_data_eq!(
        change(&["web nginx:1", "db mysql:8"], &["web nginx:2", "db mysql:8"]),
        str![[r#"
#1 stop p-web-1: image nginx:1 -> nginx:2
#2 remove p-web-1: replaced, after #1
#3 create p-web-1: replaced, after #2
#4 start p-web-1: replaced, after #3

"#]]
    );
}

#[test]
fn a_service_that_is_added_does_not_touch_the_others() {
    assert_data_eq!(
        change(&["db mysql:8"], &["db mysql:8", "web nginx:1"]),
        str![[r#"
#1 create p-web-1: does not exist yet
#2 start p-web-1: new, after #1

"#]]
    );
}

#[test]
fn a_replaced_dependency_restarts_who_asked_for_that() {
    let before =
        ["db mysql:8 health", "web nginx:1 needs:db:healthy:restart", "log fluent:1 needs:db"];
    let after =
        ["db mysql:9 health", "web nginx:1 needs:db:healthy:restart", "log fluent:1 needs:db"];
    assert_data_eq!(
        change(&before, &after),
        str![[r#"
#1 stop p-web-1: restarts with db
#2 stop p-db-1: image mysql:8 -> mysql:9, after #1
#3 remove p-db-1: replaced, after #2
#4 create p-db-1: replaced, after #3
#5 start p-db-1: replaced, after #4
#6 wait until p-db-1 is healthy: web depends on it, after #5
#7 start p-web-1: restarts with db, after #1 #6

"#]]
    );
}

#[test]
fn who_shares_a_namespace_is_replaced_with_its_owner() {
    assert_data_eq!(
        change(&["vpn vpn:1", "app app:1 join:vpn"], &["vpn vpn:2", "app app:1 join:vpn"]),
        str![[r#"
#1 stop p-app-1: vpn, which it is part of, is replaced
#2 remove p-app-1: replaced, after #1
#3 stop p-vpn-1: image vpn:1 -> vpn:2, after #1
#4 remove p-vpn-1: replaced, after #3
#5 create p-vpn-1: replaced, after #4
#6 start p-vpn-1: replaced, after #5
#7 create p-app-1: replaced, after #2 #5
#8 start p-app-1: replaced, after #6 #7

"#]]
    );
}

#[test]
fn scaling_adds_after_the_highest_number_and_removes_the_highest() {
    assert_data_eq!(
        change(&["web nginx:1 x2"], &["web nginx:1 x3"]),
        str![[r#"
#1 create p-web-3: does not exist yet
#2 start p-web-3: new, after #1

"#]]
    );
    assert_data_eq!(
        change(&["web nginx:1 x3"], &["web nginx:1 x1"]),
        str![[r#"
#1 stop p-web-3: web shall have 1 replicas
#2 remove p-web-3: surplus, after #1
#3 stop p-web-2: web shall have 1 replicas
#4 remove p-web-2: surplus, after #3

"#]]
    );
}

#[test]
fn a_stopped_container_is_started_and_a_paused_one_thawed() {
    let project = ["db mysql:8", "web nginx:1"];
    let mut observed = running(&project);
    observed.containers[0].status.state = State::Exited;
    observed.containers[0].status.exit_code = Some(1);
    observed.containers[1].status.state = State::Paused;
    assert_data_eq!(
        plan_text(&project, &observed, &UpOptions::default()),
        str![[r#"
#1 start p-db-1: exited (1)
#2 unpause p-web-1: is paused

"#]]
    );
}

#[test]
fn a_container_that_is_stopping_is_started_again() {
    let project = ["db mysql:8", "web nginx:1 needs:db"];
    let mut observed = running(&project);
    observed.containers[0].status.stopping = true;
    assert_data_eq!(
        plan_text(&project, &observed, &UpOptions::default()),
        str![[r#"
#1 start p-db-1: is stopping

"#]]
    );
}

#[test]
fn a_job_that_is_done_runs_again_only_for_who_needs_it() {
    let project = ["init tool:1 job", "web nginx:1 needs:init:completed"];
    assert_eq!(change(&project, &project), "");
    let changed = ["init tool:1 job", "web nginx:2 needs:init:completed"];
    assert_data_eq!(
        change(&project, &changed),
        str![[r#"
#1 stop p-web-1: image nginx:1 -> nginx:2
#2 remove p-web-1: replaced, after #1
#3 start p-init-1: exited (0)
#4 create p-web-1: replaced, after #2
#5 wait until p-init-1 is completed: web depends on it, after #3
#6 start p-web-1: replaced, after #4 #5

"#]]
    );
}

#[test]
fn orphans_are_mentioned_or_removed() {
    assert_data_eq!(
        change(&["web nginx:1", "old old:1"], &["web nginx:1"]),
        str![[r#"
warning: Found orphan containers (p-old-1) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.

"#]]
    );
    let options = UpOptions { remove_orphans: true, ..UpOptions::default() };
    assert_data_eq!(
        plan_text(&["web nginx:1"], &running(&["web nginx:1", "old old:1"]), &options),
        str![[r#"
#1 stop p-old-1: its service is not in the compose files
#2 remove p-old-1: orphan, after #1

"#]]
    );
}

#[test]
fn an_optional_dependency_is_waited_for_but_may_fail() {
    let plan = up(
        &desired(&["db mysql:8 health", "web nginx:1 needs:db:healthy:optional"]),
        &Observed::default(),
        &UpOptions::default(),
    )
    .unwrap();
    let optional: Vec<String> =
        plan.steps.iter().filter(|step| step.optional).map(ToString::to_string).collect();
    assert_eq!(optional, ["#5 wait until p-db-1 is healthy: web depends on it, after #3"]);
}

#[test]
fn replacing_on_request_concerns_only_named_services() {
    let project = ["db mysql:8", "web nginx:1 needs:db"];
    let options = UpOptions {
        recreate: Recreate::Force,
        named: ["web".to_owned()].into(),
        ..UpOptions::default()
    };
    assert_data_eq!(
        plan_text(&project, &running(&project), &options),
        str![[r#"
#1 stop p-web-1: replacing was asked for
#2 remove p-web-1: replaced, after #1
#3 create p-web-1: replaced, after #2
#4 start p-web-1: replaced, after #3

"#]]
    );
    let options = UpOptions { recreate: Recreate::Never, ..UpOptions::default() };
    assert_eq!(
        plan_text(&["db mysql:9", "web nginx:2 needs:db"], &running(&project), &options),
        ""
    );
}

#[test]
fn a_changed_volume_is_kept_or_replaced_with_all_that_use_it() {
    let project = ["db mysql:8 vol:data:/data"];
    let mut observed = running(&project);
    let volume = observed.volumes.get_mut("p_data").unwrap();
    volume.spec.driver_opts.insert("type".into(), "tmpfs".into());
    assert_data_eq!(
        plan_text(&project, &observed, &UpOptions::default()),
        str![[r#"
warning: volume "p_data" exists but doesn't match the compose file (driver_opts type=tmpfs -> none); it is kept

"#]]
    );
    let options = UpOptions { recreate_volumes: true, ..UpOptions::default() };
    assert_data_eq!(
        plan_text(&project, &observed, &options),
        str![[r#"
#1 stop p-db-1: volume p_data is replaced
#2 remove p-db-1: replaced, after #1
#3 remove volume p_data: driver_opts type=tmpfs -> none, after #2 (data is lost)
#4 create volume p_data: replaced, after #3
#5 create p-db-1: replaced, after #2 #4
#6 start p-db-1: replaced, after #5

"#]]
    );
}

#[test]
fn anonymous_volumes_move_to_the_new_container_unless_renewed() {
    let (before, after) = (["db mysql:8 anon:/data"], ["db mysql:9 anon:/data"]);
    let mut observed = running(&before);
    let mounts = &mut observed.containers[0].spec.mounts;
    if let crate::resource::mount::MountSource::Volume { name, .. } = &mut mounts[0].source {
        *name = "old".into();
    }
    let created = |options: &UpOptions| {
        let plan = up(&desired(&after), &observed, options).unwrap();
        let created = plan.steps.iter().find_map(|step| match &step.action {
            crate::plan::Action::CreateContainer(spec) => Some(spec.clone()),
            _ => None,
        });
        let spec = created.unwrap();
        crate::plan::uses::volumes(&spec).next().unwrap().to_owned()
    };
    assert_eq!(created(&UpOptions::default()), "old");
    let renew = UpOptions { renew_anonymous: true, ..UpOptions::default() };
    assert_eq!(created(&renew).len(), 64);
}

#[test]
fn create_starts_nothing_and_wait_waits_for_all() {
    let project = ["db mysql:8 health", "init tool:1 job", "web nginx:1 needs:init:completed"];
    let create = UpOptions { start: false, ..UpOptions::default() };
    assert_data_eq!(
        plan_text(&project, &Observed::default(), &create),
        str![[r#"
#1 create network p_default: does not exist yet
#2 create p-db-1: does not exist yet, after #1
#3 create p-init-1: does not exist yet, after #1
#4 create p-web-1: does not exist yet, after #1

"#]]
    );
    let wait = UpOptions { wait: true, ..UpOptions::default() };
    assert_data_eq!(
        plan_text(&project, &Observed::default(), &wait),
        str![[r#"
#1 create network p_default: does not exist yet
#2 create p-db-1: does not exist yet, after #1
#3 start p-db-1: new, after #2
#4 create p-init-1: does not exist yet, after #1
#5 start p-init-1: new, after #4
#6 create p-web-1: does not exist yet, after #1
#7 wait until p-init-1 is completed: web depends on it, after #5
#8 start p-web-1: new, after #6 #7
#9 wait until p-db-1 is healthy: --wait, after #3
#10 wait until p-web-1 is running: --wait, after #8

"#]]
    );
    assert_eq!(plan_text(&project, &running(&project), &wait), "");
}

#[test]
fn an_external_network_must_exist() {
    let mut wanted = desired(&["web nginx:1"]);
    wanted.networks.get_mut("p_default").unwrap().owner = crate::plan::Owner::External;
    let error = up(&wanted, &Observed::default(), &UpOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "network p_default declared as external, but could not be found");
}

#[test]
fn commands_of_a_start_and_a_stop_are_steps() {
    let command = crate::resource::process::ExecSpec::default();
    let mut wanted = desired(&["db mysql:8", "web nginx:1 needs:db"]);
    let hooks = &mut wanted.services.get_mut("db").unwrap().spec.hooks;
    (hooks.post_start, hooks.pre_stop) = (vec![command.clone()], vec![command]);
    let plan = up(&wanted, &Observed::default(), &UpOptions::default()).unwrap();
    assert_eq!(check(&plan), Vec::<String>::new());
    assert_data_eq!(
        plan.to_string(),
        str![[r#"
#1 create network p_default: does not exist yet
#2 create p-db-1: does not exist yet, after #1
#3 start p-db-1: new, after #2
#4 run post_start of p-db-1: belongs to its start, after #3
#5 create p-web-1: does not exist yet, after #1
#6 start p-web-1: new, after #4 #5

"#]]
    );

    let mut observed = running(&["db mysql:8", "web nginx:1 needs:db"]);
    for container in &mut observed.containers {
        let service = &container.spec.labels[crate::resource::labels::SERVICE];
        container.spec.hooks = wanted.services[service].spec.hooks.clone();
    }
    let all = crate::plan::Selection { project: "p".into(), ..Default::default() };
    assert_data_eq!(
        crate::plan::stop(&observed, &all, None).to_string(),
        str![[r#"
#1 stop p-web-1: is running
#2 run pre_stop of p-db-1: belongs to its stop, after #1
#3 stop p-db-1: is running, after #2

"#]]
    );
}

#[test]
fn what_runs_before_a_service_runs_once_and_only_when_no_replica_runs() {
    let mut wanted = desired(&["web nginx:1 x2"]);
    let web = wanted.services.get_mut("web").unwrap();
    web.pre_start = vec![ContainerSpec { name: "p-web-pre_start-1".into(), ..web.spec.clone() }];
    let plan = up(&wanted, &Observed::default(), &UpOptions::default()).unwrap();
    assert_eq!(check(&plan), Vec::<String>::new());
    assert_data_eq!(
        plan.to_string(),
        str![[r#"
#1 create network p_default: does not exist yet
#2 create p-web-1: does not exist yet, after #1
#3 create p-web-pre_start-1: web starts after it, after #1
#4 start p-web-pre_start-1: web starts after it, after #3
#5 wait until p-web-pre_start-1 is completed: web starts after it, after #4
#6 remove p-web-pre_start-1: has done its work, after #5
#7 start p-web-1: new, after #2 #6
#8 create p-web-2: does not exist yet, after #1
#9 start p-web-2: new, after #6 #8

"#]]
    );
    let more = up(&wanted, &running(&["web nginx:1"]), &UpOptions::default()).unwrap();
    assert!(!more.to_string().contains("pre_start"), "{more}");
}
