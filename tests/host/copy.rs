//! `cp`: in and out, of containers that run and of those that do not, and against attacks.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;

use crate::world::World;

fn world() -> World {
    let world = World::new();
    world.compose_yaml(
        "
services:
  it:
    image: busybox
    command: [sleep, infinity]
    init: true
    volumes: ['data:/data', './bound:/bound']
volumes: {data: }
",
    );
    world
}

#[test]
fn files_go_in_and_out_whether_it_runs_or_not() {
    let world = world();
    let project = world.project();
    fs::create_dir_all(project.join("tree/sub")).unwrap();
    fs::write(project.join("tree/sub/file"), "inside\n").unwrap();
    fs::set_permissions(project.join("tree/sub/file"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("sub/file", project.join("tree/link")).unwrap();
    std::os::unix::fs::chown(project.join("tree/sub/file"), Some(1234), Some(1234)).unwrap();
    for (round, start) in [["create"].as_slice(), &["up", "-d"], &["stop"]].iter().enumerate() {
        world.compose(start).ok();
        for place in ["/srv", "/data", "/bound", "/tmp"] {
            let to = format!("it:{place}/new{round}");
            if place == "/srv" {
                world.compose(&["cp", "tree", "it:/"]).ok();
                world.compose(&["cp", "tree", "it:/srv"]).ok();
            }
            world.compose(&["cp", "tree/.", &to]).ok();
            let back = format!("back{round}{}", place.replace('/', "-"));
            world.compose(&["cp", &to, &back]).ok();
            let file = project.join(&back).join("sub/file");
            assert_eq!(fs::read_to_string(&file).unwrap(), "inside\n");
            let metadata = fs::metadata(&file).unwrap();
            assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o640, 0));
            let link = fs::read_link(project.join(&back).join("link")).unwrap();
            assert_eq!(link.to_str(), Some("sub/file"));
        }
    }
    // With -L a link is what it leads to, without it is a link; -a keeps owners.
    world.compose(&["cp", "it:/tree/link", "plain"]).ok();
    assert!(fs::symlink_metadata(project.join("plain")).unwrap().is_symlink());
    world.compose(&["cp", "-L", "it:/tree/link", "followed"]).ok();
    assert_eq!(fs::read_to_string(project.join("followed")).unwrap(), "inside\n");
    world.compose(&["cp", "-a", "tree/sub/file", "it:/kept"]).ok();
    world.compose(&["cp", "-a", "it:/kept", "kept"]).ok();
    assert_eq!(fs::metadata(project.join("kept")).unwrap().uid(), 1234);
    // Volumes and binds are the real ones.
    assert_eq!(fs::read_to_string(project.join("bound/new1/sub/file")).unwrap(), "inside\n");
    world.compose(&["start"]).ok();
    let seen = "cat /data/new0/sub/file /srv/sub/file; stat -c %u /kept";
    let done = world.compose(&["exec", "-T", "it", "sh", "-c", seen]).ok();
    assert_eq!(done.text(), "inside\ninside\n1234");
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

#[test]
fn archives_stream_through() {
    let world = world();
    world.compose(&["up", "-d"]).ok();
    let script = format!(
        "cd {} && mkdir t && echo hi > t/a && tar -cz t | {compose} cp - it:/tmp && \
         {compose} cp it:/tmp/t - | tar -xO t/a",
        world.project().display(),
        compose = crate::world::COMPOSE,
    );
    assert_eq!(world.shell(&script).ok().text(), "hi");
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

/// CVE-2018-15664, CVE-2019-10152, CVE-2019-18466, CVE-2026-41568: a directory on the way is
/// swapped for a link to a path of the host while files are copied.
#[test]
fn a_swapped_directory_leads_nowhere() {
    let world = world();
    world.compose(&["up", "-d"]).ok();
    let secret = world.path().join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("f"), "of the host").unwrap();
    let swap = format!(
        "mkdir -p /r/real{secret}; echo inside > /r/real/f; echo inside > /r/real{secret}/f; cd /r; \
         ln -s {secret} evil; while :; do mv -T real d; mv -T d real; mv -T evil d; mv -T d evil; done",
        secret = secret.display(),
    );
    let mut swapper = world
        .command(&world.project(), crate::world::COMPOSE)
        .args(["exec", "-T", "it", "sh", "-c", &swap])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    fs::write(world.project().join("new"), "written").unwrap();
    for _ in 0..40 {
        // Whether they find something depends on the moment; what they find is the container's.
        let done = world.compose(&["cp", "it:/r/d/f", "-"]);
        assert!(!done.stdout.contains("of the host"), "{}", done.stdout);
        world.compose(&["cp", "new", "it:/r/d/new"]);
    }
    swapper.kill().unwrap();
    swapper.wait().unwrap();
    assert_eq!(crate::world::list(&secret), ["f"], "written to the host");
    world.compose(&["kill"]);
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

/// CVE-2019-14271, CVE-2026-41567: programs and libraries of the container are not run by `cp`.
/// CVE-2021-41089: modes are not set through links. And links in an archive lead nowhere.
#[test]
fn hostile_containers_and_archives_change_nothing_here() {
    let world = world();
    world.compose(&["up", "-d"]).ok();
    let canary = world.path().join("canary");
    let trap = "for f in tar gzip gunzip unpigz xz bzip2 zstd ps; do \
                printf '#!/bin/sh\\ntouch /data/ran\\n' > /usr/bin/$f; chmod 755 /usr/bin/$f; done; \
                mkdir -p /lib/x86_64-linux-gnu; echo junk > /lib/x86_64-linux-gnu/libnss_files.so.2";
    world.compose(&["exec", "-T", "it", "sh", "-c", trap]).ok();
    fs::create_dir(&canary).unwrap();
    fs::set_permissions(&canary, fs::Permissions::from_mode(0o700)).unwrap();
    let script = format!(
        "cd {project} && mkdir e && ln -s {canary} e/x && tar -cf evil.tar e/x && rm e/x && mkdir e/x \
         && chmod 777 e/x && echo out > e/x/file && tar -rf evil.tar e/x e/x/file && gzip evil.tar && \
         {compose} cp - it:/tmp < evil.tar.gz; {compose} cp it:/tmp/e out; {compose} top > /dev/null; \
         mkdir -p host && gunzip -k evil.tar.gz",
        project = world.project().display(),
        canary = canary.display(),
        compose = crate::world::COMPOSE,
    );
    world.shell(&script);
    assert_eq!(crate::world::list(&canary), [""; 0]);
    assert_eq!(fs::metadata(&canary).unwrap().mode() & 0o7777, 0o700);
    let ran = world.compose(&["exec", "-T", "it", "ls", "/data"]).ok();
    assert_eq!(ran.text(), "");
    world.compose(&["kill"]);
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

#[test]
fn what_a_container_changed_becomes_an_image_and_an_archive() {
    let world = world();
    world.compose(&["up", "-d"]).ok();
    let change = "echo new > /new; rm /etc/passwd; echo secret > /data/volume; mkdir -p /a/b; \
                  echo old > /bound/bind; chmod 700 /a";
    world.compose(&["exec", "-T", "it", "sh", "-c", change]).ok();
    let changes = ["commit", "-c", "CMD [\"cat\", \"/new\"]", "-m", "it", "it", "site:2"];
    let id = world.compose(&changes).ok();
    let ps = world.compose(&["ps", "--format", "{{.State}}"]).ok();
    assert_eq!(ps.text(), "running", "it was frozen for a moment only");
    let one_layer = world.compose(&["image", "history", "-q", "site:2"]).ok();
    assert!(one_layer.text().starts_with(&id.text()[7..19]), "{}", one_layer.text());
    std::fs::create_dir(world.path().join("other")).unwrap();
    std::fs::write(
        world.path().join("other/compose.yaml"),
        "services: {it: {image: site:2, pull_policy: never}}",
    )
    .unwrap();
    let run = |script: &str| {
        let words = ["run", "--rm", "-T", "it", "sh", "-c", script];
        world.compose_in(&world.path().join("other"), &words).ok().text().to_owned()
    };
    assert_eq!(
        run("cat /new; stat -c %a /a; ls /a; ls /data; ls /etc/passwd 2>&1 | wc -l"),
        "new\n700\nb\n1"
    );
    let plain = ["run", "--rm", "-T", "it"];
    assert_eq!(world.compose_in(&world.path().join("other"), &plain).ok().text(), "new");
    world.compose_in(&world.path().join("other"), &["down"]).ok();

    for state in ["running", "stopped"] {
        world.compose(&["export", "-o", "all.tar", "it"]).ok();
        let list = world.shell(&format!("tar -tf {}/all.tar", world.project().display())).ok();
        let has = |name: &str| list.stdout.lines().any(|line| line == name);
        assert!(has("new") && has("bin/busybox") && has("a/b/"), "{state}:\n{}", list.stdout);
        assert!(!has("data/volume") && !has("bound/bind") && !has("etc/passwd"), "{state}");
        world.compose(&["kill"]);
    }
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

/// CVE-2024-21626 and its kin: a command gets no descriptor of the host, only pipes.
#[test]
fn commands_get_pipes_and_nothing_of_the_host() {
    let world = world();
    world.compose(&["up", "-d"]).ok();
    let exec = |script: &str, outside: &str| {
        let line = format!(
            "cd {} && {} exec -T it sh -c '{script}' {outside}",
            world.project().display(),
            crate::world::COMPOSE
        );
        world.shell(&line)
    };
    let seen = exec("ls -l /proc/$$/fd/1 /proc/$$/fd/2", "> out 2>&1; grep -c pipe: out");
    assert_eq!(seen.ok().text(), "2");
    // A directory as input is no way out.
    assert!(!exec("ls /proc/self/fd/0/etc", "< / 2>&1").stdout.contains("passwd"));
    // What goes in comes out, all of it, from files and pipes, and the end of input arrives.
    world.shell(&format!("seq 100000 > {}/numbers", world.project().display())).ok();
    let script = "cat; echo end; exit 3";
    let count = exec(script, "< numbers | wc -l; true");
    assert_eq!(count.text(), "100001");
    let done = exec("head -c 3000000 /dev/zero; echo err >&2; exit 7", "| wc -c; true");
    assert_eq!(done.text(), "3000000");
    assert_eq!(exec("cat; exit 7", "< /dev/null").code, 7);
    // Those that are left behind do not hold us up.
    assert_eq!(exec("sleep 100 & echo done", "").ok().text(), "done");
    world.compose(&["kill"]);
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}
