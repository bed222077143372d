//! Attacks on builders and stores that were found elsewhere, tried here: each test names the rows
//! it is for. [`ROWS`] says where each row is tested, or why it does not apply.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::world::{COMPOSE, World};

/// A row: what it is called, and the file and name of its test, or why there is none.
type Row = (&'static str, Result<(&'static str, &'static str), &'static str>);

/// Attacks on builds, images and archives.
const ROWS: &[Row] = &[
    (
        "CVE-2024-23651 CVE-2024-11218 CVE-2024-1753 CVE-2024-9407 CVE-2024-9675",
        HERE("mounts_reach_nothing_of_the_host"),
    ),
    ("CVE-2022-24769 CVE-2017-16539", HERE("a_step_may_no_more_than_a_container")),
    ("opened-device", HERE("devices_in_a_context_or_an_image_are_never_opened")),
    ("CVE-2024-40635", HERE("files_are_given_to_nobody_by_a_number_that_is_none")),
    ("CVE-2021-41089", Ok(("src/sys/fs.rs", "cve_2021_41089_a_mode_never_goes_through_a_link"))),
    ("CVE-2024-23652", HERE("a_mount_point_that_became_a_link_is_not_cleaned_up_through_it")),
    (
        "CVE-2024-23653",
        Ok(("tests/host/build_network.rs", "a_step_without_network_or_with_that_of_the_host")),
    ),
    (
        "CVE-2024-23650 CVE-2024-36620 CVE-2024-36621 CVE-2024-36623 CVE-2021-21285",
        Ok(("tests/fuzz/images.rs", "manifests_indexes_and_configurations")),
    ),
    ("CVE-2026-33747", HERE("frontends_are_never_run_and_ids_are_never_paths")),
    (
        "CVE-2026-33748",
        Ok((
            "tests/cli/remote.rs",
            "a_project_in_a_git_repository_is_included_with_what_lies_beside_it",
        )),
    ),
    (
        "CVE-2026-33748 CVE-2026-44517 CVE-2022-39253 GHSA-vp35",
        Ok(("tests/host/build_contexts.rs", "a_repository_is_a_context")),
    ),
    ("CVE-2019-13139", Ok(("src/build/git.rs", "cve_2019_13139_no_part_becomes_an_option"))),
    (
        "CVE-2020-27534 CVE-2014-9356 CVE-2014-9358",
        HERE("a_dockerfile_that_is_a_link_out_of_the_context"),
    ),
    ("CVE-2024-24557", HERE("images_that_differ_in_nothing_but_their_environment")),
    ("CVE-2023-26054", HERE("a_password_in_a_url_is_written_nowhere")),
    ("CVE-2025-4953", Ok(("tests/host/build.rs", "mounts_of_a_step_leave_nothing_in_its_layer"))),
    (
        "CVE-2020-10696 CVE-2021-3762",
        Ok(("src/image/unpack/tests/hostile.rs", "evil_archives_stay_inside")),
    ),
    (
        "CVE-2014-6407 CVE-2014-9357 CVE-2014-6408",
        Ok(("src/image/unpack/tests/hostile.rs", "evil_archives_stay_inside")),
    ),
    (
        "CVE-2021-32760 CVE-2026-33056 RUSTSEC-2026-0113",
        Ok(("src/image/unpack/tests/hostile.rs", "evil_archives_stay_inside")),
    ),
    (
        "RUSTSEC-2018-0002 RUSTSEC-2021-0080",
        Ok(("src/image/unpack/tests/hostile.rs", "evil_archives_stay_inside")),
    ),
    (
        "CVE-2025-62518 RUSTSEC-2025-0110 RUSTSEC-2026-0066 CVE-2026-33055",
        Ok(("tests/fuzz/images.rs", "archives_mean_the_same_to_us_and_to_others")),
    ),
    (
        "CVE-2017-14992 CVE-2025-58183",
        Ok(("src/image/unpack/tests/hostile.rs", "ambiguous_and_damaged_archives_are_refused")),
    ),
    ("CVE-2025-47290", HERE("the_store_is_closed_to_other_users")),
    ("CVE-2023-25153", Ok(("src/image/unpack/tests/hostile.rs", "bombs_are_stopped"))),
    (
        "CVE-2021-20291",
        Ok(("src/image/unpack/tests/exact.rs", "compressed_archives_have_the_same_diff_id")),
    ),
    ("CVE-2021-41190 GHSA-5j5w", Ok(("tests/registry/manifests.rs", "served_as_something_else"))),
    (
        "CVE-2024-3727 CVE-2021-29136 GHSA-qv35 CVE-2026-48769",
        Ok(("tests/registry/manifests.rs", "digests_decide")),
    ),
    ("CVE-2022-23648", HERE("volumes_of_an_image_are_filled_from_the_image")),
    ("CVE-2026-48749 CVE-2026-48750 CVE-2026-48752", HERE("links_in_a_layout_lead_nowhere")),
    ("CVE-2024-8676 CVE-2026-50195 CVE-2026-53489 CVE-2026-53492", Err("there are no checkpoints")),
    ("RUSTSEC-2023-0018", HERE("links_in_a_layer_survive_its_removal")),
    (
        "RUSTSEC-2024-0006 RUSTSEC-2022-0013",
        Err("neither crate is used: words and patterns are read by our own linear code"),
    ),
    (
        "CVE-2025-62725 CVE-2024-10846 RUSTSEC-2018-0005",
        Err("of compose files, and tested where those are read"),
    ),
];

