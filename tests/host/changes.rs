//! What a container has changed, and what is changed about it: `diff`, `update`, `rename`, `wait`.

use crate::world::{LIMIT, World, eventually};

#[test]
fn a_diff_has_what_was_added_changed_and_deleted_but_nothing_of_volumes() {
    let world = World::new();
    world.up("
services:
  it:
    image: busybox
    init: true
    command: sleep infinity
    volumes: ['named:/data', './bound:/bound']
    tmpfs: [/scratch]
    secrets: [key]
secrets: {key: {environment: HOME}}
volumes: {named: }
");
    let diff = || {
        let done = world.compose(&["container", "diff", "project-it-1"]).ok();
        done.text().to_owned()
    };
    let untouched = diff();
    assert!(!untouched.contains("/etc"), "generated files are nobody's changes: {untouched}");
    let script = "echo new > /new; mkdir -p /a/b; ln -s new /a/link; mkfifo /a/pipe; \
                  rm /etc/passwd; echo more >> /etc/group; \
                  rm -r /var/log; mkdir /var/log; touch /var/log/mine; \
                  chmod 711 /root; touch /root/one; rm /root/one; \
                  echo x > /data/in-volume; echo x > /bound/in-bind; echo x > /scratch/in-memory";
    world.inside("it", script);
    let expected = "\
A /a
A /a/b
A /a/link
A /a/pipe
C /etc
C /etc/group
D /etc/passwd
A /new
C /root
C /var
C /var/log
A /var/log/mine";
    // Mount points were there before; they are told of or not, but they do not change.
    let mine = |text: &str| -> Vec<String> {
        let before: Vec<&str> = untouched.lines().collect();
        text.lines().filter(|line| !before.contains(line)).map(str::to_owned).collect()
    };
    assert_eq!(mine(&diff()).join("\n"), expected);
    world.compose(&["stop", "-t", "1"]).ok();
    assert_eq!(mine(&diff()).join("\n"), expected, "a container that does not run has the same");
    world.down();
}

/// The number in a file of the control group, in either version.
fn limit(world: &World, legacy: &str, unified: &str) -> String {
    let script = format!("cd /sys/fs/cgroup; cat {legacy} 2>/dev/null || cat {unified}");
    world.inside("it", &script)
}

#[test]
fn limits_and_the_restart_policy_change_while_it_runs_and_stay_changed() {
    let world = World::new();
    world.up("
services:
  it: {image: busybox, init: true, command: sleep infinity, mem_limit: 64m, cpus: 0.5}
");
    let update = |options: &[&str]| {
        let all = [&["container", "update"][..], options, &["project-it-1"]].concat();
        world.compose(&all).ok();
    };
    let limits = || {
        let memory = limit(&world, "memory/memory.limit_in_bytes", "memory.max");
        let pids = limit(&world, "pids/pids.max", "pids.max");
        let cpu = limit(&world, "cpu/cpu.cfs_quota_us", "cpu.max");
        [memory, pids, cpu.split(' ').next().unwrap().to_owned()]
    };
    assert_eq!(limits(), ["67108864", "4096", "50000"]);
    update(&["--memory", "32m", "--memory-swap", "48m", "--pids-limit", "44", "--cpus", "0.25"]);
    assert_eq!(limits(), ["33554432", "44", "25000"]);
    // What is not said stays.
    update(&["--pids-limit", "45", "--restart", "on-failure:3"]);
    assert_eq!(limits(), ["33554432", "45", "25000"]);
    // One that does not run has the new limits from its next start on.
    world.compose(&["stop", "-t", "1"]).ok();
    update(&["--memory", "40m", "--memory-swap", "-1"]);
    world.compose(&["start"]).ok();
    assert_eq!(limits(), ["41943040", "45", "25000"]);
    let shape =
        ["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}}"];
    let shape = world.compose(&[&shape[..], &["project-it-1"]].concat()).ok();
    assert_eq!(shape.text(), "on-failure 41943040");
    world.down();
}

#[test]
fn a_policy_that_was_updated_brings_back_what_runs_and_what_has_ended_says_how() {
    let world = World::new();
    let run = ["container", "run", "-d", "--network", "none", "--name", "one", "busybox"];
    world.compose(&[&run[..], &["sh", "-c", "sleep 1; exit 6"]].concat()).ok();
    world.compose(&["container", "update", "--restart", "on-failure:1", "one"]).ok();
    world.compose(&["container", "rename", "one", "other"]).ok();
    eventually("it was tried twice", LIMIT, || {
        let format = "{{.State.Status}} {{.RestartCount}}";
        let state = world.compose(&["inspect", "--format", format, "other"]).ok();
        state.text() == "exited 1"
    });
    assert_eq!(world.compose(&["container", "wait", "other"]).ok().text(), "6");
    assert_ne!(world.compose(&["inspect", "one"]).code, 0, "the old name is nobody's");
    world.compose(&["container", "rm", "other"]).ok();
    world.assert_clean();
}
