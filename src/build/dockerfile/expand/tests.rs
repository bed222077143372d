//! Every form, and what is at the limits.

use super::*;

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "A" => "a b",
        "EMPTY" => "",
        "FILE" => "dir.d/file.tar.gz",
        "V" => "1.2.3",
        _ => return None,
    };
    Some(value.to_owned())
}

fn text(word: &str) -> String {
    match expand(word, '\\', &lookup) {
        Ok(expanded) => expanded.text,
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn every_form_of_expansion() {
    for (word, expected) in [
        ("x$A-y", "xa b-y"),
        ("${A}s", "a bs"),
        ("$UNSET.", "."),
        ("$", "$"),
        ("$.", "$."),
        ("$1x", "x"),
        ("\\$A", "$A"),
        ("'$A'", "$A"),
        ("\"$A\\\"\\n\"", "a b\"\\n"),
        ("a\\ b", "a b"),
        ("\\\\", "\\"),
        ("${UNSET:-w$A}", "wa b"),
        ("${EMPTY:-w}", "w"),
        ("${EMPTY-w}", ""),
        ("${A:+w}", "w"),
        ("${EMPTY:+w}", ""),
        ("${EMPTY+w}", "w"),
        ("${UNSET+w}", ""),
        ("${A:?no}", "a b"),
        ("${UNSET:?no way}", "error: UNSET: no way"),
        ("${EMPTY:?}", "error: EMPTY: is not allowed to be unset or empty"),
        ("${EMPTY?}", ""),
        ("${UNSET?}", "error: UNSET: is not allowed to be unset"),
        ("${FILE#*.}", "d/file.tar.gz"),
        ("${FILE##*.}", "gz"),
        ("${FILE%.*}", "dir.d/file.tar"),
        ("${FILE%%.*}", "dir"),
        ("${V/./-}", "1-2.3"),
        ("${V//./-}", "1-2-3"),
        ("${V//[0-9]/x}", "1.2.3"),
        ("${UNSET:-${A:+yes}}", "yes"),
        ("${UNSET:-\"a}b\"}", "a}b"),
        ("${A", "error: syntax error: missing `}`"),
        ("${}", "error: syntax error: bad substitution"),
        ("${A:=x}", "error: unsupported modifier `:=` in substitution"),
        ("${A^}", "error: unsupported modifier `^` in substitution"),
        ("'a", "error: the single quote does not end"),
        ("\"a", "error: the double quote does not end"),
    ] {
        assert_eq!(text(word), expected, "{word}");
    }
}

/// nested-substitution: hostile words end in an error, soon; those at the limits still work.
#[test]
fn nesting_and_growing_have_limits() {
    let nested = |depth: usize, open: &str, close: &str| {
        text(&format!("{}x{}", open.repeat(depth), close.repeat(depth)))
    };
    for (open, close) in
        [("${N:-", "}"), ("${V#", "}"), ("${V/", "/}"), ("${V/1/", "}"), ("\"${N:-", "}\"")]
    {
        assert!(!nested(50, open, close).starts_with("error"), "{open}");
        for depth in [51, 5_000, 200_000] {
            let error = nested(depth, open, close);
            assert_eq!(error, "error: substitutions are nested too deeply", "{open} {depth}");
        }
    }
    let large = "a".repeat(300_000);
    let too_large = "substitutions make this too large";
    let expanded = |word: &str| expand(word, '\\', &|_| Some(large.clone()));
    assert_eq!(expanded("$A$A$A").unwrap().text.len(), 900_000);
    assert_eq!(expanded("${A//a/bc}").unwrap().text.len(), 600_000);
    assert_eq!(expanded("$A$A$A$A").unwrap_err(), too_large);
    assert_eq!(expanded("${A//a/bcdef}").unwrap_err(), too_large);
    let stars = "a*".repeat(5_000);
    for word in [format!("${{A#{stars}b}}"), format!("${{A%%{stars}b}}"), "${A//a*b/}".into()] {
        assert_eq!(expanded(&word).unwrap_err(), too_large, "{}", &word[..5]);
    }
}

/// arg-doubling: what doubles with each line ends at the limit, not when memory does.
#[test]
fn doubling_ends_at_the_limit() {
    let mut value = "0123456789abcdef".to_owned();
    let end = (0..24).find(|_| match expand("$A$A", '\\', &|_| Some(value.clone())) {
        Ok(expanded) => {
            value = expanded.text;
            false
        }
        Err(_) => true,
    });
    assert_eq!((end, value.len()), (Some(16), 1 << 20));
}

#[test]
fn words_break_where_values_do_but_not_in_quotes() {
    let words = |word: &str| expand(word, '\\', &lookup).unwrap().words();
    assert_eq!(words("80 $A"), ["80", "a", "b"]);
    assert_eq!(words("\"$A\" 'c d'"), ["a b", "c d"]);
}

#[test]
fn variables_without_a_value_are_noted_unless_there_is_a_default() {
    let unset = |word: &str| expand(word, '\\', &lookup).unwrap().unset;
    assert_eq!(unset("$X ${Y:-$Z} ${A:-$W}"), ["X", "Z"]);
}

#[test]
fn a_document_keeps_its_quotes() {
    let text = document("echo \"$V\" '$V' \\$V \\n\n", '\\', &lookup);
    assert_eq!(text.unwrap(), "echo \"1.2.3\" '1.2.3' $V \\n\n");
}
