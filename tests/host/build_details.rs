//! What Docker's builder does where its manual says little: each was seen of BuildKit first.

use std::fs;

use crate::world::World;

/// A project with a Dockerfile and the files that a script makes.
fn project(dockerfile: &str, script: &str) -> World {
    let world = World::new();
    fs::write(world.project().join("Dockerfile"), dockerfile).unwrap();
    world.shell(&format!("cd project && set -e\n{script}")).ok();
    world
}

fn build(world: &World, arguments: &[&str]) -> String {
    world.compose(&[&["image", "build", "-t", "it", "."], arguments].concat()).ok().stderr
}

/// What a build of this Dockerfile fails with.
fn failure(world: &World, dockerfile: &str) -> String {
    fs::write(world.project().join("Dockerfile"), dockerfile).unwrap();
    let failed = world.compose(&["image", "build", "."]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    failed.stderr
}

#[test]
fn a_destination_says_where_and_how_files_land() {
    let text = r#"FROM busybox
RUN mkdir /app && ln -s /app/linked /link && ln -s /not/yet /ahead && ln -s app/made /inline && echo 'u:x:12:34::/:' >> /etc/passwd
# A link at the destination of one file is followed, even where it leads nowhere yet.
COPY a.txt /link
COPY a.txt /ahead
COPY <<made /inline
hi
made
# Of a tree's own directory the new one has nothing.
COPY dir /new
COPY --chmod=700 dir /octal
COPY --chmod=a+x dir /letters
COPY --chown=u dir /owned
# A directory that is there takes several files without a slash.
COPY *.txt /app
# After a directory, a file goes into it.
COPY dir a.txt /both
# A pattern may match nothing.
COPY nothing*.here /none/
# Archives keep their modes; one from before POSIX is an archive too.
ADD --chmod=777 new.tar /new.tar.d
ADD old.tar /old.tar.d
RUN <<CHECK
set -eux
test -L /link && test -f /app/linked && test -L /ahead && test -f /not/yet && test $(cat /app/made) = hi
test "$(stat -c %a:%u:%g /new)" = 755:0:0
test "$(stat -c %a /new/sub)" = 711
test "$(stat -c %a /octal) $(stat -c %a /octal/sub)" = "700 700"
test "$(stat -c %a /letters) $(stat -c %a /letters/f)" = "755 751"
test "$(stat -c %u:%g /owned) $(stat -c %u:%g /owned/f)" = "12:34 12:34"
test -f /app/a.txt && test -f /app/b.txt
test -f /both/f && test -f /both/a.txt
test ! -e /none
test "$(stat -c %a /new.tar.d/f)" = 640
test -f /old.tar.d/f
CHECK
"#;
    let world = project(
        text,
        "mkdir -p dir/sub && echo a > a.txt && echo b > b.txt && echo f > dir/f && chmod 640 dir/f && \
         chmod 711 dir/sub && chmod 2770 dir && tar -C dir -cf new.tar f && tar --format=v7 -C dir -cf old.tar f",
    );
    let printed = build(&world, &[]);
    assert!(printed.contains("`nothing*.here` matches nothing"), "{printed}");
    fs::write(world.project().join("Dockerfile"), "FROM busybox\nCOPY a.txt b.txt /one\n").unwrap();
    let printed = build(&world, &[]);
    assert!(printed.contains("several files are copied to `/one`"), "{printed}");
    world.assert_clean();
}

#[test]
fn of_arguments_and_variables_the_later_one_counts_and_stages_inherit_both() {
    let text = r#"FROM busybox AS one
ARG FIRST=1
ENV B=env
ARG B=arg
RUN test $B = arg
ARG C=arg
ENV C=env
RUN test $C = env
FROM one AS two
ARG TARGETSTAGE
RUN test $FIRST = 1 && test $B = arg && test $TARGETSTAGE = two
"#;
    let world = project(text, "true");
    build(&world, &[]);
    let env =
        world.compose(&["image", "inspect", "--format", "{{json .Config.Env}}", "it"]).ok().stdout;
    assert!(env.contains(r#""B=env""#) && env.contains(r#""C=env""#), "{env}");
    assert!(env.contains(r#""PATH=/usr/local/sbin:"#) && !env.contains("FIRST"), "{env}");
    world.assert_clean();
}

#[test]
fn history_is_what_scanners_read() {
    let text = r#"FROM busybox
MAINTAINER me <me@example.com>
ARG A
ARG B="x y"
ENV C=$B D="e"
LABEL l m
EXPOSE 443/udp 80 8000-8001
VOLUME /a /b
WORKDIR /
WORKDIR /w
SHELL ["/bin/sh","-ec"]
RUN echo hi > /hi
HEALTHCHECK --interval=90s --retries=3 CMD true "x"
COPY --chown=1:2 a.txt /$D/
ONBUILD RUN true
CMD echo $C
ENTRYPOINT ["e", "f"]
"#;
    let world = project(text, "echo a > a.txt");
    build(&world, &[]);
    let format = "{{.CreatedBy}}|{{.Comment}}";
    let history = ["image", "history", "--no-trunc", "--format", format, "it"];
    let history = world.compose(&history).ok().stdout;
    let lines: Vec<&str> =
        history.lines().filter_map(|line| line.strip_suffix("|buildkit.dockerfile.v0")).collect();
    let expected = [
        r#"ENTRYPOINT ["e" "f"]"#,
        r#"CMD ["/bin/sh" "-ec" "echo $C"]"#,
        "COPY --chown=1:2 a.txt /e/ # buildkit",
        r#"HEALTHCHECK &{["CMD-SHELL" "true \"x\""] "1m30s" "0s" "0s" "0s" '\x03'}"#,
        "RUN |2 A= B=x y /bin/sh -ec echo hi > /hi # buildkit",
        "SHELL [/bin/sh -ec]",
        "WORKDIR /w",
        "WORKDIR /",
        "VOLUME [/a /b]",
        "EXPOSE [443/udp 80/tcp 8000/tcp 8001/tcp]",
        "LABEL l=m",
        "ENV C=x y D=e",
        "ARG B=x y",
        "ARG A",
        "MAINTAINER me <me@example.com>",
    ];
    assert_eq!(lines, expected, "{history}");
    let it = world.compose(&["image", "inspect", "it"]).ok().stdout;
    assert!(it.contains(r#""Author": "me <me@example.com>""#), "{it}");
    let layers = ["image", "inspect", "--format", "{{len .RootFS.Layers}}", "it"];
    // The base's, and those of WORKDIR /w, RUN and COPY.
    assert_eq!(world.compose(&layers).ok().text(), "4");
    world.assert_clean();
}

#[test]
fn triggers_of_a_stage_run_in_the_stages_that_continue_it() {
    let text = "FROM busybox AS files\nRUN echo found > /file\n\
                FROM busybox AS base\nONBUILD COPY --from=files /file /file\nONBUILD RUN echo x >> /count\n\
                FROM base AS middle\nRUN test $(cat /file) = found\n\
                FROM middle\nRUN test $(wc -l < /count) = 1\n";
    let world = project(text, "true");
    build(&world, &[]);
    let it = world.compose(&["image", "inspect", "it"]).ok().stdout;
    assert!(!it.contains("OnBuild"), "{it}");
    world.assert_clean();
}

#[test]
fn directories_of_steps_belong_to_their_user() {
    let text = "FROM busybox\nRUN echo 'u:x:12:34::/:' >> /etc/passwd\nUSER u\nWORKDIR /mine/deep\nRUN echo x > f\n\
                USER 56:78\nWORKDIR /numbers\nRUN touch f\nUSER root\nWORKDIR /mine\n\
                RUN test $(stat -c %u:%g /mine /mine/deep | sort -u) = 12:34 && test $(stat -c %u:%g .) = 12:34\n";
    let world = project(text, "true");
    build(&world, &[]);
    world.assert_clean();
}

#[test]
fn mounts_take_dockers_defaults() {
    let text = "FROM busybox AS filled\nRUN mkdir /c && echo first > /c/f\n\
                FROM busybox AS other\nRUN mkdir /c && echo other > /c/f\n\
                FROM busybox\n\
                RUN --mount=type=cache,target=/c,from=filled,source=/c test $(cat /c/f) = first\n\
                RUN --mount=type=cache,target=/c,from=other,source=/c test $(cat /c/f) = other\n\
                RUN --mount=type=cache,target=/c test ! -e /c/f\n\
                RUN --mount=type=bind,from=,target=/m test -f /m/a.txt\n\
                RUN --mount=type=secret,target=/etc/token test $(cat /etc/token) = opensesame\n\
                RUN --mount=type=secret,id=no,source=token test $(cat /run/secrets/token) = opensesame\n\
                RUN <<SCRIPT\n#!/bin/sh -e\necho $0 > /name\nSCRIPT\n\
                RUN test $(cat /name) = /dev/pipes/SCRIPT\n";
    let world = project(text, "echo a > a.txt && printf opensesame > token");
    build(&world, &["--secret", "id=token,src=token"]);
    world.assert_clean();
}

#[test]
fn what_docker_refuses_is_refused() {
    let world = project("FROM scratch\n", "echo a > a.txt");
    for (text, words) in [
        ("FROM busybox\nCOPY --from=7 /a /b\n", "invalid stage index 7"),
        ("FROM --platform=linux/ busybox\n", "FROM needs a platform, not `linux/`"),
        ("FROM --platform=linux/s390x busybox\n", "can be built from, on this machine"),
        ("FROM busybox\nVOLUME [\"/a\", \"\"]\n", "a volume's path is empty"),
        ("FROM busybox\nADD --checksum=sha256:00 a.txt /\n", "a checksum is for URLs"),
        ("FROM busybox\nCOPY missing.txt /\n", "`missing.txt` is not in"),
    ] {
        let printed = failure(&world, text);
        assert!(printed.contains(words), "{text}: {printed}");
    }
    world.assert_clean();
}

/// What is copied onto nothing need not run here; what shall run is for the kernel to judge.
#[test]
fn an_empty_base_can_be_for_another_platform() {
    let text = "FROM --platform=linux/s390x scratch AS other\nCOPY prog /\nFROM other\nLABEL a=b\n";
    // The beginning of a program for a processor that nobody has.
    let prog = r"printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\64\22' > prog
        head -c 44 /dev/zero >> prog && chmod 755 prog";
    let world = project(text, prog);
    build(&world, &[]);
    let arguments = ["image", "inspect", "--format", "{{.Os}}/{{.Architecture}} {{.Size}}", "it"];
    assert_eq!(world.compose(&arguments).ok().text(), "linux/s390x 64");
    let text = "FROM --platform=linux/s390x scratch\nCOPY prog /\nRUN [\"/prog\"]\n";
    let printed = failure(&world, text);
    assert!(printed.contains("exec /prog: exec format error"), "{printed}");
    world.assert_clean();
}
