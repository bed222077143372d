//! The Dockerfile language by what it builds: each test is a Dockerfile that checks itself, or an
//! image that is looked at.

use std::fs;

use crate::world::{COMPOSE, World};

/// Builds a Dockerfile in a context with some files; gives the world and what the build printed.
fn built(dockerfile: &str, arguments: &[&str]) -> (World, String) {
    let world = World::new();
    fs::write(world.project().join("Dockerfile"), dockerfile).unwrap();
    let script = "cd project && mkdir -p src/deep/er docs && echo a > src/a.txt && echo b > src/b.md && \
                  echo c > src/deep/c.txt && echo d > src/deep/er/d.txt && echo e > docs/e.md && chmod 640 src/a.txt";
    world.shell(script).ok();
    let done = world.compose(&[&["image", "build", "-t", "it", "."], arguments].concat());
    assert_eq!(done.code, 0, "{}", done.stderr);
    (world, done.stderr)
}

/// A field of the image's configuration.
fn config(world: &World, template: &str) -> String {
    world.compose(&["image", "inspect", "--format", template, "it"]).ok().text().to_owned()
}

#[test]
fn copies_keep_leave_out_and_change() {
    let (world, _) = built(
        r#"FROM busybox
COPY src /all/
COPY --exclude=*.md --exclude=deep/er src /some/
COPY --parents src/deep/./er/d.txt src/a.txt /kept/
COPY --parents **/*.md /marks/
COPY --chmod=u=rwx,go=r --chown=12:34 src/a.txt /changed
COPY --chmod=0751 src/deep /tree
COPY --link docs/e.md /linked/e.md
COPY docs/*.md src/a.txt /several/
COPY ["docs/e.md", "/with space/"]
COPY <<one.txt <<"two.txt" /here/
value $HOME
one.txt
literal $HOME
two.txt
RUN <<CHECK
set -eux
test "$(cd /all && find . -type f | sort | tr '\n' ' ')" = "./a.txt ./b.md ./deep/c.txt ./deep/er/d.txt "
test "$(cd /some && find . -type f | sort | tr '\n' ' ')" = "./a.txt ./deep/c.txt "
test "$(cd /kept && find . -type f | sort | tr '\n' ' ')" = "./er/d.txt ./src/a.txt "
test "$(cd /marks && find . -type f | sort | tr '\n' ' ')" = "./docs/e.md ./src/b.md "
test "$(stat -c %a:%u:%g /changed)" = 744:12:34
test "$(stat -c %a /tree/c.txt)" = 751
test "$(stat -c %a /all/a.txt)" = 640
test -f /linked/e.md && test -f "/with space/e.md" && test -f /several/e.md && test -f /several/a.txt
grep -q 'literal \$HOME' /here/two.txt && grep -q '^value' /here/one.txt
CHECK
"#,
        &[],
    );
    world.assert_clean();
}

#[test]
fn a_linked_layer_does_not_depend_on_what_is_below() {
    let text = "FROM busybox\nRUN echo 1 > /below\nCOPY --link src /src\n";
    let (world, _) = built(text, &[]);
    let layer = || config(&world, "{{index .RootFS.Layers 2}}");
    let first = layer();
    fs::write(world.project().join("Dockerfile"), text.replace("echo 1", "echo 2")).unwrap();
    let again = world.compose(&["image", "build", "-t", "it", "."]).ok();
    assert!(again.stderr.contains("#3 CACHED"), "{}", again.stderr);
    assert_eq!(layer(), first);
    world.assert_clean();
}

#[test]
fn arguments_and_variables_have_their_scopes() {
    let (world, printed) = built(
        "ARG BASE=busybox\nARG GLOBAL=outside\n\
         FROM ${BASE} AS first\n\
         RUN test -z \"$GLOBAL\"\n\
         ARG GLOBAL\nRUN test \"$GLOBAL\" = outside\n\
         ARG WHO=default\nENV WHO=env TWICE=$WHO\n\
         RUN test $WHO = env && test $TWICE = given\n\
         ENV A=one B=$A\nENV C=${A:-x}-${NONE:-none}-${A:+set}-${A#o}-${A/n/N}\n\
         RUN test \"$B\" = '' && test $C = one-none-set-ne-oNe\n\
         FROM first\nRUN test $WHO = env && test \"$GLOBAL\" = outside\n\
         ARG TARGETARCH TARGETOS BUILDPLATFORM\nRUN test $TARGETOS = linux && test -n \"$TARGETARCH$BUILDPLATFORM\"\n\
         RUN test ${#HTTP_PROXY} = 12 && test $no_proxy = x\n",
        &[
            "--build-arg",
            "WHO=given",
            "--build-arg",
            "HTTP_PROXY=http://proxy",
            "--build-arg",
            "no_proxy=x",
        ],
    );
    assert!(!printed.contains("no ARG takes"), "{printed}");
    // Neither the image nor its history knows the proxy, and another one changes no step.
    let kept = config(&world, "{{json .}}")
        + &world.compose(&["image", "history", "--no-trunc", "it"]).ok().stdout;
    assert!(!kept.contains("http://proxy"), "{kept}");
    let other = [
        "image",
        "build",
        ".",
        "--build-arg",
        "WHO=given",
        "--build-arg",
        "HTTP_PROXY=http://another",
    ];
    let again = world.compose(&[&other[..], &["--build-arg", "no_proxy=y"]].concat()).ok();
    assert!(!again.stderr.contains(" DONE"), "{}", again.stderr);
    let unused =
        world.compose(&["image", "build", ".", "--build-arg", "WHO=given", "--build-arg", "WOH=1"]);
    assert!(unused.stderr.contains("no ARG takes the build argument `WOH`"), "{}", unused.stderr);
    world.assert_clean();
}

#[test]
fn configuration_ends_up_in_the_image() {
    let (world, _) = built(
        "FROM busybox\n\
         SHELL [\"/bin/sh\", \"-ec\"]\n\
         HEALTHCHECK --interval=5m --timeout=3s --start-period=1s --start-interval=2s --retries=2 CMD wget -q localhost\n\
         EXPOSE 80 443/tcp 5000-5001/udp\nVOLUME [\"/data\"]\nVOLUME /a /b\nUSER 12:34\nWORKDIR /w\nWORKDIR x/y\n\
         STOPSIGNAL SIGQUIT\nLABEL a=b \"c d\"='e f'\nMAINTAINER me\n\
         ENTRYPOINT echo in a shell\nCMD ignored\nONBUILD RUN touch /trigger\n",
        &["--label", "from=outside"],
    );
    let health = config(&world, "{{json .Config.Healthcheck}}");
    for part in [
        r#""Test":["CMD-SHELL","wget -q localhost"]"#,
        r#""Interval":300000000000"#,
        r#""Timeout":3000000000"#,
        r#""StartPeriod":1000000000"#,
        r#""StartInterval":2000000000"#,
        r#""Retries":2"#,
    ] {
        assert!(health.contains(part), "{part} in {health}");
    }
    let it = config(&world, "{{json .Config}}");
    for part in [
        r#""80/tcp":{}"#,
        r#""443/tcp":{}"#,
        r#""5000/udp":{}"#,
        r#""5001/udp":{}"#,
        r#""/data":{}"#,
        r#""/a":{}"#,
        r#""User":"12:34""#,
        r#""WorkingDir":"/w/x/y""#,
        r#""StopSignal":"SIGQUIT""#,
        r#""a":"b""#,
        r#""c d":"e f""#,
        r#""from":"outside""#,
        r#""Entrypoint":["/bin/sh","-ec","echo in a shell"]"#,
        r#""OnBuild":["RUN touch /trigger"]"#,
    ] {
        assert!(it.contains(part), "{part} in {it}");
    }
    // Triggers run in the next build, and are gone after that.
    fs::write(
        world.project().join("Dockerfile"),
        "FROM it\nUSER 0\nRUN test -e /trigger\nHEALTHCHECK NONE\n",
    )
    .unwrap();
    let failed = world.compose(&["image", "build", "."]);
    assert!(failed.stderr.contains("touch /trigger"), "{}", failed.stderr);
    fs::write(
        world.project().join("Dockerfile"),
        "FROM busybox\nONBUILD COPY src /src\nONBUILD RUN test -f /src/a.txt && touch /ran\n",
    )
    .unwrap();
    world.compose(&["image", "build", "-t", "base", "."]).ok();
    fs::write(
        world.project().join("Dockerfile"),
        "FROM base\nRUN test -f /ran\nHEALTHCHECK NONE\n",
    )
    .unwrap();
    world.compose(&["image", "build", "-t", "it", "."]).ok();
    let it = config(&world, "{{json .Config}}");
    assert!(!it.contains("OnBuild") && it.contains(r#""Test":["NONE"]"#), "{it}");
    world.assert_clean();
}

#[test]
fn secrets_and_agents_are_seen_by_their_step_only() {
    let world = World::new();
    let text = "FROM busybox\n\
        RUN --mount=type=secret,id=one test $(wc -c < /run/secrets/one) = 13 && test $(stat -c %a /run/secrets/one) = 400\n\
        RUN --mount=type=secret,id=two,target=/root/token,mode=0444,uid=5,required test $(wc -c < /root/token) = 14 && test $(stat -c %a:%u /root/token) = 444:5\n\
        RUN --mount=type=secret,id=three,env=TOKEN test ${#TOKEN} = 15 && test ! -e /run/secrets/three\n\
        RUN --mount=type=secret,id=none test ! -e /run/secrets/none && test ! -e /run/secrets/one\n\
        RUN --mount=type=ssh test -S $SSH_AUTH_SOCK\n\
        RUN --mount=type=ssh,id=other,target=/agent test -S /agent\n\
        RUN test -z \"$SSH_AUTH_SOCK$TOKEN\" && test ! -e /agent && test ! -e /run/secrets\n";
    fs::write(world.project().join("Dockerfile"), text).unwrap();
    fs::write(world.project().join("one"), "opensesame111").unwrap();
    let script = format!(
        "cd project && python3 -c 'import socket; [socket.socket(socket.AF_UNIX).bind(n) for n in (\"a.sock\", \"b.sock\")]'\n\
         SSH_AUTH_SOCK=$PWD/a.sock two=opensesame2222 THREE=opensesame33333 {COMPOSE} image build -t it --secret id=one,src=one \
         --secret id=two,env=two --secret type=env,id=three,env=THREE --ssh default --ssh other=$PWD/b.sock ."
    );
    world.shell(&script).ok();
    let kept = world.shell("grep -rl opensesame data run | head -3").stdout;
    assert_eq!(kept, "", "a secret is in the store");
    for (text, words) in [
        (
            "RUN --mount=type=secret,id=need,required cat /run/secrets/need",
            "secret `need` is required",
        ),
        ("RUN --mount=type=ssh,required true", "SSH agent `default` is required"),
    ] {
        fs::write(world.project().join("Dockerfile"), format!("FROM busybox\n{text}\n")).unwrap();
        let failed = world.compose(&["image", "build", "."]);
        assert!(failed.code == 1 && failed.stderr.contains(words), "{}", failed.stderr);
    }
    world.assert_clean();
}

#[test]
fn heredocs_are_scripts_of_any_language() {
    let (world, _) = built(
        "FROM busybox\n\
         RUN <<EOF\nset -e\nX=$((1 + 2))\necho $X > /three\nEOF\n\
         RUN <<-\"TABS\"\n\techo 'no $expansion' > /tabs\n\tTABS\n\
         RUN <<AWK\n#!/bin/awk -f\nBEGIN { print \"by awk\" > \"/awk\" }\nAWK\n\
         RUN cat <<A > /cat; cat <<B >> /cat\nfrom a\nA\nfrom b\nB\n\
         RUN test $(cat /three) = 3 && grep -F 'no $expansion' /tabs && test \"$(cat /cat | tr '\\n' ' ')\" = 'from a from b '\n",
        &[],
    );
    world.assert_clean();
}

#[test]
fn the_same_input_gives_the_same_image_on_another_day() {
    let text = "FROM busybox\nWORKDIR /w\nCOPY src /src\nRUN echo x > /x && mkdir -p /d/e && rm /src/b.md\nADD docs /docs\n";
    let (world, _) = built(text, &["--build-arg", "SOURCE_DATE_EPOCH=1700000000"]);
    let digest = |root: &str| {
        let script = format!(
            "cd project && touch src/* && export COMPOSE_DATA_ROOT=$PWD/../{root} COMPOSE_RUN_ROOT=$PWD/../{root}-run SOURCE_DATE_EPOCH=1700000000
             {COMPOSE} image load -q -i base.tar && {COMPOSE} image build -q -t it . && {COMPOSE} image save it | sha256sum"
        );
        world.shell(&script).ok().stdout
    };
    world.compose(&["image", "save", "-o", "base.tar", "busybox"]).ok();
    fs::write(world.project().join(".dockerignore"), "base.tar\n").unwrap();
    let first = digest("one");
    assert!(first.starts_with("sha256:"), "{first}");
    // Other times of files, another store, another second.
    assert_eq!(digest("two"), first);
    let created = config(&world, "{{.Created}}");
    assert!(created.starts_with("2023-11-14T22:13:20"), "{created}");
    world.assert_clean();
}

#[test]
fn progress_for_programs_is_what_buildkit_tells() {
    let (world, _) = built("FROM busybox\nRUN echo hello\n", &[]);
    let done = world.compose(&["--progress", "rawjson", "image", "build", "--no-cache", "."]).ok();
    let events: Vec<serde_json::Value> =
        done.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> =
        events.iter().filter_map(|it| it["vertexes"][0]["name"].as_str()).collect();
    assert!(names.contains(&"[2/2] RUN echo hello"), "{names:?}");
    // `hello` in base64.
    assert!(events.iter().any(|it| it["logs"][0]["data"] == "aGVsbG8K"), "{}", done.stderr);
    world.assert_clean();
}
