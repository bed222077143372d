//! YAML as people write it: what is read, where it stood, and what is refused.

use super::resolve::resolve;
use super::*;
use crate::compose::node::{Scalar, ScalarKind, Value};
use crate::diag::{Style, render};

fn parse(text: &str) -> (Vec<Node>, String) {
    let (mut sources, mut out) = (Sources::default(), Diagnostics::default());
    let source = sources.add("compose.yaml", text);
    let nodes = read(source, &sources, &mut out);
    (nodes, render(&out, &sources, Style::default()))
}

fn tree(text: &str) -> Node {
    let (mut nodes, errors) = parse(text);
    assert_eq!(errors, "");
    nodes.remove(0)
}

fn said(text: &str) -> String {
    parse(text).1
}

#[test]
fn scalars_are_what_go_makes_of_them() {
    for (text, printed) in [
        ("yes", "yes"),
        ("True", "true"),
        ("0444", "292"),
        ("0o444", "292"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("1_000", "1000"),
        ("08", "8"),
        ("1.10", "1.1"),
        ("3.0", "3"),
        ("1e3", "1000"),
        ("1e21", "1e+21"),
        ("0.00001", "1e-05"),
        ("2024-01-01", "2024-01-01 00:00:00 +0000 UTC"),
        ("22:22", "22:22"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("+", "+"),
    ] {
        let kind = resolve(text).unwrap();
        assert_eq!(sprint(&Scalar { text: text.to_owned(), kind }), printed, "{text}");
    }
    assert_eq!(resolve("22:22"), Some(ScalarKind::Text));
    assert_eq!(resolve("~"), None);
}

#[test]
fn merge_keys_lose_against_what_is_written_beside_them() {
    let node = tree("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {z: 3, <<: [*a, *b]}\n");
    let c = node.get("c").unwrap();
    let value = |key: &str| c.get(key).unwrap().as_str().unwrap();
    assert_eq!((value("x"), value("y"), value("z")), ("1", "1", "3"));
}

#[test]
fn every_document_is_read_and_tags_are_kept() {
    let (nodes, errors) = parse("a: !reset null\n---\n---\nb: !override [1]\n");
    assert_eq!((nodes.len(), errors.as_str()), (2, ""));
    assert_eq!(nodes[0].get("a").unwrap().tag, Some(crate::compose::Tag::Reset));
    assert_eq!(nodes[1].get("b").unwrap().tag, Some(crate::compose::Tag::Override));
}

#[test]
fn a_span_points_at_its_text() {
    let text = "services:\n  web:\n    image: \"nginx\"\n    ports: [ 80 ]\n";
    let node = tree(text);
    let at = |path: &[&str]| {
        let node = path.iter().fold(&node, |node, key| node.get(key).unwrap());
        let span = node.span.unwrap();
        &text[span.start as usize..span.end as usize]
    };
    assert_eq!(at(&["services", "web", "image"]), "\"nginx\"");
    assert!(at(&["services", "web", "ports"]).starts_with("[ 80"));
    assert!(at(&["services", "web"]).starts_with("image: \"nginx\"\n    ports: [ 80"));
}

#[test]
fn a_key_given_twice_shows_both_places() {
    assert_eq!(
        said("a:\n  b: 1\n  b: 2\n"),
        "error[duplicate-key]: the key `b` is given twice
 --> compose.yaml:3:3
  |
2 |   b: 1
  |   - first given here
3 |   b: 2
  |   ^ given again here
"
    );
}

#[test]
fn hostile_text_is_refused_quickly() {
    let started = std::time::Instant::now();
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let list = [below.as_str(); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{list}]\n");
    }
    assert!(said(&bomb).contains("too many values"));
    assert!(said(&"[".repeat(100_000)).contains("nested too deeply"));
    assert!(said(&"{a: ".repeat(100_000)).contains("nested too deeply"));
    assert!(said(&"- ".repeat(100_000)).contains("nested too deeply"));
    assert!(said(&"a: b\n".repeat(4 << 20)).contains("too large"));
    assert!(said("a: &x [*x]\n").contains("inside of the value"));
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn mistakes_in_the_text_are_explained() {
    for (text, message) in [
        ("a:\n\tb: 1\n", "not of tabs"),
        ("a: b: c\n", "second `: `"),
        ("a: [1, 2\n", "bracket"),
        ("a: \"x\n", "never closed"),
        ("a: *x\n", "names nothing"),
        ("1: a\n", "quote it: `\"1\":`"),
        ("<<: 1\n", "needs a mapping"),
        ("a: {{ x }}\n", "keys must be text"),
        ("a:\n  - b\n  c: d\n", "does not fit"),
        ("a: 1\n b: 2\n", "indentation"),
    ] {
        assert!(said(text).contains(message), "{text}: {}", said(text));
    }
}

#[test]
fn what_is_empty_has_no_documents() {
    for text in ["", "\n", "# nothing\n", "---\n", "\u{feff}"] {
        assert_eq!(parse(text), (Vec::new(), String::new()), "{text:?}");
    }
    assert!(matches!(tree("\u{feff}a: 1\r\nb: 2\r\n").value, Value::Mapping(_)));
}
