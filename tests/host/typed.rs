//! Docker's commands as people and scripts type them, where an engine is easily a little different.

use std::os::unix::fs::symlink;

use crate::world::{Done, World};

/// Types a line of Docker's.
fn docker(world: &World, line: &str) -> Done {
    world.shell(&format!("{} {line}", docker_link(world)))
}

fn docker_link(world: &World) -> String {
    let link = world.path().join("docker");
    if !link.exists() {
        symlink(env!("CARGO_BIN_EXE_compose"), &link).unwrap();
    }
    link.display().to_string()
}

#[test]
fn copies_go_through_links_at_their_end() {
    let world = World::new();
    let script = "'echo in > /f; mkdir /d; ln -s /d/g /link; ln -s /f /to-f'";
    docker(&world, &format!("run --name box busybox sh -c {script}")).ok();
    // A container that has just ended can be copied from at once.
    world.shell("echo out > g; ln -s target here; ln -s gone/h away; echo old > target").ok();
    docker(&world, "cp box:/f here").ok();
    assert_eq!(world.shell("readlink here; cat target").text(), "target\nin");
    assert!(docker(&world, "cp box:/f away").code != 0, "the directory it leads to is missing");
    docker(&world, "cp g box:/link").ok();
    docker(&world, "cp g box:/to-f").ok();
    assert_eq!(docker(&world, "cp box:/d - | tar -xO d/g").text(), "out");
    assert_eq!(docker(&world, "cp box:/f - | tar -xO f").text(), "out");
    let kind = docker(&world, "cp box:/link - | tar -tv");
    assert!(kind.text().starts_with('l'), "still a link: {}", kind.text());
    docker(&world, "rm box").ok();
}

#[test]
fn what_cannot_be_written_to_is_said_in_dockers_words() {
    let world = World::new();
    for file in ["/x", "/etc/hosts", "/etc/resolv.conf"] {
        let refused = docker(&world, &format!("run --rm --read-only busybox touch {file}"));
        let why = format!("touch: {file}: Read-only file system\n");
        assert_eq!((refused.code, refused.stderr), (1, why));
    }
    world.shell("mkdir here; echo x > x").ok();
    docker(&world, "create --name locked --read-only -v ./here:/here:ro -v more:/more busybox")
        .ok();
    for (to, what) in [("/tmp", "container rootfs"), ("/here", "mounted volume")] {
        let refused = docker(&world, &format!("cp x locked:{to}"));
        assert!(refused.code != 0, "{to}");
        assert!(refused.stderr.contains(&format!("{what} is marked read-only")), "{refused:?}");
    }
    docker(&world, "cp x locked:/more").ok();
    let modes = "'{{range .Mounts}}{{.Destination}}={{.Mode}} {{end}}'";
    assert_eq!(docker(&world, &format!("inspect -f {modes} locked")).text(), "/here=ro /more=z");
    docker(&world, "rm locked").ok();
    docker(&world, "volume rm more").ok();
}

#[test]
fn what_docker_shows_of_images_terminals_and_ends() {
    let world = World::new();
    docker(&world, "tag busybox moved:1").ok();
    docker(&world, "create --name box -t -w /made/up moved:1 top").ok();
    // The working directory can be copied from and to before the first start.
    docker(&world, "cp box:/made/up out").ok();
    assert!(world.path().join("out").is_dir());
    docker(&world, "start box").ok();
    assert_eq!(docker(&world, "exec box sh -c 'echo $TERM'").text(), "");
    assert_eq!(docker(&world, "exec -e TERM=a box sh -c 'echo $TERM'").text(), "a");
    assert_eq!(docker(&world, "exec -t box sh -c 'echo $TERM'").text().trim(), "xterm");
    assert_eq!(docker(&world, "ps --format {{.Image}}").text(), "moved:1");
    docker(&world, "rmi -f moved:1").ok();
    let id = docker(&world, "inspect -f '{{.Image}}' box").text().to_owned();
    assert_eq!(docker(&world, "ps --no-trunc --format {{.Image}}").text(), id);
    assert_eq!(docker(&world, "ps --format {{.Image}}").text(), &id[7..19]);
    docker(&world, "rm -f box").ok();
    // Input only: what one gets back is the id.
    let link = docker_link(&world);
    let id = world.shell(&format!("echo in | {link} run --name in -i -a stdin busybox cat")).ok();
    assert_eq!(docker(&world, "ps -aq --no-trunc").text(), id.text());
    assert_eq!(docker(&world, "logs in").text(), "in");
    let row =
        docker(&world, "stats --no-stream --format '{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' in");
    assert_eq!(row.text(), "0.00% 0B / 0B 0");
    docker(&world, "rm in").ok();
}

