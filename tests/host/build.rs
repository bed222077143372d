//! Images built with real steps.

use crate::world::World;

const STACK: &str = "
services:
  web:
    build: .
    init: true
";

/// A project with this Dockerfile and one more file.
fn project(dockerfile: &str) -> World {
    let world = World::new();
    world.compose_yaml(STACK);
    std::fs::write(world.project().join("Dockerfile"), dockerfile).unwrap();
    std::fs::write(world.project().join("file.txt"), "content\n").unwrap();
    world
}

/// Lines of plain progress that say that a step came from the cache.
fn cached(text: &str) -> usize {
    text.lines().filter(|line| line.ends_with(" CACHED")).count()
}

#[test]
fn what_was_built_before_is_not_built_again_until_its_input_changes() {
    let world = project(
        "FROM busybox\nWORKDIR /app\nCOPY file.txt .\nRUN cat file.txt > copy && echo built\nCMD [\"sleep\", \"infinity\"]\n",
    );
    let first = world.compose(&["build"]).ok();
    assert!(first.stderr.contains(" built"), "{}", first.stderr);
    assert_eq!(cached(&world.compose(&["build"]).ok().stderr), 4);

    // Times do not count, content does.
    let touched = std::fs::File::options().append(true).open(world.project().join("file.txt"));
    touched.unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(cached(&world.compose(&["build"]).ok().stderr), 4);
    std::fs::write(world.project().join("file.txt"), "other\n").unwrap();
    assert_eq!(cached(&world.compose(&["build"]).ok().stderr), 2);

    world.compose(&["up", "-d"]).ok();
    let text = world.compose(&["exec", "-T", "web", "cat", "/app/copy"]).ok();
    assert_eq!(text.text(), "other");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_step_that_fails_shows_its_line_and_its_last_output() {
    let world = project("FROM busybox\nRUN echo before; exit 3\n");
    let failed = world.compose(&["build"]);
    assert_eq!(failed.code, 1);
    for part in ["exit code 3", "--> Dockerfile:2:1", "2 | RUN echo before; exit 3", "before"] {
        assert!(failed.stderr.contains(part), "{part} in {}", failed.stderr);
    }
    world.assert_clean();
}

#[test]
fn with_a_date_given_two_builds_are_equal() {
    let world = project("FROM busybox\nCOPY . /all\nRUN echo x > /made && rm /all/file.txt\n");
    let id = || {
        let args = ["build", "--no-cache", "-q", "--build-arg", "SOURCE_DATE_EPOCH=1700000000"];
        world.compose(&args).ok();
        let refs = std::fs::read_to_string(world.path().join("data/images/refs.json")).unwrap();
        let refs: serde_json::Value = serde_json::from_str(&refs).unwrap();
        refs["tags"]["docker.io/library/project-web:latest"].clone()
    };
    let first = id();
    assert!(first.is_string(), "{first}");
    assert_eq!(id(), first);
    world.assert_clean();
}

#[test]
fn mounts_of_a_step_leave_nothing_in_its_layer() {
    let world = project(
        "FROM busybox\n\
         RUN --mount=type=cache,target=/new/cache --mount=type=bind,target=/ctx touch /new/cache/a && ls /ctx\n\
         RUN test ! -e /new && test ! -e /ctx\n\
         RUN --mount=type=bind,target=/ctx,rw echo x > /ctx/file.txt\n",
    );
    world.compose(&["build"]).ok();
    let text = std::fs::read_to_string(world.project().join("file.txt")).unwrap();
    assert_eq!(text, "content\n", "what a step writes into its context stays there");
    world.assert_clean();
}

#[test]
fn links_in_the_context_lead_nowhere() {
    let world = project("FROM busybox\nCOPY evil /x\nRUN ! grep root /x\n");
    std::os::unix::fs::symlink("/etc/shadow", world.project().join("evil")).unwrap();
    let failed = world.compose(&["build"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(failed.stderr.contains("`evil` is not in"), "{}", failed.stderr);
    world.assert_clean();
}
