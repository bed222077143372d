//! Services that another OCI runtime runs: `runtime: runc`, `runtime: /usr/bin/crun`.

use std::path::{Path, PathBuf};

use crate::world::{LIMIT, World, eventually, list};

/// The runtimes that are installed; at least one.
fn runtimes() -> Vec<PathBuf> {
    let directories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
    let find = |name: &str| {
        directories.iter().map(|it| Path::new(it).join(name)).find(|path| path.exists())
    };
    let found: Vec<PathBuf> = ["runc", "crun"].into_iter().filter_map(find).collect();
    assert!(!found.is_empty(), "this test needs runc or crun: apt-get install crun");
    found
}

/// A machine that the runtime can work on.
fn world(runtime: &Path) -> World {
    let world = World::new();
    if runtime.ends_with("crun") {
        // It refuses a machine with both versions of control groups.
        world.shell("! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified").ok();
    }
    world
}

fn stack(runtime: &Path) -> String {
    format!(
        "
services:
  web:
    image: busybox
    runtime: {}
    init: true
    command:
      - sh
      - -c
      - |
        trap 'echo got TERM; exit 3' TERM
        echo out; echo err >&2
        echo served > /srv/index.html; httpd -f -p 80 -h /srv & wait
    hostname: webhost
    domainname: example
    user: '0:0'
    environment: {{COLOR: green}}
    mem_limit: 64m
    pids_limit: 77
    cpus: 0.5
    cap_drop: [ALL]
    cap_add: [NET_BIND_SERVICE]
    ulimits: {{nofile: {{soft: 123, hard: 456}}}}
    sysctls: {{net.core.somaxconn: '321'}}
    tmpfs: ['/scratch:size=1m', /srv]
    shm_size: 8m
    devices: ['/dev/null:/dev/nothing']
    secrets: [key]
    volumes: ['data:/usr', './here:/here:ro']
    ports: ['127.0.0.1:8123:80']
    healthcheck: {{test: [CMD, test, -e, /srv/index.html], start_period: 1m, start_interval: 200ms}}
  friend:
    image: busybox
    runtime: {}
    tty: true
    network_mode: service:web
    depends_on: [web]
    command: [sh, -c, 'tty; wget -qO- http://127.0.0.1/; exec sleep infinity']
    stop_grace_period: 0s
secrets: {{key: {{environment: KEY}}}}
volumes: {{data: }}
",
        runtime.display(),
        runtime.display()
    )
}

#[test]
fn a_service_is_run_by_the_runtime_it_names() {
    for runtime in runtimes() {
        println!("== {}", runtime.display());
        let world = world(&runtime);
        world.compose_yaml(&stack(&runtime));
        std::fs::create_dir(world.project().join("here")).unwrap();
        std::fs::write(world.project().join("here/file"), "content").unwrap();
        let up = ["KEY=opensesame", crate::world::COMPOSE, "up", "-d", "--wait"];
        world.run(world.command(&world.project(), "env").args(up)).ok();
        known_to(&world, &runtime);
        inside(&world);
        outside(&world);
        world.compose(&["down", "-v"]).ok();
        world.assert_clean();
        let groups = world.shell("ls -d /sys/fs/cgroup/*/compose/*/ 2>/dev/null").stdout;
        for id in list(&world.path().join("data/containers")) {
            assert!(!groups.contains(&id), "a group is left: {groups}");
        }
    }
}

/// The runtime itself knows the containers.
fn known_to(world: &World, runtime: &Path) {
    let containers = world.compose(&["ps", "-q", "--no-trunc"]).ok();
    for id in containers.text().lines() {
        let root = world.path().join("run/containers").join(id).join("oci/state");
        let state = format!("{} --root {} state {id}", runtime.display(), root.display());
        let state = world.shell(&state).ok();
        assert!(state.stdout.contains("\"running\""), "{}", state.stdout);
        let shown = world.compose(&["inspect", "--format", "{{.HostConfig.Runtime}}", id]).ok();
        assert_eq!(shown.text(), runtime.to_str().unwrap());
    }
}

fn exec(world: &World, script: &str) -> String {
    world.compose(&["exec", "-T", "web", "sh", "-c", script]).ok().text().to_owned()
}

/// Every key has its effect in the container.
fn inside(world: &World) {
    for (script, expected) in [
        ("hostname; cat /proc/sys/kernel/domainname", "webhost\nexample"),
        ("echo $COLOR $HOME; id -u", "green /root\n0"),
        ("cat /run/secrets/key; stat -c ' %a %u' /run/secrets/key", "opensesame 444 0"),
        ("cat /here/file; touch /here/new 2>/dev/null || echo kept", "contentkept"),
        ("awk '/open files/ {print $4, $5}' /proc/1/limits", "123 456"),
        ("cat /proc/sys/net/core/somaxconn; id -G", "321\n0"),
        ("stat -c '%F %t %T' /dev/nothing", "character special file 1 3"),
        ("df -P -k /scratch /dev/shm | awk 'NR>1 {print $2}'", "1024\n8192"),
        ("grep -c nameserver.127.0.0.11 /etc/resolv.conf", "1"),
        ("cat /proc/kcore | wc -c", "0"),
        ("tr '\\0' ' ' < /proc/1/cmdline | cut -c 1-12", "compose-init"),
        ("grep CapEff /proc/self/status | cut -f 2", "0000000000000400"),
        ("grep Seccomp: /proc/self/status | cut -f 2", "2"),
    ] {
        assert_eq!(exec(world, script), expected, "{script}");
    }
    // The image's own files filled the volume.
    let seen = exec(world, "ls /usr | head -c 1");
    let image = world.compose(&[
        "container",
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "ls /usr | head -c 1",
    ]);
    assert_eq!(seen, image.ok().text());
    let code = world.compose(&["exec", "-T", "web", "sh", "-c", "exit 7"]).code;
    assert_eq!(code, 7);
    let missing = world.compose(&["exec", "-T", "web", "no-such-program"]);
    assert_eq!(missing.code, 127, "{}", missing.stderr);
    let typed = "echo typed | tr a-z A-Z";
    let tty = format!("{} exec web sh -c 'test -t 0 && {typed}'", crate::world::COMPOSE);
    let mut command = world.command(&world.project(), "script");
    let tty = world.run(command.args(["-qefc", &tty, "/dev/null"]));
    assert!(tty.stdout.contains("TYPED"), "{}", tty.stdout);
}

