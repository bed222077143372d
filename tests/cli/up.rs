//! `up`, `create`, `scale`, `pull` and `down`.

use crate::machine::Machine;

const WEB_AND_DB: &str = "\
services:
  web:
    image: nginx
    depends_on: [db]
  db:
    image: postgres:14
";

/// Services that end by themselves.
const JOBS: &str = "\
services:
  one:
    image: busybox
    entrypoint: ['true']
    command: []
  two:
    image: busybox
    entrypoint: ['false']
    command: []
";

#[test]
fn up_in_the_background_tells_each_step_in_docker_composes_words() {
    let machine = Machine::with(WEB_AND_DB);
    let ran = machine.run("up -d --quiet-pull");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    let lines: Vec<&str> = ran.err.lines().collect();
    for line in [
        " Image nginx  Pulling",
        " Image nginx  Pulled",
        " Network demo_default  Creating",
        " Network demo_default  Created",
        " Container demo-db-1  Creating",
        " Container demo-db-1  Created",
        " Container demo-db-1  Starting",
        " Container demo-db-1  Started",
        " Container demo-web-1  Started",
    ] {
        assert!(lines.contains(&line), "{line:?} is missing in\n{}", ran.err);
    }
    assert_eq!(machine.states(), ["demo-db-1 running", "demo-web-1 running"]);
}

#[test]
fn mistakes_in_services_that_are_not_meant_stop_nobody() {
    let machine = Machine::with(
        "services:
  web: {image: nginx}
  lost: {image: nginx, env_file: /no/such.env}
  one: {image: nginx, container_name: same}
  two: {image: nginx, container_name: same}
  slow: {image: nginx, healthcheck: {test: ls, start_interval: 1s}}
",
    );
    machine.out("up -d web");
    assert!(machine.out("ps").contains("demo-web-1"));
    machine.out("up -d one");
    machine.out("logs");
    let all = machine.fails("up -d");
    for mistake in ["/no/such.env", "both name their container `same`"] {
        assert!(all.contains(mistake), "{all}");
    }
    machine.out("up -d slow");
    machine.out("down");
    assert!(machine.states().is_empty());
}

#[test]
fn a_project_without_services_has_resources_to_make() {
    let machine = Machine::with("volumes: {data: {}}\nnetworks: {inner: {}}\n");
    assert!(machine.fails("up -d").contains("no service selected"));
    let said = machine.err("--all-resources up -d");
    for made in ["Volume demo_data  Created", "Network demo_inner  Created"] {
        assert!(said.contains(made), "{said}");
    }
}

#[test]
fn a_second_up_touches_nothing() {
    let machine = Machine::with(WEB_AND_DB);
    machine.err("up -d");
    let before = machine.engine.calls();
    assert_eq!(
        machine.err("up -d"),
        " Container demo-db-1  Running\n Container demo-web-1  Running\n"
    );
    assert_eq!(machine.engine.calls(), before);
}

#[test]
fn a_plan_says_what_would_be_done_and_why() {
    let machine = Machine::with(WEB_AND_DB);
    machine.err("up -d");
    machine.write("compose.yaml", &format!("name: demo\n{WEB_AND_DB}").replace("nginx", "nginx:2"));
    machine.err("pull");
    let before = machine.engine.calls();
    let plan = machine.out("up --plan");
    assert!(plan.contains("web-1"), "{plan}");
    assert!(plan.contains("image nginx -> nginx:2"), "{plan}");
    assert_eq!(machine.engine.calls(), before);
    assert_eq!(machine.out("up -d --dry-run"), plan);
}

#[test]
fn nothing_to_do_is_said() {
    let machine = Machine::with(WEB_AND_DB);
    machine.err("up -d");
    let ran = machine.run("up --plan");
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Nothing to do.\n"));
}

#[test]
fn progress_as_json_is_one_object_a_line() {
    let machine = Machine::with(WEB_AND_DB);
    let err = machine.err("--progress json up -d db");
    let objects: Vec<serde_json::Value> =
        err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let done = serde_json::json!({
        "id": "Container demo-db-1", "status": "Done", "text": "Started",
    });
    assert!(objects.contains(&done), "{err}");
    assert_eq!(machine.err("up -d --progress quiet"), "");
}

