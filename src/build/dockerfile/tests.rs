//! Dockerfiles in, text out.

use super::*;
use crate::diag::{Sources, Style, render};

/// What the parser makes of a text: instructions, then mistakes.
fn parsed(text: &str) -> String {
    let mut sources = Sources::default();
    let source = sources.add("Dockerfile", text);
    let mut out = Diagnostics::default();
    let file = parse(source, text, &mut out);
    let shown = show::dockerfile(&file);
    let mistakes = render(&out, &sources, Style::default());
    if mistakes.is_empty() { shown } else { format!("{shown}---\n{mistakes}") }
}

fn mistakes(text: &str) -> String {
    let shown = parsed(text);
    shown.split_once("---\n").map(|(_, mistakes)| mistakes.to_owned()).unwrap_or_default()
}

#[test]
fn lines_continue_and_comments_vanish() {
    let text = "FROM a\nRUN one && \\\n  # a remark\n    two \\  \n  three\n# end\nrun \\\n x\n";
    assert_eq!(
        parsed(text),
        "FROM \"a\"\n  RUN shell \"one &&     two   three\"\n  RUN shell \"x\"\n"
    );
}

#[test]
fn the_escape_directive_changes_what_continues() {
    let text = "\u{feff}# syntax = docker/dockerfile:1\r\n# Escape=`\r\n\r\nFROM a\r\nRUN dir C:\\ `\r\n  x\r\n";
    assert_eq!(
        parsed(text),
        "# syntax=docker/dockerfile:1\n# escape=`\nFROM \"a\"\n  RUN shell \"dir C:\\\\   x\"\n"
    );
}

#[test]
fn heredocs_take_the_lines_that_follow() {
    let text = "FROM a\nRUN <<EOF\napt $X\nEOF\nCOPY <<-one <<\"two\" /dir/\n\ta\n\tone\n$b\ntwo\nRUN cat <<A 3<<B\na\nA\nb\nB\n";
    assert_eq!(
        parsed(text),
        "FROM \"a\"\n  RUN shell \"<<EOF\" <<\"EOF\" \"apt $X\\n\"\n  \
         COPY <<\"one\" \"a\\n\" <<\"two\" literal \"$b\\n\" -> \"/dir/\"\n  \
         RUN shell \"cat <<A 3<<B\" <<\"A\" \"a\\n\" <<\"B\" 3 \"b\\n\"\n"
    );
}

#[test]
fn mounts_and_flags_are_typed() {
    let text = "FROM --platform=$BUILDPLATFORM a AS Build\n\
        RUN --mount=type=cache,target=/c,sharing=locked,mode=0755 --mount=target=/src,rw --network=none [\"x\"]\n\
        RUN --mount=type=secret,id=s,required,uid=5 --security=insecure y\n\
        COPY --from=build --chown=1:2 --chmod=u+x --link --exclude=*.md [\"a b\", \"c/\"]\n";
    assert_eq!(
        parsed(text),
        "FROM \"a\" platform=\"$BUILDPLATFORM\" name=\"build\"\n  \
         RUN mount[cache target=\"/c\" locked mode=755] mount[bind target=\"/src\" rw] network=none exec [\"x\"]\n  \
         RUN mount[secret id=\"s\" required uid=5] insecure shell \"y\"\n  \
         COPY from=\"build\" chown=\"1:2\" chmod=\"u+x\" link exclude=\"*.md\" \"a b\" -> \"c/\"\n"
    );
}

#[test]
fn names_and_values_keep_their_quotes_until_they_are_expanded() {
    let text = "ARG V=1 W\nFROM a\nENV A=\"x y\" B=$V\\ z\nENV C some  text\nLABEL \"a.b\"=c\n";
    assert_eq!(
        parsed(text),
        "ARG \"V\"=\"1\" \"W\"\nFROM \"a\"\n  ENV \"A\"=\"\\\"x y\\\"\" \"B\"=\"$V\\\\ z\"\n  \
         ENV \"C\"=\"some  text\"\n  LABEL \"\\\"a.b\\\"\"=\"c\"\n"
    );
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    assert_eq!(
        mistakes("FROM a\nRNU x\nCOPY --form=b x \\\n  y\n"),
        "error[unknown-instruction]: unknown instruction `RNU`\n --> Dockerfile:2:1\n  |\n2 | RNU x\n  | ^^^\n  |\n  \
         = hint: did you mean `RUN`?\n\n\
         error[unknown-flag]: COPY has no flag `--form`\n --> Dockerfile:3:6\n  |\n3 | COPY --form=b x \\\n  |      ^^^^^^^^\n  |\n  \
         = hint: did you mean `from`?\n"
    );
}

#[test]
fn every_mistake_has_a_code() {
    for (text, code) in [
        ("", "no-stage"),
        ("# only a comment\n", "no-stage"),
        ("RUN x\nFROM a", "no-stage"),
        ("FROM", "bad-from"),
        ("FROM a b", "bad-from"),
        ("FROM a AS 1b", "bad-stage-name"),
        ("FROM a\nRUN", "missing-arguments"),
        ("FROM a\nRUN <<EOF\nx\n", "unterminated-heredoc"),
        ("FROM a\nENV A", "missing-value"),
        ("FROM a\nENV A=b c", "missing-value"),
        ("FROM a\nCMD [\"a\", 1]", "bad-json"),
        ("FROM a\nSHELL bash", "bad-json"),
        ("FROM a\nCOPY a", "missing-arguments"),
        ("FROM a\nCOPY --from=$X a b", "bad-flag"),
        ("FROM a\nRUN --mount=type=chache,target=/x y", "bad-mount"),
        ("FROM a\nRUN --mount=type=cache y", "bad-mount"),
        ("FROM a\nRUN --mount=type=cache,target=/x,foo=1 y", "bad-mount"),
        ("FROM a\nONBUILD FROM b", "bad-onbuild"),
        ("FROM a\nHEALTHCHECK x", "bad-healthcheck"),
        ("FROM a\nHEALTHCHECK --interval=5x CMD y", "bad-flag"),
        ("FROM a\nUSER --foo x", "unknown-flag"),
        ("# escape=x\nFROM a", "bad-escape"),
        ("# escape=`\n# escape=`\nFROM a", "duplicate-directive"),
    ] {
        let shown = mistakes(text);
        assert!(shown.contains(&format!("[{code}]")), "{text}: {shown}");
    }
}

/// Every file of the corpus parses to what stands beside it. `BLESS=1` rewrites that.
#[test]
fn the_corpus_parses_as_expected() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dockerfiles");
    let bless = std::env::var_os("BLESS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "Dockerfile") {
            continue;
        }
        count += 1;
        let found = parsed(&std::fs::read_to_string(&path).unwrap());
        let beside = path.with_extension("parsed");
        if bless {
            std::fs::write(&beside, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(found, expected, "{}", path.display());
    }
    assert!(count >= 60, "only {count} files");
}
