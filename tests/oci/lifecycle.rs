//! Being made, started, looked at, changed, killed and removed.

use std::fs;

use serde_json::{Value, json};

use crate::world::{Said, World, eventually, said};

fn failed(said: &Said, text: &str) {
    assert!(said.code != 0 && said.err.contains(text), "{said:?}");
}

#[test]
fn a_container_is_run_and_nothing_is_left_of_it() {
    let world = World::sh("echo out; echo err >&2; exit 7");
    assert_eq!(world.run(), Said { out: "out\n".to_owned(), err: "err\n".to_owned(), code: 7 });
    assert_eq!(fs::read_dir(world.path("run")).unwrap().count(), 0);
    assert_eq!(world.oci(&["list", "--quiet"]).out, "");
    assert!(crate::cgroup::directories(format!("compose-oci/{}", world.id())).is_empty());
}

#[test]
fn its_program_runs_when_it_is_started_and_not_before() {
    let world = World::sh("touch /mark; sleep 1000");
    let id = world.id();
    let mut world = world;
    world.config["root"]["readonly"] = json!(false);
    world.config["annotations"] = json!({"a.b": "c"});
    assert_eq!(world.create(), Said { out: String::new(), err: String::new(), code: 0 });

    let state = world.state();
    assert_eq!((&state["status"], &state["id"]), (&json!("created"), &json!(id)));
    assert_eq!(state["annotations"], json!({"a.b": "c"}));
    assert_eq!(state["bundle"], json!(fs::canonicalize(world.path("bundle")).unwrap()));
    assert!(state["pid"].as_i64().unwrap() > 1 && state["ociVersion"].is_string());
    assert!(!world.inside("mark").exists());
    // What happens to the bundle's configuration now does not matter any more.
    fs::write(world.path("bundle/config.json"), "{}").unwrap();

    assert_eq!(world.oci(&["start", &id]).err, "");
    eventually("the program runs", || world.inside("mark").exists());
    assert_eq!(world.state()["status"], "running");
    failed(&world.oci(&["start", &id]), "cannot start an already running container");
    failed(&world.oci(&["delete", &id]), "that is not stopped: running");
    failed(&world.create(), "container with given ID already exists");

    for arguments in [&["kill", &id, "0"][..], &["kill", "--all", &id, "0"]] {
        assert_eq!(world.oci(arguments), Said { out: String::new(), err: String::new(), code: 0 });
    }
    let above = world.oci(&["exec", "--cgroup", "..", &id, "true"]);
    failed(&above, ".. is not a sub cgroup path");

    assert_eq!(world.oci(&["kill", &id, "KILL"]).err, "");
    eventually("it stops", || world.state()["status"] == "stopped");
    assert_eq!(world.state()["pid"], 0);
    failed(&world.oci(&["kill", &id]), "container not running");
    failed(&world.oci(&["start", &id]), "cannot start a container that has stopped");
    failed(&world.exec("true"), "cannot exec in a stopped container");
    assert_eq!(world.oci(&["delete", &id]).err, "");
    failed(&world.oci(&["state", &id]), "container does not exist");
    assert_eq!(world.oci(&["delete", "--force", &id]).code, 0);
}

#[test]
fn who_started_it_never_finds_it_created() {
    let world = World::sh("true");
    for _ in 0..20 {
        world.create_and_start();
        assert_ne!(world.state()["status"], "created");
        world.oci(&["delete", "--force", &world.id()]);
    }
}

#[test]
fn a_container_that_was_created_must_be_killed_before_it_is_removed() {
    let world = World::sh("true");
    assert_eq!(world.create().code, 0);
    failed(&world.oci(&["delete", &world.id()]), "that is not stopped: created");
    assert_eq!(world.oci(&["kill", &world.id(), "9"]).code, 0);
    eventually("it stops", || world.state()["status"] == "stopped");
    assert_eq!(world.oci(&["delete", &world.id()]).code, 0);
}

#[test]
fn what_cannot_be_executed_is_told_when_it_is_created() {
    let mut world = World::sh("");
    for (program, expected) in [
        ("nothing", "executable file not found in $PATH"),
        ("/no/such", "no such file or directory"),
        ("/etc/passwd", "permission denied"),
    ] {
        world.config["process"]["args"] = json!([program]);
        failed(&world.create(), expected);
        failed(&world.run(), expected);
        assert_eq!(fs::read_dir(world.path("run")).unwrap().count(), 0);
    }
}