/// A test of this file.
#[allow(non_snake_case)]
const fn HERE(name: &'static str) -> Result<(&'static str, &'static str), &'static str> {
    Ok(("tests/host/build_attacks.rs", name))
}

#[test]
fn every_row_has_the_test_it_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (row, place) in ROWS {
        match place {
            Ok((file, name)) => {
                let text = fs::read_to_string(root.join(file)).unwrap();
                assert!(text.contains(&format!("fn {name}(")), "{row}: no test {name} in {file}");
            }
            Err(reason) => assert!(reason.len() > 10, "{row}"),
        }
    }
}

fn project(dockerfile: &str) -> World {
    let world = World::new();
    world.compose_yaml("services:\n  it:\n    build: .\n");
    fs::write(world.project().join("Dockerfile"), dockerfile).unwrap();
    world
}

#[test]
fn mounts_reach_nothing_of_the_host() {
    // CVE-2024-23651 and its kin: sources of mounts are walked inside their tree.
    let world = project(
        "FROM busybox AS other\nRUN mkdir /d && ln -s / /d/root && ln -s ../../../../etc /d/up\n\
         FROM busybox\n\
         RUN --mount=type=bind,from=other,source=/d/root,target=/x test ! -e /x/canary && test -e /x/d\n\
         RUN --mount=type=bind,from=other,source=/d/up,target=/x test ! -e /x/canary && ls /x\n\
         RUN --mount=type=bind,from=other,source=../../../..,target=/x test -e /x/d\n\
         RUN --mount=type=cache,id=../../../../../../escaped,target=/c echo x > /c/f\n\
         RUN --mount=type=cache,from=other,source=/d/up,target=/cache ls /cache\n",
    );
    world.compose(&["build"]).ok();
    assert_eq!(world.shell("find . -name escaped").stdout, "", "the name of a cache is no path");

    symlink("/etc", world.project().join("evil")).unwrap();
    for mount in
        ["source=evil", "source=/evil/passwd", "source=../../etc", "bind-propagation=shared"]
    {
        let text =
            format!("FROM busybox\nRUN --mount=type=bind,{mount},target=/x cat /x/passwd /x\n");
        fs::write(world.project().join("Dockerfile"), text).unwrap();
        assert_eq!(world.compose(&["build"]).code, 1, "{mount}");
    }
    world.assert_clean();
}

