//! Looking into containers that run, and getting things in and out of them.

use crate::world::{LIMIT, World, eventually};

#[test]
fn stats_are_those_of_the_container_alone() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  busy:
    image: busybox
    command: [sh, -c, 'sleep infinity & while :; do :; done']
    mem_limit: 64m
  idle: {image: busybox, command: [sleep, infinity], init: true}
",
    );
    world.compose(&["up", "-d"]).ok();
    let percent = |row: &serde_json::Value| {
        row["CPUPerc"].as_str().unwrap().trim_end_matches('%').parse::<f64>().unwrap()
    };
    let mut rows: Vec<serde_json::Value> = Vec::new();
    // How much of a processor it gets depends on who else wants some.
    eventually("one of them is busy", LIMIT, || {
        let done = world.compose(&["stats", "--no-stream", "--format", "json"]).ok();
        rows = done.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        rows.len() == 2 && percent(&rows[0]) > 1.0 && percent(&rows[0]) > 5.0 * percent(&rows[1])
    });
    let [busy, idle] = rows.as_slice() else { panic!("two containers: {rows:?}") };
    assert_eq!(busy["PIDs"], "2");
    assert!(busy["MemUsage"].as_str().unwrap().ends_with(" / 64MiB"), "{busy}");
    assert!(!idle["MemUsage"].as_str().unwrap().ends_with(" / 64MiB"), "{idle}");

    let send = "for i in $(seq 60); do nc -w 1 busy 9 </dev/null; done; true";
    world.compose(&["exec", "-T", "idle", "sh", "-c", send]).ok();
    let net = |service| {
        let template = ["stats", "--no-stream", "--format", "{{.NetIO}}", service];
        world.compose(&template).ok().text().to_owned()
    };
    assert!(net("busy").contains("kB"), "{}", net("busy"));
    world.compose(&["kill", "busy"]).ok();
    assert_eq!(net("busy"), "");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn events_tell_a_containers_whole_life() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  web:
    image: busybox
    command: [sleep, infinity]
    init: true
    volumes: ['data:/data']
    healthcheck: {test: [CMD, 'true'], start_period: 1m, start_interval: 100ms, interval: 1m}
