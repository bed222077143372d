//! What the checks find.

use super::{Rules, Subject, undefined};
use crate::build::dockerfile;
use crate::build::graph;
use crate::build::ignore::Ignore;
use crate::diag::{Diagnostics, Sources};

/// `line RULE: message` of every warning, as the file's own directive wants them.
fn found(text: &str, ignored: &str, env: &[&str]) -> Vec<String> {
    let mut sources = Sources::default();
    let source = sources.add("Dockerfile".to_owned(), text);
    let mut out = Diagnostics::default();
    let file = dockerfile::parse(source, text, &mut out);
    let bases: Vec<String> = file.stages.iter().map(|stage| stage.base.text.clone()).collect();
    let plan = graph::graph(&file, &bases, None, &[], &mut out).unwrap();
    let ignore = Ignore::parse(ignored).unwrap();
    Subject { file: &file, text, ignore: &ignore }.check(&mut out);
    let names = |_: &str| Some(env.iter().map(|name| (*name).to_owned()).collect());
    undefined(&file, &plan.bases, &names, &mut out);
    Rules::read(file.directives.check.as_deref().unwrap_or_default()).unwrap().apply(&mut out);
    out.tidy();
    out.iter()
        .map(|it| {
            let line = it.span.map_or(0, |span| text[..span.start as usize].lines().count().max(1));
            let starts_line = it.span.is_some_and(|span| {
                span.start > 0 && text.as_bytes()[span.start as usize - 1] == b'\n'
            });
            format!("{} {}: {}", line + usize::from(starts_line), it.code, it.message)
        })
        .collect()
}

/// The rules that are broken.
fn broken(text: &str) -> Vec<String> {
    let found = found(text, "", &["PATH"]);
    found.iter().map(|line| line.split([' ', ':']).nth(1).unwrap().to_owned()).collect()
}

#[test]
fn a_good_file_has_nothing_to_complain_of() {
    let text = "\
# syntax=docker/dockerfile:1
ARG VERSION=1
FROM alpine:$VERSION AS base
ARG NAME
ENV A=1 B=$NAME C=${D:-x}
WORKDIR /app
WORKDIR sub
COPY a $PATH/
EXPOSE 80/tcp
ENTRYPOINT [\"x\"]
FROM base
SHELL [\"/bin/bash\", \"-c\"]
CMD run it
";
    assert_eq!(broken(text), Vec::<String>::new());
}

#[test]
fn every_rule_is_found_where_it_is_broken() {
    for (text, rules) in [
        ("FROM a AS Build\n", "StageNameCasing"),
        ("FROM a as build\n", "FromAsCasing"),
        ("FROM a\nRUN x \\\n\n y\n", "NoEmptyContinuation"),
        ("FROM a\nrun x\nCOPY a b\n", "ConsistentInstructionCasing"),
        ("FROM a\nRun x\nCOPY a b\n", "ConsistentInstructionCasing"),
        ("FROM a AS b\nFROM c AS b\n", "DuplicateStageName"),
        ("FROM a AS context\n", "ReservedStageName"),
        ("FROM a\nCMD x y\n", "JSONArgsRecommended"),
        ("FROM a\nENTRYPOINT x y\n", "JSONArgsRecommended"),
        ("FROM a\nMAINTAINER me\n", "MaintainerDeprecated"),
        ("FROM a:${T:-1}$U\n", "UndefinedArgInFrom"),
        ("ARG T\nFROM a:${T}\n", "InvalidDefaultArgInFrom"),
        ("FROM a\nWORKDIR b\n", "WorkdirRelativePath"),
        ("FROM a\nCOPY $nope b\n", "UndefinedVar"),
        ("FROM a\nCMD [\"a\"]\nCMD [\"b\"]\n", "MultipleInstructionsDisallowed"),
        ("FROM a\nHEALTHCHECK NONE\nHEALTHCHECK NONE\n", "MultipleInstructionsDisallowed"),
        ("FROM a\nENV name value\n", "LegacyKeyValueFormat"),
        ("FROM a\nLABEL key value\n", "LegacyKeyValueFormat"),
        ("FROM --platform=$TARGETPLATFORM a\n", "RedundantTargetPlatform"),
        ("FROM --platform=linux/amd64 a\n", "FromPlatformFlagConstDisallowed"),
        ("FROM --platform=linux/amd64 a AS x-amd64\n", ""),
        ("FROM a\nARG API_TOKEN\n", "SecretsUsedInArgOrEnv"),
        ("FROM a\nENV password=x\n", "SecretsUsedInArgOrEnv"),
        ("FROM a\nENV PUBLIC_KEY=x TOKENS=y\n", ""),
        ("FROM a\nEXPOSE 80/TCP\n", "ExposeProtoCasing"),
        ("FROM a\nEXPOSE 127.0.0.1:80:80\n", "ExposeInvalidFormat"),
        ("# about a\nFROM a AS b\n", ""),
        (
            "# check=experimental=all\n# about a\nFROM a AS b\n# b is it\nFROM b\n",
            "InvalidDefinitionDescription",
        ),
    ] {
        assert_eq!(broken(text).join(" "), rules, "{text}");
    }
}

#[test]
fn messages_are_dockers_and_name_the_line() {
    let text = "FROM alpine\nARG VERSION\nCOPY Dockerfile ${VERSON}/\nCMD echo\n";
    assert_eq!(
        found(text, "Dockerfile\n", &["PATH"]),
        [
            "3 CopyIgnoredFile: Attempting to Copy file \"Dockerfile\" that is excluded by .dockerignore",
            "3 UndefinedVar: Usage of undefined variable '$VERSON'",
            "4 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
        ]
    );
}

#[test]
fn the_directive_chooses_the_rules() {
    let body = "FROM a\nCMD x\nMAINTAINER me\n";
    assert_eq!(broken(&format!("# check=skip=all\n{body}")), Vec::<String>::new());
    let skip = format!("# check=skip=MaintainerDeprecated, JSONArgsRecommended\n{body}");
    assert_eq!(broken(&skip), Vec::<String>::new());
    let error = format!("# check=skip=MaintainerDeprecated;error=true\n{body}");
    let last = found(&error, "", &[]).into_iter().find(|it| it.contains("lint violation"));
    assert_eq!(
        last.as_deref(),
        Some("0 check: lint violation found for rules: JSONArgsRecommended")
    );
    for wrong in ["skip", "error=maybe", "what=all"] {
        assert!(Rules::read(wrong).is_err(), "{wrong}");
    }
}
