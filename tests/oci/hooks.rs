//! Hooks: when they run, where, with what, and what follows when one fails.

use std::fs;

use serde_json::{Value, json};

use crate::world::{World, eventually};

const KINDS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// A hook that writes its name and the state it got to `file`.
fn hook(kind: &str, file: &str, code: i32) -> Value {
    let script = format!("echo {kind} $(cat) >> {file}; exit {code}");
    json!([{"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]}])
}

fn world(script: &str, failing: Option<&str>) -> World {
    let mut world = World::sh(script);
    world.config["root"]["readonly"] = json!(false);
    let log = world.path("hooks");
    for kind in KINDS {
        // Those in the container's namespaces see it by another path after the root was changed.
        let file = if kind == "startContainer" { "/hooks".into() } else { log.clone() };
        let code = i32::from(failing == Some(kind));
        world.config["hooks"][kind] = hook(kind, file.to_str().unwrap(), code);
    }
    world
}

fn lines(world: &World) -> Vec<(String, Value)> {
    let text = fs::read_to_string(world.path("hooks")).unwrap_or_default();
    let parse = |line: &str| {
        let (kind, state) = line.split_once(' ').unwrap();
        (kind.to_owned(), serde_json::from_str(state).unwrap())
    };
    text.lines().map(parse).collect()
}

#[test]
fn every_kind_runs_in_its_time_with_the_state() {
    let world = world("sleep 1000", None);
    assert_eq!(world.create().err, "");
    let kinds = |world: &World| lines(world).into_iter().map(|line| line.0).collect::<Vec<_>>();
    assert_eq!(kinds(&world), KINDS[..3]);
    let pid = world.state()["pid"].clone();
    for (kind, state) in lines(&world) {
        assert_eq!(state["status"], "creating", "{kind}");
        assert_eq!(state["id"], json!(world.id()));
        let expected = if kind == "createContainer" { json!(1) } else { pid.clone() };
        assert_eq!(state["pid"], expected, "{kind}");
    }
    assert!(!world.inside("hooks").exists());

    assert_eq!(world.oci(&["start", &world.id()]).err, "");
    let inside = fs::read_to_string(world.inside("hooks")).unwrap();
    assert!(inside.starts_with("startContainer") && inside.contains(r#""status":"created""#));
    let (kind, state) = lines(&world).pop().unwrap();
    assert_eq!((kind.as_str(), &state["status"]), ("poststart", &json!("running")));

    world.oci(&["kill", &world.id(), "KILL"]);
    eventually("it stops", || world.state()["status"] == "stopped");
    assert_eq!(world.oci(&["delete", &world.id()]).err, "");
    let (kind, state) = lines(&world).pop().unwrap();
    assert_eq!((kind.as_str(), &state["status"]), ("poststop", &json!("stopped")));
}

#[test]
fn one_that_fails_ends_the_container() {
    for kind in &KINDS[..5] {
        let world = world("sleep 1000", Some(kind));
        let said = world.run();
        assert!(said.code == 1 && said.err.contains(&format!("hook #0 ({kind} ")), "{said:?}");
        world.oci(&["delete", "--force", &world.id()]);
        assert_eq!(fs::read_dir(world.path("run")).unwrap().count(), 0, "{kind}");
    }
    // At the end it is too late to fail.
    let world = world("true", Some("poststop"));
    assert_eq!(world.out(), "");
}

#[test]
fn create_container_hooks_see_the_root_in_the_container() {
    let mut world = World::sh("cat /mnt/file");
    let mount = "mount -t tmpfs x ./mnt && echo hi > ./mnt/file";
    world.config["hooks"]["createContainer"] = json!([
        {"path": "/bin/sh", "args": ["sh", "-c", mount], "env": ["PATH=/bin:/usr/bin"]}
    ]);
    assert_eq!(world.out(), "hi\n");
    assert!(!world.inside("mnt/file").exists(), "nothing shows on the host");
}

#[test]
fn a_hook_without_an_environment_has_the_callers() {
    for (env, expected) in [(Value::Null, "mine\n"), (json!([]), "\n")] {
        let mut world = World::sh("true");
        let file = world.path("said");
        let script = format!("echo $OF_THE_CALLER > {}", file.display());
        let mut hook = json!({"path": "/bin/sh", "args": ["sh", "-c", script]});
        if !env.is_null() {
            hook["env"] = env;
        }
        world.config["hooks"] = json!({"createRuntime": [hook]});
        let ended = world.make("run", &[]).env("OF_THE_CALLER", "mine").status().unwrap();
        assert!(ended.success());
        assert_eq!(fs::read_to_string(file).unwrap(), expected);
    }
}