volumes: {data: }
",
    );
    let mut follower = world
        .command(&world.project(), crate::world::COMPOSE)
        .args(["events", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    world.compose(&["up", "-d", "--wait"]).ok();
    world.compose(&["exec", "-T", "web", "true"]).ok();
    world.compose(&["pause"]).ok();
    world.compose(&["unpause"]).ok();
    world.compose(&["kill", "-s", "SIGWINCH"]).ok();
    world.compose(&["stop", "-t", "5"]).ok();
    world.compose(&["down", "-v"]).ok();
    let told = world.compose(&["events", "--since", "1h", "--until", "0s", "--json"]).ok();
    let events: Vec<serde_json::Value> =
        told.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&str> = events.iter().map(|it| it["action"].as_str().unwrap()).collect();
    let expected = [
        "create",
        "start",
        "exec_create: true",
        "exec_start: true",
        "exec_die",
        "health_status: healthy",
        "exec_create: true",
        "exec_start: true",
        "exec_die",
        "pause",
        "unpause",
        "kill",
        "kill",
        "die",
        "stop",
        "destroy",
    ];
    assert_eq!(actions, expected);
    for probe_or_command in [&events[4], &events[8]] {
        assert_eq!(probe_or_command["attributes"]["exitCode"], "0");
    }
    let named = |at: usize| events[at]["attributes"]["execID"].as_str().unwrap().to_owned();
    assert!(named(2) == named(4) && named(6) == named(8) && named(2) != named(6));
    assert_eq!(events[11]["attributes"]["signal"], "28");
    assert_eq!(events[13]["attributes"]["exitCode"], "143");
    assert_eq!(events[0]["attributes"]["name"], "project-web-1");

    // Who follows gets the same as who asks later.
    let mut live = String::new();
    let mut lines = std::io::BufReader::new(follower.stdout.take().unwrap());
    while !live.contains("\"destroy\"") {
        assert!(std::io::BufRead::read_line(&mut lines, &mut live).unwrap() > 0, "{live}");
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert_eq!(live.lines().count(), expected.len(), "{live}");
    world.assert_clean();
}

#[test]
fn wait_sees_the_first_end_of_one_that_restarts() {
    let world = World::new();
    world.compose_yaml(
        "services:\n  it: {image: busybox, restart: always, command: [sh, -c, 'sleep 1; exit 3']}\n",
    );
    world.compose(&["up", "-d"]).ok();
    let done = world.compose(&["wait", "it"]);
    assert_eq!(done.code, 3);
    assert!(done.stdout.contains("exited with status code 3"), "{}", done.stdout);
    world.compose(&["kill"]);
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn lack_of_memory_is_told_while_the_container_goes_on() {
    let world = World::new();
    world.compose_yaml(
        "services:\n  it: {image: busybox, init: true, mem_limit: 16m, memswap_limit: 16m, command: sleep infinity}\n",
    );
    world.compose(&["up", "-d"]).ok();
    assert_eq!(world.compose(&["exec", "-T", "it", "tail", "/dev/zero"]).code, 137);
    world.compose(&["top"]).ok();
    world.compose(&["restart", "-t", "1"]).ok();
    let format = "{{.State.Status}} {{.State.OOMKilled}}";
    let state = ["container", "inspect", "-f", format, "project-it-1"];
    assert_eq!(world.compose(&state).ok().text(), "running false");
    let told = world.compose(&["events", "--since", "1h", "--until", "0s", "--json"]).ok();
    let actions: Vec<String> = told
        .text()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|event| event["action"].as_str().unwrap().to_owned())
        .collect();
    let at = |action: &str| actions.iter().position(|it| it == action).unwrap();
    assert!(at("oom") < at("top") && at("top") < at("die"), "{actions:?}");
    assert_eq!(actions.iter().filter(|action| *action == "oom").count(), 1, "{actions:?}");
    assert_eq!(actions.last().map(String::as_str), Some("restart"), "{actions:?}");
    world.compose(&["down", "-t", "1"]).ok();
    world.assert_clean();
}

#[test]
fn commands_and_places_in_networks_have_names() {
    let world = World::new();
    world.compose_yaml("services: {it: {image: busybox, init: true, command: sleep infinity}}");
    world.compose(&["up", "-d"]).ok();
    world.compose(&["exec", "-d", "it", "sleep", "600"]).ok();
    let inspect = world.compose(&["container", "inspect", "project-it-1"]).ok();
    let shape: serde_json::Value = serde_json::from_str(inspect.text()).unwrap();
    let network = &shape[0]["NetworkSettings"];
    let names = [
        &shape[0]["ExecIDs"][0],
        &network["SandboxID"],
        &network["Networks"]["project_default"]["EndpointID"],
    ];
    for name in names {
        assert_eq!(name.as_str().map(str::len), Some(64), "{network}");
    }
    let key = network["SandboxKey"].as_str().unwrap();
    let inside = world.shell(&format!("nsenter --net={key} ip -o -4 addr show eth0")).ok();
    let address = network["Networks"]["project_default"]["IPAddress"].as_str().unwrap();
    assert!(inside.stdout.contains(address), "{}", inside.stdout);
    world.compose(&["down", "-t", "1"]).ok();
    world.assert_clean();
}

#[test]
fn lack_of_memory_is_told() {
    let world = World::new();
    world.compose_yaml(
        "services:\n  it: {image: busybox, mem_limit: 16m, memswap_limit: 16m, command: [tail, /dev/zero]}\n",
    );
    world.compose(&["up"]);
    let ps = world.compose(&["ps", "-a", "--format", "{{.ExitCode}} {{.Name}}"]).ok();
    assert_eq!(ps.text(), "137 project-it-1");
    let told = world.compose(&["events", "--since", "1h", "--until", "0s"]).ok();
    assert!(told.stdout.contains(" oom "), "{}", told.stdout);
    let template = "{{.State.OOMKilled}} {{.State.Status}} {{.HostConfig.Memory}}";
    let inspect = ["container", "inspect", "-f", template, "project-it-1"];
    assert_eq!(world.compose(&inspect).ok().text(), "true exited 16777216");
    world.compose(&["down"]).ok();
    world.assert_clean();
}
