//! Single containers: `container run` and its family on this kernel.

use crate::world::{LIMIT, World, eventually};

#[test]
fn a_container_lives_from_run_to_rm() {
    let world = World::new();
    let id = world.compose(&[
        "container",
        "run",
        "-d",
        "--name",
        "box",
        "-p",
        "8080:80",
        "-v",
        "data:/data",
        "busybox",
        "sh",
        "-c",
        "echo out; echo err >&2; exec httpd -f -h /data",
    ]);
    let id = id.ok().stdout;
    assert_eq!(id.len(), 65);
    world.shell(&format!("echo hello > {}/data/volumes/data/_data/x", world.path().display())).ok();
    eventually("the server answers", LIMIT, || {
        world.shell("curl -sf http://127.0.0.1:8080/x").text() == "hello"
    });
    let logs = world.compose(&["container", "logs", "box"]).ok();
    assert_eq!((logs.stdout.as_str(), logs.stderr.as_str()), ("out\n", "err\n"));
    let exec = world.compose(&["container", "exec", "box", "sh", "-c", "cat /data/x; exit 5"]);
    assert_eq!((exec.text(), exec.code), ("hello", 5));
    let top = world.compose(&["container", "top", "box"]).ok();
    assert!(top.stdout.contains("httpd -f -h /data"), "{}", top.stdout);

    assert_eq!(world.compose(&["container", "stop", "-t", "0", "box"]).ok().text(), "box");
    let ps = world.compose(&["container", "ls", "-a", "--format", "{{.ID}} {{.Status}}"]).ok();
    assert!(ps.text().starts_with(&id[..12]) && ps.text().contains("Exited (137)"), "{ps:?}");
    assert_eq!(world.compose(&["container", "start", "box"]).ok().text(), "box");
    eventually("it answers again on the same port", LIMIT, || {
        world.shell("curl -sf http://127.0.0.1:8080/x").text() == "hello"
    });
    let again = world.compose(&["container", "ls", "-q", "--no-trunc"]).ok();
    assert_eq!(again.stdout, id, "it is the same container");

    assert_eq!(world.compose(&["container", "rm", "box"]).code, 1);
    assert_eq!(world.compose(&["container", "rm", "-f", "box"]).ok().text(), "box");
    world.compose(&["network", "rm", "bridge"]).ok();
    world.assert_clean();
}

#[test]
fn exit_codes_are_those_of_the_command_or_say_why_there_was_none() {
    let world = World::new();
    let run = |words: &[&str]| world.compose(&[&["container", "run", "--rm"], words].concat());
    assert_eq!(run(&["busybox", "sh", "-c", "exit 3"]).code, 3);
    assert_eq!(run(&["--init", "busybox", "sh", "-c", "kill -9 $$"]).code, 137);
    let missing = run(&["busybox", "nothing-of-that-name"]);
    assert_eq!(missing.code, 127);
    assert!(missing.stderr.contains("executable file not found in $PATH"), "{}", missing.stderr);
    assert_eq!(run(&["busybox", "/etc"]).code, 126);
    assert_eq!(run(&["--network", "nowhere", "busybox", "true"]).code, 125);
    assert_eq!(world.compose(&["container", "ls", "-aq"]).ok().text(), "");
    world.compose(&["network", "rm", "bridge"]).ok();
    world.assert_clean();
}

#[test]
fn input_is_piped_in_and_the_limits_hold_inside() {
    let world = World::new();
    let script = format!(
        "printf 'one\\ntwo\\n' | {} container run -i --rm busybox wc -l",
        crate::world::COMPOSE
    );
    assert_eq!(world.shell(&script).ok().text(), "2");
    let inside = world.compose(&[
        "container", "run", "--rm", "-w", "/a/b", "-e", "X=1", "-h", "me", "--ulimit", "nofile=77",
        "--read-only", "--tmpfs", "/t", "busybox", "sh", "-c",
        "pwd; echo $X; hostname; ulimit -n; touch /no 2>&1 | grep -ci read-only; touch /t/yes && echo ok",
    ]);
    assert_eq!(inside.ok().text(), "/a/b\n1\nme\n77\n1\nok");
    let ids =
        world.compose(&["container", "run", "--rm", "busybox", "sh", "-c", "hostname; ps | wc -l"]);
    let text = ids.ok();
    let (hostname, _) = text.text().split_once('\n').unwrap();
    assert!(
        hostname.len() == 12 && hostname.bytes().all(|it| it.is_ascii_hexdigit()),
        "{hostname}"
    );
    world.compose(&["network", "rm", "bridge"]).ok();
    world.assert_clean();
}

#[test]
fn others_share_its_network_and_its_size_is_known() {
    let world = World::new();
    world.compose(&["container", "run", "-d", "--name", "one", "busybox", "sleep", "99"]).ok();
    let same = world.compose(&[
        "container",
        "run",
        "--rm",
        "--network",
        "container:one",
        "busybox",
        "cat",
        "/etc/hostname",
    ]);
    let id = world.compose(&["container", "ls", "-q"]).ok();
    assert_eq!(same.ok().text(), id.text());
    world
        .compose(&["container", "exec", "one", "dd", "if=/dev/zero", "of=/f", "bs=1000", "count=5"])
        .ok();
    let size = world.compose(&["container", "ls", "-s", "--format", "{{.Size}}"]).ok();
    assert!(size.text().starts_with("5kB (virtual "), "{}", size.text());
    world.compose(&["container", "rm", "-f", "one"]).ok();
    world.compose(&["network", "rm", "bridge"]).ok();
    world.assert_clean();
}

#[test]
fn what_a_killed_shim_leaves_is_found_and_removed() {
    let world = World::new();
    let run = ["container", "run", "-d", "--cgroup-parent", "/keys-test", "--name", "box"];
    world.compose(&[&run[..], &["busybox", "sleep", "99"]].concat()).ok();
    assert_eq!(world.compose(&["system", "check"]).ok().text(), "Nothing is left over.");
    world.shims().into_iter().for_each(crate::world::kill);
    // A process that dies loses its name before its locks.
    let check = || world.compose(&["system", "check"]);
    eventually("its death is seen", LIMIT, || check().code == 1);
    let found = check();
    assert!(found.stdout.contains("it should run, but its shim is gone"), "{}", found.stdout);
    assert!(found.stdout.contains("its container does not run; it has 1 processes"));
    assert_eq!(world.compose(&["system", "check", "--fix"]).code, 0);
    assert_eq!(world.compose(&["system", "check"]).ok().text(), "Nothing is left over.");
    world.compose(&["container", "rm", "box"]).ok();
    world.compose(&["network", "rm", "bridge"]).ok();
    world.assert_clean();
}

#[test]
fn a_volume_is_saved_and_filled_from_an_archive() {
    let world = World::new();
    let run = |words: &[&str]| world.compose(&[&["container", "run", "--rm"], words].concat());
    run(&[
        "-v",
        "data:/d",
        "busybox",
        "sh",
        "-c",
        "echo 42 > /d/x; chown 7:8 /d/x; chmod 640 /d/x",
    ])
    .ok();
    world.compose(&["volume", "backup", "data", "-o", "data.tar"]).ok();
    world.compose(&["volume", "restore", "copy", "data.tar"]).ok();
    let seen = run(&["-v", "copy:/d", "busybox", "sh", "-c", "cat /d/x; stat -c %u:%g:%a /d/x"]);
    assert_eq!(seen.ok().text(), "42\n7:8:640");
    world.compose(&["network", "rm", "bridge"]).ok();
    world.assert_clean();
}
