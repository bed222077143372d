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

#[test]
fn archives_are_unpacked_however_they_are_compressed() {
    let world = project(
        "FROM busybox\n\
         ADD plain.tar /plain/\nADD gz.tgz /gz/\nADD x.tar.xz /xz/\nADD b.tbz2 /bz2/\nADD z.tar.zst /zst/\n\
         ADD --unpack=false x.tar.xz /kept/\n\
         RUN for d in plain gz xz bz2 zst; do cmp /$d/file.txt /plain/file.txt; done; test -f /kept/x.tar.xz\n",
    );
    let script = "cd project && tar -cf plain.tar file.txt && gzip -k < plain.tar > gz.tgz && \
                  xz < plain.tar > x.tar.xz && bzip2 < plain.tar > b.tbz2 && zstd -q < plain.tar > z.tar.zst";
    world.shell(script).ok();
    world.compose(&["build"]).ok();
    // As the first layer of an image too: kept in a form that registries take.
    world.compose(&["image", "import", "x.tar.xz", "imported:1"]).ok();
    let saved = world.compose(&["image", "save", "-o", "out.tar", "imported:1"]).ok();
    assert_eq!(saved.code, 0);
    let manifest = world.shell("tar -xOf project/out.tar index.json").stdout;
    assert!(manifest.contains("imported"), "{manifest}");
    world.assert_clean();
}

/// A project with stages, one of which is only a help for the other.
fn staged() -> World {
    project(
        "FROM busybox AS make\nCOPY file.txt .\nRUN tr a-z A-Z < file.txt > /made && ln /made /same\n\
         FROM scratch AS dist\nCOPY --from=make /made /out/made\nCOPY --from=make --chown=7:8 /made /out/owned\n\
         FROM busybox\nCOPY --from=dist /out /out\n",
    )
}

#[test]
fn results_become_directories_and_archives() {
    let world = staged();
    let build = |arguments: &[&str]| {
        world.compose(&[&["image", "build", "-q", "."], arguments].concat()).ok()
    };
    let images = world.compose(&["image", "ls", "-aq"]).ok().stdout;
    build(&["--target", "dist", "-o", "files"]);
    let listed =
        world.shell("cd project/files && find . -type f -printf '%p %U:%G\\n' | sort").stdout;
    assert_eq!(listed, "./out/made 0:0\n./out/owned 0:0\n");
    assert_eq!(world.shell("cat project/files/out/made").stdout, "CONTENT\n");
    build(&["--target", "dist", "-o", "type=tar,dest=files.tar"]);
    let listed = world.shell("tar -tvf project/files.tar | awk '{print $2, $6}'").stdout;
    assert_eq!(listed, "0/0 out/\n0/0 out/made\n7/8 out/owned\n");
    let piped =
        format!("cd project && {} image build -q --target dist -o - .", crate::world::COMPOSE);
    assert_eq!(world.shell(&format!("{piped} | tar -xO out/made")).ok().stdout, "CONTENT\n");
    // What was built for its files only does not stay.
    assert_eq!(world.compose(&["image", "ls", "-aq"]).ok().stdout, images);

    build(&["-t", "app:1", "-o", "type=oci,dest=app.tar", "-o", "type=oci,tar=false,dest=layout"]);
    build(&[
        "-t",
        "app:1",
        "--output",
        "type=docker,dest=docker.tar",
        "--metadata-file",
        "meta.json",
    ]);
    assert_eq!(world.shell("cmp project/app.tar project/docker.tar").code, 0);
    let id = world.compose(&["image", "inspect", "--format", "{{.Id}}", "app:1"]).ok().stdout;
    let meta = std::fs::read_to_string(world.project().join("meta.json")).unwrap();
    let meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
    assert_eq!(meta["image.name"], "docker.io/library/app:1");
    assert_eq!(meta["containerimage.config.digest"], id.trim());
    assert_eq!(meta["containerimage.digest"], id.trim(), "no registry has another one");
    for from in ["app.tar", "layout"] {
        world.compose(&["image", "rm", "app:1"]).ok();
        assert_eq!(
            world.compose(&["image", "load", "-i", from]).ok().text(),
            "Loaded image: app:1"
        );
        assert_eq!(
            world.compose(&["image", "inspect", "--format", "{{.Id}}", "app:1"]).ok().stdout,
            id
        );
    }
    let wrong = world.compose(&["image", "build", "-o", "type=local", "."]);
    assert!(wrong.stderr.contains("`dest=` is missing"), "{}", wrong.stderr);
    world.assert_clean();
}