#[test]
fn errors_go_to_the_log_in_the_format_that_is_asked_for() {
    let world = World::sh("true");
    let log = world.path("log");
    let arguments = |format: &'static str| {
        let log = log.to_str().unwrap();
        world.oci(&["state", "x"]);
        let mut command = world.command(&["--log", log, "--log-format", format, "state", "nobody"]);
        said(&command.output().unwrap())
    };
    assert_eq!(arguments("json").err, "container does not exist\n");
    let line: Value = serde_json::from_str(&fs::read_to_string(&log).unwrap()).unwrap();
    assert_eq!(
        (&line["level"], &line["msg"]),
        (&json!("error"), &json!("container does not exist"))
    );
    fs::remove_file(&log).unwrap();
    arguments("text");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains(r#"level=error msg="container does not exist""#), "{text}");
    failed(&world.oci(&["state", "../x"]), "invalid container ID format");
    failed(&world.oci(&["state"]), "<ID>");
}

#[test]
fn what_was_done_is_told_when_that_is_asked_for() {
    let world = World::sh("exit 3");
    world.write();
    let (log, bundle, id) = (world.path("log"), world.path("bundle"), world.id());
    let (log, bundle) = (log.to_str().unwrap(), bundle.to_str().unwrap());
    let run = ["run", "--bundle", bundle, &id];
    let logged =
        world.oci(&[&["--debug", "--log", log, "--log-format", "json"], &run[..]].concat());
    assert_eq!((logged.err.as_str(), logged.code), ("", 3));
    let told = world.oci(&[&["--debug"], &run[..]].concat());
    assert_eq!(told.code, 3);
    for text in [fs::read_to_string(log).unwrap(), told.err] {
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("debug")), "{text}");
        assert!(lines[0].contains(bundle) && lines[0].contains("executes its program"), "{text}");
        assert!(lines[1].contains("ended with code 3"), "{text}");
    }
    let quiet = world.oci(&[&["--log", log], &run[..]].concat());
    assert_eq!((quiet.err.as_str(), quiet.code), ("", 3));
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 2);
}