#[test]
fn a_failed_step_is_told_and_named() {
    let machine = Machine::with(WEB_AND_DB);
    machine.engine.fail("start demo-db-1");
    let ran = machine.run("up -d");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains(" Container demo-db-1  Error cannot start demo-db-1"), "{}", ran.err);
    assert!(ran.err.contains("\nerror: cannot start demo-db-1: the test says so\n"), "{}", ran.err);
    assert!(ran.err.contains("= hint: not done: start demo-web-1"), "{}", ran.err);
}

#[test]
fn up_in_the_foreground_shows_output_until_all_have_ended() {
    let machine = Machine::with(JOBS);
    let ran = machine.run("up");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.remove(0), "Attaching to one-1, two-1");
    lines.sort_unstable();
    assert_eq!(lines, ["one-1 exited with code 0", "two-1 exited with code 1"]);
}

#[test]
fn the_exit_code_can_be_a_services() {
    let machine = Machine::with(JOBS);
    assert_eq!(machine.run("up --exit-code-from two").code, 1);
    assert_eq!(machine.run("up --exit-code-from one").code, 0);
    assert_eq!(machine.run("up --abort-on-container-failure").code, 1);
}

#[test]
fn scaling_adds_and_removes_containers() {
    let machine = Machine::with(WEB_AND_DB);
    machine.err("up -d --scale web=3");
    assert_eq!(machine.states().len(), 4);
    machine.err("scale web=1");
    assert_eq!(machine.states(), ["demo-db-1 running", "demo-web-1 running"]);
    assert_eq!(
        machine.fails("up --scale web"),
        "error: invalid --scale option \"web\". Should be SERVICE=NUM\n"
    );
    assert!(machine.fails("scale wbe=2").contains("did you mean `web`?"));
}

#[test]
fn create_does_not_start() {
    let machine = Machine::with(WEB_AND_DB);
    machine.err("create");
    assert_eq!(machine.states(), ["demo-db-1 created", "demo-web-1 created"]);
    machine.err("up -d --no-start");
    assert_eq!(machine.states(), ["demo-db-1 created", "demo-web-1 created"]);
    machine.err("start");
    assert_eq!(machine.states(), ["demo-db-1 running", "demo-web-1 running"]);
}

#[test]
fn options_that_exclude_each_other_say_so() {
    let machine = Machine::with(WEB_AND_DB);
    for (line, message) in [
        (
            "up --force-recreate --no-recreate",
            "--force-recreate and --no-recreate are incompatible",
        ),
        ("up -V --no-recreate", "--no-recreate and --renew-anon-volumes are incompatible"),
        (
            "up --attach web --attach-dependencies",
            "cannot combine --attach and --attach-dependencies",
        ),
        ("up --wait --wait-timeout -1", "--wait-timeout must be a non-negative integer"),
        ("up --attach x", "cannot attach to services not included in up: x"),
    ] {
        assert!(machine.run(line).err.contains(message), "{line}: {:?}", machine.run(line));
    }
}

#[test]
fn down_leaves_nothing_and_keeps_volumes() {
    let compose = format!("{WEB_AND_DB}    volumes: [data:/d]\nvolumes:\n  data:\n");
    let machine = Machine::with(&compose);
    machine.err("up -d");
    let err = machine.err("down");
    assert!(err.contains(" Container demo-web-1  Removed\n"), "{err}");
    assert!(err.ends_with(" Network demo_default  Removed\n"), "{err}");
    let left = machine.engine.snapshot();
    assert!(left.containers.is_empty() && left.networks.is_empty());
    assert_eq!(left.volumes.keys().collect::<Vec<_>>(), ["demo_data"]);
    machine.err("down -v");
    assert!(machine.engine.snapshot().volumes.is_empty());
}