/// CVE-2022-24769 and its kin, CVE-2017-16539: what a step may do and see is what a container may.
#[test]
fn a_step_may_no_more_than_a_container() {
    let probe = "grep -E '^(Cap|Groups|NoNewPrivs|Seccomp:)' /proc/self/status\n\
        awk '$5 ~ \"^/(proc|sys)\" {print $5, $6}' /proc/self/mountinfo | sort\n\
        cat /proc/sys/net/ipv4/ping_group_range\n\
        for file in /proc/kcore /proc/kpagecount /proc/keys /proc/slabinfo; do wc -c < $file; done\n\
        ls /sys/firmware /sys/kernel/debug /sys/dev/block\n\
        mknod /dev/sda b 8 0 2>&1; ls /dev | grep -v core | sort\n";
    let world = project("FROM busybox\nCOPY probe /probe\nRUN sh /probe > /found 2>&1\n");
    fs::write(world.project().join("probe"), probe).unwrap();
    world.compose(&["build"]).ok();
    let script = "cat /found; echo; sh /probe > /tmp/now 2>&1; diff /found /tmp/now && echo same";
    let done = world.compose(&["run", "--rm", "-T", "it", "sh", "-c", script]).ok();
    assert!(done.stdout.ends_with("same\n"), "{}", done.stdout);
    assert!(done.stdout.contains("CapEff:"), "{}", done.stdout);
    world.down();
}

/// CVE-2024-40635: a number that is none of a user.
#[test]
fn files_are_given_to_nobody_by_a_number_that_is_none() {
    let world = project("FROM busybox\nCOPY --chown=4294967295 Dockerfile /x\n");
    let done = world.compose(&["build"]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("uids and gids must be in range"), "{}", done.stderr);
}

#[test]
fn a_mount_point_that_became_a_link_is_not_cleaned_up_through_it() {
    // CVE-2024-23652: what is removed after a step is what was made for it.
    let world = World::new();
    let canary = world.path().join("canary");
    fs::create_dir_all(canary.join("b")).unwrap();
    let text = format!(
        "FROM busybox\nRUN --mount=type=tmpfs,target=/a/b mv /a /moved && ln -s {} /a\n",
        canary.display()
    );
    world.compose_yaml("services:\n  it:\n    build: .\n");
    fs::write(world.project().join("Dockerfile"), text).unwrap();
    // The kernel may refuse to move the directory; what counts is what is still there.
    let done = world.compose(&["build"]);
    assert!(done.code == 0 || done.stderr.contains("exit code"), "{}", done.stderr);
    assert!(canary.join("b").is_dir(), "a directory of the host was removed");
    world.assert_clean();
}

#[test]
fn frontends_are_never_run_and_ids_are_never_paths() {
    // CVE-2026-33747, CVE-2024-23653: `# syntax=` is a remark.
    let world = project("# syntax=127.0.0.1:9/evil/frontend:1\nFROM busybox\nRUN true\n");
    world.compose(&["build"]).ok();
    for id in ["../../../etc/passwd", "sha256:../../../../x", "..%2f..%2fx"] {
        for command in ["inspect", "rm", "history"] {
            let refused = world.compose(&["image", command, id]);
            assert_eq!(refused.code, 1, "{command} {id}: {}", refused.stdout);
        }
    }
    world.assert_clean();
}