#[test]
fn it_is_frozen_limited_measured_and_listed() {
    let world = World::sh("sleep 1000");
    let id = world.id();
    world.create_and_start();
    assert_eq!(world.oci(&["pause", &id]).err, "");
    assert_eq!(world.state()["status"], "paused");
    failed(&world.exec("true"), "paused container");
    assert_eq!(world.oci(&["resume", &id]).err, "");
    failed(&world.oci(&["resume", &id]), "container not paused");
    // Frozen by somebody else, in the hierarchy that we do not freeze in if there is another.
    let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", world.state()["pid"])).unwrap();
    let freezer = cgroups.lines().find_map(|line| line.split_once(":freezer:"));
    if let Some((_, path)) = freezer {
        let group = format!("/sys/fs/cgroup/freezer{path}");
        fs::write(format!("{group}/freezer.state"), "FROZEN").unwrap();
        eventually("it is frozen", || world.state()["status"] == "paused");
        assert_eq!(world.oci(&["resume", &id]).err, "");
        assert_eq!(
            (world.state()["status"].as_str(), world.exec("true").code),
            (Some("running"), 0)
        );
    }

    assert_eq!(world.oci(&["update", "--pids-limit", "33", "--memory", "64m", &id]).err, "");
    let events = world.oci(&["events", "--stats", &id]);
    let event: Value = serde_json::from_str(&events.out).unwrap();
    assert_eq!(event["data"]["pids"]["limit"], 33);
    assert_eq!(event["data"]["memory"]["usage"]["limit"], 64 << 20);
    fs::write(world.path("limits"), r#"{"pids": {"limit": 44}}"#).unwrap();
    let limits = world.path("limits");
    world.oci(&["update", "--resources", limits.to_str().unwrap(), &id]);
    assert!(world.oci(&["events", "--stats", &id]).out.contains(r#""limit":44"#));
    // What an update says stays for the next ones: a quota belongs to a period.
    assert_eq!(world.oci(&["update", "--cpu-period", "50000", &id]).err, "");
    assert_eq!(world.oci(&["update", "--cpu-quota", "25000", &id]).err, "");
    let configuration = fs::read(world.path("run").join(&id).join("configuration.json")).unwrap();
    let configuration: Value = serde_json::from_slice(&configuration).unwrap();
    let resources = &configuration["linux"]["resources"];
    assert_eq!(resources["cpu"], json!({"period": 50000, "quota": 25000}));
    assert_eq!(
        (&resources["memory"]["limit"], &resources["pids"]["limit"]),
        (&json!(64 << 20), &json!(44))
    );
    assert_eq!(configuration["process"]["args"], world.config["process"]["args"]);

    let processes: Vec<i64> =
        serde_json::from_str(&world.oci(&["ps", "--format", "json", &id]).out).unwrap();
    assert_eq!(processes, [world.state()["pid"].as_i64().unwrap()]);
    assert!(world.oci(&["ps", &id, "-o", "pid,args"]).out.contains("sleep 1000"));
    let list: Value = serde_json::from_str(&world.oci(&["list", "-f", "json"]).out).unwrap();
    assert_eq!((&list[0]["id"], &list[0]["status"]), (&json!(id), &json!("running")));
    assert!(world.oci(&["list"]).out.lines().nth(1).unwrap().starts_with(&id));
}

#[test]
fn programs_are_executed_in_it() {
    let world = World::sh("sleep 1000");
    let id = world.id();
    world.create_and_start();
    assert_eq!(world.exec("exit 9").code, 9);
    let said = world.oci(&[
        "exec",
        "--user",
        "7:8",
        "--cwd",
        "/tmp",
        "--env",
        "A=b",
        "-g",
        "9",
        &id,
        "sh",
        "-c",
        "id -u; id -G; pwd; echo $A; grep NoNewPrivs /proc/self/status",
    ]);
    assert_eq!(said.out, "7\n8 9\n/tmp\nb\nNoNewPrivs:\t1\n");
    assert_eq!(world.oci(&["exec", "--user", "web", &id, "id", "-g"]).out, "34\n");
    let caps =
        world.oci(&["exec", "--cap", "CAP_NET_ADMIN", &id, "grep", "CapEff", "/proc/self/status"]);
    let bits = u64::from_str_radix(caps.out.trim().rsplit('\t').next().unwrap(), 16).unwrap();
    assert!(bits & 1 << 12 != 0, "{caps:?}");

    let exec = ["exec", "--cap", "CAP_OF_TOMORROW", "-e", "PATH=/nowhere:/bin", "-e", "A=1"];
    let said = world.oci(&[&exec[..], &["-e", "A=2", &id, "sh", "-c", "echo $PATH $A"]].concat());
    assert_eq!((said.out.as_str(), said.err.as_str()), ("/nowhere:/bin 2\n", ""));

    let process = world.path("process.json");
    let text =
        json!({"user": {"uid": 3, "gid": 4}, "args": ["id"], "cwd": "/", "env": ["PATH=/bin"]});
    fs::write(&process, text.to_string()).unwrap();
    let said = world.oci(&["exec", "--process", process.to_str().unwrap(), &id]);
    assert_eq!(said.out, "uid=3 gid=4\n");

    let file = world.path("pid");
    let detached = ["exec", "--detach", "--pid-file", file.to_str().unwrap(), &id, "sleep", "2000"];
    // It keeps the streams that it is given.
    let null = std::process::Stdio::null;
    assert!(world.command(&detached).stdout(null()).stderr(null()).status().unwrap().success());
    let pid = fs::read_to_string(file).unwrap();
    assert!(fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().contains("2000"));
    let said = world.oci(&["exec", &id, "nothing"]);
    assert!(said.code == 255 && said.err.contains("executable file not found"), "{said:?}");
}

#[test]
fn it_says_what_it_can_do() {
    let world = World::sh("true");
    let features: Value = serde_json::from_str(&world.oci(&["features"]).out).unwrap();
    assert!(features["linux"]["namespaces"].as_array().unwrap().contains(&json!("time")));
    assert!(features["mountOptions"].as_array().unwrap().contains(&json!("rro")));
    assert!(world.oci(&["--version"]).out.contains("spec: 1."));
    failed(&world.oci(&["spec", "--bundle", world.path("bundle").to_str().unwrap()]), "exists");
}
