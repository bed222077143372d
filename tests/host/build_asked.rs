//! Questions about a Dockerfile that build nothing: `--check`, `--call`, `--print`.

use std::fs;

use serde_json::{Value, json};

use crate::world::{Done, World};

const DOCKERFILE: &str = r"ARG WHO=world
# base is what all begin with
FROM busybox AS base
RUN --mount=type=secret,id=token,required=true --mount=type=ssh exit 9
# final is what is shipped
FROM base AS final
ARG WHO
ARG LEVEL=3
COPY missing /
";

fn json_of(done: Done) -> Value {
    serde_json::from_str(&done.ok().stdout).unwrap()
}

#[test]
fn questions_are_answered_and_build_nothing() {
    let world = World::new();
    let write = |text: &str| fs::write(world.project().join("Dockerfile"), text).unwrap();
    write(DOCKERFILE);
    world.compose_yaml(
        "services:\n  it:\n    image: it:1\n    build: {context: ., target: base, args: {WHO: me}}\n  \
         other:\n    build: {context: ., dockerfile_inline: \"FROM scratch AS Upper\"}\n",
    );
    let ask = |arguments: &[&str]| world.compose(&[&["image", "build", "."], arguments].concat());

    let checked = ask(&["--check"]).ok();
    assert_eq!(checked.stdout, "Check complete, no warnings found.\n");
    assert_eq!(checked.stderr, "");
    assert_eq!(world.compose(&["build", "--check", "it"]).ok().stdout, checked.stdout);

    let stages = json_of(ask(&["--call=targets,format=json"]));
    assert_eq!(stages["default"], "final");
    assert_eq!(stages["targets"][0]["description"], "is what all begin with");
    assert_eq!(
        ask(&["--call=targets"]).ok().stdout.lines().map(str::trim_end).collect::<Vec<_>>(),
        [
            "TARGET            DESCRIPTION",
            "base              is what all begin with",
            "final (default)   is what is shipped"
        ]
    );
    let outline = json_of(ask(&["--call", "outline,format=json", "--build-arg", "LEVEL=4"]));
    let values: Vec<_> =
        outline["args"].as_array().unwrap().iter().map(|it| (&it["name"], &it["value"])).collect();
    assert!(values.contains(&(&json!("LEVEL"), &json!("4"))), "{outline}");
    assert!(values.contains(&(&json!("WHO"), &json!("world"))), "{outline}");
    assert_eq!(outline["secrets"][0], json!({"name": "token", "required": true}));
    assert!(ask(&["--call=outline"]).ok().stdout.contains("token     true"));

    let bake = json_of(world.compose(&["build", "--print"]));
    assert_eq!(bake["group"]["default"]["targets"], json!(["it", "other"]));
    let it = &bake["target"]["it"];
    assert_eq!((&it["target"], &it["args"]["WHO"]), (&json!("base"), &json!("me")));
    assert_eq!(it["tags"], json!(["it:1"]));
    assert_eq!(bake["target"]["other"]["dockerfile-inline"], "FROM scratch AS Upper");

    // All services are checked, and one that has something is enough.
    let checked = world.compose(&["build", "--check"]);
    assert_eq!(checked.code, 1, "{}", checked.stderr);
    assert!(checked.stderr.contains("StageNameCasing"), "{}", checked.stderr);
    assert!(checked.stdout.contains("no warnings found"), "{}", checked.stdout);
    for (text, code, words) in [
        ("FROM busybox AS Upper\n", 1, "warning[StageNameCasing]"),
        ("# check=skip=StageNameCasing\nFROM busybox AS Upper\n", 0, ""),
        ("# check=error=true\nFROM busybox AS Upper\n", 1, "lint violation found"),
        ("FROM busybox\nCOPPY a b\n", 1, "did you mean `COPY`"),
    ] {
        write(text);
        for arguments in [&["--check"], &["--call=check"], &["--call=check,format=json"]] {
            let done = ask(arguments);
            assert_eq!(done.code, code, "{text}: {}", done.stderr);
            let said = arguments[0].contains("json") || done.stderr.contains(words);
            assert!(said, "{text}: {}", done.stderr);
        }
    }
    let unknown = ask(&["--call=nope"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("check, outline or targets"), "{}", unknown.stderr);
    assert_eq!(world.compose(&["image", "ls", "-q"]).ok().stdout.lines().count(), 1);
    world.assert_clean();
}