/// As Docker's builder does, or a copy of a tree with links is many times as large.
#[test]
fn names_of_one_file_are_copied_as_names_of_one_file() {
    let world = project(
        "FROM busybox AS make\n\
         RUN mkdir -p /a/b && echo 1 > /a/one && ln /a/one /a/b/two && ln /a/one /a/three\n\
         FROM scratch AS dist\nCOPY --from=make --chown=7:8 --chmod=640 /a /copied/\n\
         COPY tree /context/\nADD tree.tar /added/\n\
         COPY --from=make /a/one /a/three /separate/\n",
    );
    world.shell("cd project && mkdir tree && echo 2 > tree/x && ln tree/x tree/y && tar -cf tree.tar -C tree .").ok();
    let build = [
        "image",
        "build",
        "-t",
        "it",
        "-o",
        "out",
        "-o",
        "type=tar,dest=out.tar",
        "-o",
        "type=image",
        ".",
    ];
    world.compose(&build).ok();
    let inodes = |names: &str| {
        let text = world.shell(&format!("cd project/out && stat -c %i {names} | sort -u | wc -l"));
        text.ok().text().to_owned()
    };
    assert_eq!(inodes("copied/one copied/b/two copied/three"), "1");
    assert_eq!(inodes("context/x context/y"), "1");
    assert_eq!(inodes("added/x added/y"), "1");
    let links = world.shell("tar -tvf project/out.tar | grep -c '^h'").stdout;
    assert!(links.trim().parse::<u32>().unwrap() >= 4, "{links}");
    let modes = world.shell("tar -tvf project/out.tar | grep copied/one | awk '{print $1, $2}'");
    assert_eq!(modes.stdout, "hrw-r----- 7/8\n");
    // Another file takes the place of the first name before the second one comes.
    let taken = "FROM busybox\nRUN mkdir /a /b && echo 1 > /a/x && ln /a/x /a/y && echo 2 > /b/x && ln /b/x /b/y\n\
        FROM busybox\nCOPY --from=0 /a /b /all/\nCOPY --from=0 /b/x /a/y /all/\nRUN cat /all/x /all/y | tr '\\n' ' ' | grep -qx '2 1 '\n";
    std::fs::write(world.project().join("Dockerfile"), taken).unwrap();
    world.compose(&["image", "build", "."]).ok();
    world.assert_clean();
}

#[test]
fn what_builders_take_besides_is_accepted_with_a_notice() {
    let world = project("FROM busybox\nCOPY file.txt /\n");
    let build = |arguments: &[&str]| {
        world.compose(&[&["image", "build"], arguments, &["."]].concat()).ok().stderr
    };
    let images = || world.compose(&["image", "ls", "-aq"]).ok().stdout;
    let before = images();
    build(&["-o", "type=cacheonly"]);
    assert_eq!(images(), before, "only its steps are kept");
    assert_eq!(cached(&build(&[])), 2);
    for (arguments, notice) in [
        (&["--annotation", "a=b"][..], "--annotation has no effect here"),
        (&["--squash"], "--squash has no effect here"),
        (&["--cgroup-parent", "/x"], "--cgroup-parent has no effect here"),
        (&["--security-opt", "seccomp=unconfined"], "--security-opt has no effect here"),
        (&["--provenance=mode=max"], "no attestation is made"),
        (&["--attest", "type=sbom"], "no attestation is made"),
    ] {
        let said = build(arguments);
        assert!(said.contains(notice), "{arguments:?}: {said}");
    }
    assert!(
        !build(&["--provenance=false", "--sbom=false", "--isolation=default"]).contains("warning")
    );
    world.assert_clean();
}

#[test]
fn steps_travel_through_a_directory() {
    let world = staged();
    let max = "type=local,dest=cache,mode=max";
    world.compose(&["image", "build", "-q", "--cache-to", max, "."]).ok();
    let elsewhere = |arguments: &[&str]| {
        let mut command = world.command(&world.project(), crate::world::COMPOSE);
        command.env("COMPOSE_DATA_ROOT", world.path().join("elsewhere"));
        command.env("COMPOSE_RUN_ROOT", world.path().join("elsewhere-run"));
        world.run(command.args(arguments)).ok()
    };
    let tar = crate::world::fixture("busybox");
    let import = ["image", "import", tar.to_str().unwrap(), "busybox:latest", "-c", "CMD [\"sh\"]"];
    elsewhere(&import);
    let built = elsewhere(&["image", "build", "--cache-from", "type=local,src=cache", "."]);
    assert_eq!(cached(&built.stderr), 7, "{}", built.stderr);
    assert_eq!(elsewhere(&["image", "ls", "-q"]).stdout.lines().count(), 2);

    // A cache that is not there makes a build slower, not wrong.
    let missing =
        ["image", "build", "--no-cache-filter", "make", "--cache-from", "type=local,src=none", "."];
    let built = elsewhere(&missing);
    assert!(built.stderr.contains("no steps come from"), "{}", built.stderr);
    world.assert_clean();
}