#[test]
fn a_dockerfile_that_is_a_link_out_of_the_context() {
    // CVE-2014-9356, CVE-2014-9358: of a file of the host not even a line is shown.
    let world = project("FROM busybox\n");
    fs::write(world.path().join("secret"), "FROM busybox\nRUN echo topsecret\n").unwrap();
    fs::remove_file(world.project().join("Dockerfile")).unwrap();
    symlink(world.path().join("secret"), world.project().join("Dockerfile")).unwrap();
    let refused = world.compose(&["build"]);
    assert_eq!(refused.code, 1);
    assert!(!refused.stderr.contains("topsecret"), "{}", refused.stderr);

    // Nor is what a context ignores read from a device, a pipe or a file of the host.
    let world = project("FROM busybox\nCOPY . /all\n");
    let ignore = world.project().join(".dockerignore");
    fs::write(world.path().join("secret"), "[topsecret\n").unwrap();
    for target in [Path::new("/dev/zero"), &world.path().join("secret")] {
        symlink(target, &ignore).unwrap();
        world.compose(&["build"]).ok();
        fs::remove_file(&ignore).unwrap();
    }
    world.shell("mkfifo project/.dockerignore").ok();
    let refused = world.compose(&["build"]);
    assert!(refused.stderr.contains("neither a file nor a link to one"), "{}", refused.stderr);
    fs::remove_file(&ignore).unwrap();
    world.assert_clean();
}

/// To open a device can be all that an attack needs: of a watchdog it reboots the machine.
#[test]
fn devices_in_a_context_or_an_image_are_never_opened() {
    // Nobody has this device: whoever opens it is told so.
    let world = project("FROM busybox\nADD device /added\nCOPY device /copied\n");
    world.shell("mknod project/device c 240 77 && mkdir etc && mknod etc/passwd c 240 77").ok();
    world.compose(&["build"]).ok();
    let found =
        world.compose(&["run", "--rm", "-T", "it", "stat", "-c", "%t", "/added", "/copied"]);
    assert_eq!(found.ok().stdout, "f0\nf0\n");

    world.shell("tar cf project/accounts.tar etc").ok();
    let text = "FROM scratch\nADD accounts.tar /\nCOPY --chown=somebody Dockerfile /x\n";
    fs::write(world.project().join("Dockerfile"), text).unwrap();
    let refused = world.compose(&["build"]);
    assert!(
        refused.stderr.contains("/etc/passwd of the image is not a file"),
        "{}",
        refused.stderr
    );

    fs::remove_file(world.project().join("Dockerfile")).unwrap();
    fs::rename(world.project().join("device"), world.project().join("Dockerfile")).unwrap();
    let refused = world.compose(&["build"]);
    assert!(refused.stderr.contains("neither a file nor a link to one"), "{}", refused.stderr);
    world.down();
}

#[test]
fn images_that_differ_in_nothing_but_their_environment() {
    // CVE-2024-24557: a step's key has everything that its program sees.
    let world = World::new();
    let tar = crate::world::fixture("busybox");
    for (name, value) in [("base:1", "one"), ("base:2", "two")] {
        let change = format!("ENV WHO={value}");
        let import =
            ["image", "import", tar.to_str().unwrap(), name, "-c", &change, "-c", "CMD [\"sh\"]"];
        world.compose(&import).ok();
        let text = format!("FROM {name}\nRUN echo $WHO > /who\n");
        fs::write(world.project().join("Dockerfile"), text).unwrap();
        world.compose_yaml("services:\n  it:\n    build: .\n");
        world.compose(&["build"]).ok();
        let done = world.compose(&["run", "--rm", "-T", "it", "cat", "/who"]).ok();
        assert_eq!(done.text(), value);
        world.compose(&["down"]).ok();
    }
    world.assert_clean();
}

