//! Every key of a service's `build`, seen from inside the steps or in the image.

use std::fs;

use crate::world::{COMPOSE, World};

fn world(build: &str, dockerfile: &str) -> World {
    let world = World::new();
    world.compose_yaml(&format!(
        "services:\n  it:\n    image: it:1\n    build:\n      context: .\n{build}"
    ));
    fs::write(world.project().join("Dockerfile"), dockerfile).unwrap();
    world
}

fn config(world: &World, template: &str) -> String {
    world.compose(&["image", "inspect", "--format", template, "it:1"]).ok().text().to_owned()
}

#[test]
fn keys_that_steps_see() {
    let world = world(
        "      args: {GIVEN: yes, FROM_ENV: }\n      target: wanted\n      labels: {a.b: c}\n      tags: [\"it:2\", \"other/it:3\"]\n\
         \x20     shm_size: 12m\n      ulimits: {nofile: {soft: 111, hard: 222}, nproc: 3333}\n      extra_hosts: [\"name=10.0.0.9\"]\n\
         \x20     platforms: [linux/amd64, linux/arm64]\n      pull: false\n      isolation: default\n",
        "FROM busybox AS wanted\nARG GIVEN FROM_ENV\n\
         RUN test $GIVEN = yes && test $FROM_ENV = outside\n\
         RUN test $(ulimit -Sn):$(ulimit -Hn) = 111:222 && grep -E 'Max processes +3333' /proc/self/limits\n\
         RUN df -m /dev/shm | awk 'END{exit $2 != 12}'\n\
         RUN grep -w 10.0.0.9 /etc/hosts | grep -w name\n\
         FROM busybox\nRUN exit 9\n",
    );
    let done = world.shell(&format!("cd project && FROM_ENV=outside {COMPOSE} build"));
    done.ok();
    assert_eq!(config(&world, "{{index .Config.Labels \"a.b\"}}"), "c");
    let names = config(&world, "{{.RepoTags}}");
    for name in ["it:1", "it:2", "other/it:3"] {
        assert!(names.contains(name), "{name} in {names}");
    }
    world.assert_clean();
}

#[test]
fn contexts_inline_dockerfiles_and_images_of_other_services() {
    let world = World::new();
    fs::create_dir_all(world.project().join("extra")).unwrap();
    fs::write(world.project().join("extra/file"), "of the directory\n").unwrap();
    world.compose_yaml(
        r#"
services:
  base:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN echo "of the service" > /made
  it:
    image: it:1
    depends_on: [base]
    build:
      context: .
      additional_contexts:
        base: service:base
        dir: ./extra
        pinned: docker-image://busybox
      dockerfile_inline: |
        FROM base
        COPY --from=dir file /file
        COPY --from=pinned /bin/busybox /from-image
        RUN grep service /made && grep directory /file && test -x /from-image
"#,
    );
    world.compose(&["build", "it"]).ok();
    // One service of the two was asked for; the other was built since the first needs it.
    assert!(config(&world, "{{len .RootFS.Layers}}").parse::<u32>().unwrap() >= 4);
    world.assert_clean();
}

#[test]
fn secrets_and_agents_of_the_project() {
    let world = World::new();
    fs::write(world.project().join("token.txt"), "of a file").unwrap();
    world.compose_yaml(
        r#"
services:
  it:
    build:
      context: .
      ssh: [default, "other=./b.sock"]
      secrets:
        - file_token
        - {source: env_token, target: renamed, uid: "7", mode: 0440}
      dockerfile_inline: |
        FROM busybox
        RUN --mount=type=secret,id=file_token test "$$(cat /run/secrets/file_token)" = "of a file"
        RUN --mount=type=secret,id=renamed test "$$(cat /run/secrets/renamed)" = "of a variable"
        RUN --mount=type=ssh test -S $$SSH_AUTH_SOCK
        RUN --mount=type=ssh,id=other test -S $$SSH_AUTH_SOCK
secrets:
  file_token: {file: ./token.txt}
  env_token: {environment: TOKEN}
"#,
    );
    let script = format!(
        "cd project && python3 -c 'import socket; [socket.socket(socket.AF_UNIX).bind(n) for n in (\"a.sock\", \"b.sock\")]'\n\
         TOKEN='of a variable' SSH_AUTH_SOCK=$PWD/a.sock {COMPOSE} build"
    );
    world.shell(&script).ok();
    let missing = world.compose(&["build"]);
    assert!(missing.code != 0 && missing.stderr.contains("SSH_AUTH_SOCK"), "{}", missing.stderr);
    world.assert_clean();
}