#[test]
fn input_that_ends_while_attached_does_not_end_a_detached_container() {
    let world = World::new();
    docker(&world, "run -di --name cat busybox cat").ok();
    let said =
        world.shell(&format!("echo hello | timeout -s KILL 1 {} attach cat", docker_link(&world)));
    assert_eq!(said.text(), "hello");
    assert_eq!(docker(&world, "inspect -f '{{.State.Running}}' cat").text(), "true");
    // That of `run` itself does.
    let docker = docker_link(&world);
    let said = world.shell(&format!("echo bye | {docker} run -i --rm busybox cat")).ok();
    assert_eq!(said.text(), "bye");
    world.shell(&format!("{docker} rm -f cat")).ok();
}

#[test]
fn a_container_that_removes_itself_is_there_after_a_restart() {
    let world = World::new();
    docker(&world, "run -d --rm --name brief busybox sh -c 'echo once >> /log; exec top'").ok();
    docker(&world, "restart -t 0 brief").ok();
    assert_eq!(docker(&world, "inspect -f '{{.State.Running}}' brief").ok().text(), "true");
    assert_eq!(docker(&world, "exec brief cat /log").ok().text(), "once\nonce");
    docker(&world, "stop -t 0 brief").ok();
    assert_eq!(docker(&world, "ps -aq").text(), "");
}

#[test]
fn links_lead_to_containers_that_exist_by_the_names_they_have() {
    let world = World::new();
    docker(&world, "run -d --name first busybox top").ok();
    docker(&world, "rename first second").ok();
    docker(&world, "run -d --name user --link second:alias busybox top").ok();
    let address = docker(&world, "inspect -f '{{.NetworkSettings.IPAddress}}' second");
    for name in ["second", "alias"] {
        let found = docker(&world, &format!("exec user nslookup {name}"));
        assert!(found.text().contains(address.text()), "{name}: {}", found.text());
    }
    assert!(docker(&world, "exec user nslookup first").code != 0, "the old name is gone");
    let links = docker(&world, "inspect -f '{{json .HostConfig.Links}}' user");
    assert_eq!(links.text(), r#"["/second:/user/alias"]"#);
    for (options, why) in [
        ("--link nobody:x", "could not get container for nobody"),
        ("--net host --link second:x", "can't be used with links"),
        ("--mac-address 92:d0:c6:0a:29", "is not a valid mac address"),
        ("--device /dev/null:ro", "bad format for device"),
        ("-e =x", "invalid environment variable"),
    ] {
        let refused = docker(&world, &format!("run --rm {options} busybox true"));
        assert!(refused.code == 125 && refused.stderr.contains(why), "{}", refused.stderr);
    }
    docker(&world, "rm -f second user").ok();
}

#[test]
fn what_was_said_of_a_container_is_found_again() {
    let world = World::new();
    let options = "--label foo=bar -e baz=qux --log-opt labels=foo --log-opt env=baz,none";
    let same = "-v /tmp:/tmp -v /tmp:/tmp -h box.example.com";
    docker(&world, &format!("run --name box {options} {same} busybox:latest cat /etc/hosts")).ok();
    let logs = docker(&world, "logs --details box").ok();
    assert!(
        logs.stdout.lines().all(|line| line.starts_with("baz=qux,foo=bar ")),
        "{}",
        logs.stdout
    );
    assert!(logs.stdout.ends_with("\tbox.example.com box\n"), "{}", logs.stdout);
    docker(&world, "commit -m 'as it was' -c 'EXPOSE 80' box kept").ok();
    let shown = docker(&world, "inspect -f '{{.Comment}} {{.Config.ExposedPorts}}' kept");
    assert_eq!(shown.text(), "as it was map[80/tcp:{}]");
    let ids = docker(&world, "network inspect -f '{{.ID}} {{.Id}}' bridge").ok();
    let ids: Vec<&str> = ids.text().split(' ').collect();
    assert_eq!(ids[0], ids[1]);
    let told = docker(&world, "events --since 0 --until 0s --filter image=busybox");
    assert!(told.stdout.contains(" container commit "), "{}", told.stdout);
    // The beginning of time, and all there was until a moment.
    for span in ["--since 0 --until 0s", "--until 0s"] {
        let told = docker(&world, &format!("events {span} --filter event=commit")).ok();
        assert_eq!(told.stdout.lines().count(), 1, "{span}: {}", told.stdout);
    }
    docker(&world, "create --name wide -p 1-65535:1-65535 busybox").ok();
    let ports = docker(&world, "inspect -f '{{len .HostConfig.PortBindings}}' wide").ok();
    assert_eq!(ports.text(), "65535");
    docker(&world, "rm box wide").ok();
}