/// What we do for it goes on as for any other.
fn outside(world: &World) {
    assert_eq!(world.shell("curl -s http://127.0.0.1:8123/").ok().text(), "served");
    let friend = world.compose(&["logs", "--no-log-prefix", "friend"]).ok();
    let lines: Vec<&str> = friend.text().lines().map(str::trim).collect();
    assert!(lines[0].starts_with("/dev/"), "{lines:?}");
    assert_eq!(lines.last(), Some(&"served"), "{lines:?}");
    let limit = world.compose(&["stats", "--no-stream", "--format", "{{.MemUsage}}", "web"]).ok();
    assert!(limit.text().ends_with("/ 64MiB"), "{}", limit.text());
    assert!(world.compose(&["top", "web"]).ok().text().contains("httpd"));
    world.compose(&["pause", "web"]).ok();
    let state = world.compose(&["ps", "-a", "--format", "{{.State}}", "web"]).ok();
    assert_eq!(state.text(), "paused");
    world.compose(&["unpause", "web"]).ok();
    assert_eq!(exec(world, "echo again"), "again");
    world.compose(&["stop", "-t", "20", "web"]).ok();
    let ended = world.compose(&["ps", "-a", "--format", "{{.ExitCode}}", "web"]).ok();
    assert_eq!(ended.text(), "3");
    let logs = world.compose(&["logs", "--no-log-prefix", "web"]).ok();
    for line in ["out", "err", "got TERM"] {
        assert!(logs.text().lines().any(|it| it == line), "{line}: {}", logs.text());
    }
    world.compose(&["start", "web"]).ok();
    assert_eq!(exec(world, "echo third"), "third");
}

#[test]
fn ends_restarts_and_failures_are_seen_whatever_runtime_it_is() {
    for runtime in runtimes() {
        println!("== {}", runtime.display());
        let world = world(&runtime);
        let runtime = runtime.to_str().unwrap();
        let run = |arguments: &[&str]| {
            let all =
                [&["container", "run", "--network", "none", "--runtime", runtime][..], arguments]
                    .concat();
            world.compose(&all)
        };
        let done = run(&["--rm", "busybox", "sh", "-c", "echo short; exit 5"]);
        assert_eq!((done.text(), done.code), ("short", 5), "{}", done.stderr);
        let missing = run(&["--rm", "busybox", "no-such-program"]);
        assert_eq!(missing.code, 127, "{}", missing.stderr);
        assert!(missing.stderr.contains("no-such-program"), "{}", missing.stderr);
        let again = ["--restart", "on-failure:2", "--name", "again", "-d", "busybox"];
        run(&[&again[..], &["sh", "-c", "echo turn; exit 4"]].concat()).ok();
        eventually("it is not tried again", LIMIT, || {
            let format = "{{.State.Status}} {{.State.ExitCode}}";
            let state = ["container", "inspect", "--format", format, "again"];
            world.compose(&state).ok().text() == "exited 4"
        });
        assert_eq!(world.compose(&["container", "logs", "again"]).ok().text(), "turn\nturn\nturn");
        let count = world.compose(&["inspect", "--format", "{{.RestartCount}}", "again"]).ok();
        assert_eq!(count.text(), "2");
        run(&["-d", "--name", "stubborn", "busybox", "sh", "-c", "trap '' TERM; sleep 600"]).ok();
        world.compose(&["container", "kill", "stubborn"]).ok();
        let code = world.compose(&["inspect", "--format", "{{.State.ExitCode}}", "stubborn"]).ok();
        assert_eq!(code.text(), "137");
        world.compose(&["container", "rm", "again", "stubborn"]).ok();
        survives_its_shim(&world, &run);
    }
}

/// What is left after `kill -9` of the shim is ended by the next command.
fn survives_its_shim(world: &World, run: &dyn Fn(&[&str]) -> crate::world::Done) {
    run(&["-d", "--name", "lost", "busybox", "sleep", "987654"]).ok();
    world.shims().into_iter().for_each(crate::world::kill);
    // Not waited for: it may hold its lock for a moment longer.
    world.compose(&["container", "rm", "-f", "lost"]).ok();
    let left = crate::world::processes(|line| line.starts_with("sleep 987654"));
    assert_eq!(left, [0; 0]);
    world.assert_clean();
}

#[test]
fn a_runtime_that_is_not_installed_is_named_with_the_way_out() {
    let world = World::new();
    world.compose_yaml("services: {web: {image: busybox, runtime: youki-is-not-here}}");
    let done = world.compose(&["up", "-d"]);
    assert_ne!(done.code, 0);
    assert!(
        done.stderr.contains("unknown or invalid runtime name: youki-is-not-here")
            && done.stderr.contains("leave `runtime` out"),
        "{}",
        done.stderr
    );
    world.compose(&["down"]).ok();
}