#[test]
fn a_password_in_a_url_is_written_nowhere() {
    // CVE-2023-26054: neither shown nor kept, whether the download works or not.
    let world = project("FROM busybox\nADD http://me:passw0rd@127.0.0.1:8077/file /file\n");
    fs::create_dir(world.path().join("web")).unwrap();
    fs::write(world.path().join("web/file"), "content").unwrap();
    let failed = world.compose(&["build"]);
    assert!(failed.code == 1 && failed.stderr.contains("127.0.0.1:8077"), "{}", failed.stderr);
    let serve = "cd web && python3 -m http.server 8077 > /dev/null 2>&1 & pid=$!; cd project;
        for i in 1 2 3 4 5 6 7 8 9 10; do curl -so /dev/null 127.0.0.1:8077 && break; sleep 0.3; done";
    let built =
        world.shell(&format!("{serve}; {COMPOSE} build; code=$?; kill $pid; exit $code")).ok();
    let history = world.compose(&["image", "history", "--no-trunc", "project-it"]).ok();
    assert!(history.stdout.contains("http://127.0.0.1:8077/file"), "{}", history.stdout);
    // The line of the Dockerfile itself is the user's own text.
    for text in [built.stdout, built.stderr, history.stdout] {
        assert!(!text.contains("passw0rd"), "{text}");
    }
    let kept = world.shell("grep -rl passw0rd data run | head").stdout;
    assert_eq!(kept, "", "the password is in the store");
    let git = world.compose(&["image", "build", "http://me:passw0rd@127.0.0.1:9/a.git"]);
    assert!(git.code == 1 && !git.stderr.contains("passw0rd"), "{}", git.stderr);
    world.assert_clean();
}

#[test]
fn the_store_is_closed_to_other_users() {
    // CVE-2025-47290, CVE-2021-41091, CVE-2025-4953: nobody else reaches what is being unpacked.
    let world = project("FROM busybox\nRUN touch /x\n");
    world.compose(&["build"]).ok();
    assert_eq!(world.shell("stat -c %a data run").stdout, "700\n700\n");
}

#[test]
fn volumes_of_an_image_are_filled_from_the_image() {
    // CVE-2022-23648: the path of a volume is walked in the container's root.
    let world = World::new();
    let canary = world.path().join("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("secret"), "of the host").unwrap();
    let text = format!(
        "FROM busybox\nRUN ln -s {0} /link && mkdir -p /data && echo kept > /data/file\n\
         VOLUME [\"/link\", \"/../../data\"]\n",
        canary.display()
    );
    world.compose_yaml("services:\n  it:\n    build: .\n");
    fs::write(world.project().join("Dockerfile"), text).unwrap();
    world.compose(&["build"]).ok();
    let done = world.compose(&[
        "run",
        "--rm",
        "-T",
        "it",
        "sh",
        "-c",
        "cat /data/file; find / -name secret -xdev; cat /link/secret",
    ]);
    assert!(done.stdout.starts_with("kept\n"), "{}{}", done.stdout, done.stderr);
    assert!(!done.stdout.contains("of the host"), "{}", done.stdout);
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

#[test]
fn links_in_a_layout_lead_nowhere() {
    // CVE-2026-48749 and its kin: every member of a layout lies in it.
    let world = project("FROM busybox\n");
    world
        .compose(&[
            "image",
            "build",
            "-q",
            "-t",
            "a:1",
            "-o",
            "type=oci,tar=false,dest=layout",
            ".",
        ])
        .ok();
    world.shell("mv project/layout/blobs outside && ln -s ../../outside project/layout/blobs").ok();
    let refused = world.compose(&["image", "load", "-i", "layout"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let archive = "tar -C project/layout -cf project/layout.tar .";
    world.shell(archive).ok();
    assert_eq!(world.compose(&["image", "load", "-i", "layout.tar"]).code, 1);
    world.assert_clean();
}

#[test]
fn links_in_a_layer_survive_its_removal() {
    // RUSTSEC-2023-0018: removing a tree follows no link.
    let world = World::new();
    let canary = world.path().join("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("file"), "").unwrap();
    let text = format!(
        "FROM busybox\nRUN ln -s {0} /link && mkdir /d && ln -s {0} /d/link\n",
        canary.display()
    );
    fs::write(world.project().join("Dockerfile"), text).unwrap();
    world.compose(&["image", "build", "-q", "-t", "a:1", "."]).ok();
    world.compose(&["image", "rm", "a:1"]).ok();
    world.compose(&["builder", "prune", "-f"]).ok();
    assert!(canary.join("file").exists());
    world.assert_clean();
}