#[test]
fn privileges_are_given_only_where_they_are_written() {
    let step = "FROM busybox\nRUN --security=insecure mkdir /m && mount -t tmpfs none /m\n";
    let world = world("", step);
    let refused = world.compose(&["build"]);
    assert!(refused.stderr.contains("security.insecure is not allowed"), "{}", refused.stderr);
    for keys in ["entitlements: [security.insecure]", "privileged: true"] {
        world.compose_yaml(&format!("services:\n  it:\n    build: {{context: ., {keys}}}\n"));
        world.compose(&["build", "--no-cache"]).ok();
    }
    fs::write(world.project().join("Dockerfile"), step.replace("--security=insecure ", ""))
        .unwrap();
    world.compose_yaml("services:\n  it:\n    build: {context: ., privileged: true}\n");
    world.compose(&["build"]).ok();
    world.compose_yaml("services:\n  it:\n    build: {context: ., network: none}\n");
    let text = "FROM busybox\nRUN test $(ls /sys/class/net) = lo && ! mount -t tmpfs none /tmp\n";
    fs::write(world.project().join("Dockerfile"), text).unwrap();
    world.compose(&["build"]).ok();
    world.assert_clean();
}

#[test]
fn caches_are_left_aside_when_they_shall_be() {
    let world = world(
        "      no_cache: true\n",
        "FROM busybox AS a\nRUN cat /proc/sys/kernel/random/uuid > /a\nFROM busybox\nCOPY --from=a /a /a\nRUN date\n",
    );
    let done = |arguments: &[&str]| {
        world.compose(arguments).ok().stderr.lines().filter(|line| line.contains(" DONE")).count()
    };
    assert_eq!((done(&["build"]), done(&["build"])), (3, 3));
    world.compose_yaml("services:\n  it:\n    build: {context: ., no_cache_filter: [a]}\n");
    assert_eq!(done(&["build"]), 3, "what was built of other files is other");
    world.compose_yaml("services:\n  it:\n    build: {context: .}\n");
    assert_eq!((done(&["build"]), done(&["build", "--no-cache"])), (0, 3));
    let only_here = world.compose(&["build", "--pull"]);
    assert_eq!(only_here.code, 1, "busybox is in no registry");
    assert!(only_here.stderr.contains("busybox"), "{}", only_here.stderr);
    world.assert_clean();
}

#[test]
fn a_build_that_services_share_is_built_once_and_up_builds() {
    let world = World::new();
    fs::write(
        world.project().join("Dockerfile"),
        "FROM busybox\nRUN echo only once\nCMD [\"sleep\", \"infinity\"]\n",
    )
    .unwrap();
    world.compose_yaml("services:\n  one: {build: ., init: true}\n  two: {build: ., init: true}\n");
    let built = world.compose(&["build"]).ok().stderr;
    assert_eq!(built.matches(" only once").count(), 2, "the step and its output:\n{built}");
    world.compose(&["up", "-d"]).ok();
    let id = || world.compose(&["ps", "-q", "one"]).ok().stdout;
    let first = id();
    world.compose(&["up", "-d", "--build"]).ok();
    assert_eq!(id(), first, "nothing changed");
    fs::write(
        world.project().join("Dockerfile"),
        "FROM busybox\nRUN echo new > /new\nCMD [\"sleep\", \"infinity\"]\n",
    )
    .unwrap();
    world.compose(&["up", "-d", "--build"]).ok();
    assert_ne!(id(), first);
    assert_eq!(world.compose(&["exec", "-T", "two", "cat", "/new"]).ok().text(), "new");
    world.compose(&["down", "-t", "0"]).ok();
    world.assert_clean();
}

#[test]
fn what_cannot_be_built_is_told() {
    let world = World::new();
    for (build, words) in [
        ("{context: ., platforms: [linux/s390x]}", "cannot build for linux/s390x"),
        ("{context: ., network: other}", "cannot build in network `other`"),
        ("{context: ./nothing}", "nothing"),
        ("{context: ., dockerfile: Missing}", "Missing"),
        ("{context: ., target: nothing}", "`nothing`"),
        ("{context: 'ftp://x/y'}", "cannot build from `ftp://x/y`"),
        ("{context: ., cache_from: ['type=what']}", "type=what"),
    ] {
        fs::write(world.project().join("Dockerfile"), "FROM busybox AS some\n").unwrap();
        world.compose_yaml(&format!("services:\n  it:\n    build: {build}\n"));
        let failed = world.compose(&["build"]);
        assert!(failed.code != 0 && failed.stderr.contains(words), "{build}: {}", failed.stderr);
    }
    world.assert_clean();
}