#[test]
fn down_of_nothing_warns_and_succeeds() {
    let machine = Machine::with(WEB_AND_DB);
    assert_eq!(machine.err("down"), "warning: No resource found to remove for project \"demo\".\n");
}

#[test]
fn orphans_are_named_and_removed_when_asked() {
    let machine = Machine::with(WEB_AND_DB);
    machine.err("up -d");
    machine.write("compose.yaml", "name: demo\nservices:\n  db:\n    image: postgres:14\n");
    let err = machine.err("up -d");
    assert!(err.contains("demo-web-1") && err.contains("--remove-orphans"), "{err}");
    machine.err("up -d --remove-orphans");
    assert_eq!(machine.states(), ["demo-db-1 running"]);
}

#[test]
fn variables_change_orphans_and_progress() {
    let mut machine = Machine::with(WEB_AND_DB);
    machine.err("up -d");
    machine.write("compose.yaml", "name: demo\nservices:\n  db:\n    image: postgres:14\n");
    machine.set("COMPOSE_REMOVE_ORPHANS", "1");
    machine.set("COMPOSE_PROGRESS", "quiet");
    assert_eq!(machine.err("up -d"), "");
    assert_eq!(machine.states(), ["demo-db-1 running"]);
    machine.set("COMPOSE_PROGRESS", "loud");
    assert!(machine.fails("up -d").contains("unsupported --progress value \"loud\""));
}

#[test]
fn services_are_built_when_asked_for_and_not_against_one_s_word() {
    let machine = Machine::with("services:\n  web: {image: x, build: .}\n  db: {image: y}\n");
    assert!(!machine.err("up -d --build db").contains("Built"));
    assert!(machine.err("up -d --build").contains(" Image x  Built\n"));
    let message = machine.fails("up --build --no-build");
    assert_eq!(message, "error: --build and --no-build are incompatible\n");
}

#[test]
fn pull_asks_the_registry() {
    let machine = Machine::with(WEB_AND_DB);
    machine.err("pull");
    machine.err("pull db");
    let pulls = |name: &str| {
        let call = format!("pull {name}");
        machine.engine.calls().iter().filter(|made| **made == call).count()
    };
    assert_eq!((pulls("nginx"), pulls("postgres:14")), (1, 2));
    machine.engine.fail("pull nginx");
    assert_eq!(machine.run("pull").code, 1);
    assert_eq!(machine.run("pull --ignore-pull-failures").code, 0);
}

#[test]
fn a_service_with_a_name_for_its_container_is_not_scaled() {
    let machine = Machine::with("services:\n  v: {image: busybox, container_name: only-one}\n");
    for line in ["up -d --scale v=2", "create --scale v=3", "scale v=2"] {
        let said = machine.fails(line);
        assert!(said.contains("containers of service \"v\" cannot all have the name"), "{said}");
        assert_eq!(machine.states(), [""; 0], "{line}");
    }
    machine.out("up -d --scale v=1");
    assert_eq!(machine.states(), ["only-one running"]);
}

#[test]
fn a_socket_that_is_not_there_is_refused_before_anything_is_made() {
    let machine = Machine::empty();
    let missing = machine.path("docker.sock");
    machine.write(
        "compose.yaml",
        "services:\n  web: {image: nginx}\n  proxy:\n    image: traefik\n    volumes: [./docker.sock:/var/run/docker.sock:ro]\n",
    );
    for line in ["up -d", "create", "run proxy"] {
        let said = machine.fails(line);
        assert!(said.contains("service proxy: ") && said.contains("no Docker runs"), "{said}");
        assert_eq!(machine.states(), [""; 0], "{line}");
        assert!(!missing.exists(), "{line}");
    }
    let ran = machine.run("lint --allow image-without-version");
    assert!(ran.code == 1 && ran.out.contains("error[missing-socket]"), "{ran:?}");
    machine.out("up -d web");
    let _listener = std::os::unix::net::UnixListener::bind(&missing).unwrap();
    machine.out("up -d");
    assert_eq!(machine.run("lint --allow image-without-version").code, 0);
}
