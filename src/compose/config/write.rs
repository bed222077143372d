//! Writes values as YAML in the layout of Docker Compose: two spaces a level, items of lists
//! indented as well, quotes only where a value would be read as another.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use serde_json::{Map, Value};

use super::super::fmt::goes_without_quotes;

/// Spaces a level.
const STEP: usize = 2;

/// The text of a document. A mapping without keys is `{}`.
#[must_use]
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(map, 0, &mut out),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut out),
        other => {
            inline(other, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

/// Every key on a line of its own. The first begins where `out` ends.
fn mapping(map: &Map<String, Value>, indent: usize, out: &mut String) {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            pad(indent, out);
        }
        match goes_without_quotes(key, true) {
            true => out.push_str(key),
            false => double(key, out),
        }
        out.push(':');
        below(value, indent, out);
    }
}

/// What comes behind a key's colon, to the end of its last line.
fn below(value: &Value, indent: usize, out: &mut String) {
    let inner = indent + STEP;
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            pad(inner, out);
            mapping(map, inner, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            pad(inner, out);
            sequence(items, inner, out);
        }
        other => {
            out.push(' ');
            inline(other, inner, out);
            out.push('\n');
        }
    }
}

/// Every item behind a dash. The first begins where `out` ends.
fn sequence(items: &[Value], indent: usize, out: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            pad(indent, out);
        }
        out.push_str("- ");
        let inner = indent + STEP;
        match item {
            Value::Object(map) if !map.is_empty() => mapping(map, inner, out),
            Value::Array(items) if !items.is_empty() => sequence(items, inner, out),
            other => {
                inline(other, inner, out);
                out.push('\n');
            }
        }
    }
}

/// A value that has no keys and items; lines after its first begin at `indent`.
fn inline(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::Bool(_) | Value::Number(_) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "{value}");
        }
        Value::String(text) => string(text, indent, out),
    }
}

fn string(text: &str, indent: usize, out: &mut String) {
    if goes_without_quotes(text, false) || is_option(text) || text.parse::<Ipv4Addr>().is_ok() {
        out.push_str(text);
    } else if is_literal(text) {
        literal(text, indent, out);
    } else if is_plain_otherwise(text) {
        single(text, out);
    } else {
        double(text, out);
    }
}

/// `-c` and `--port=80` are no items of lists: no blank follows the dashes.
fn is_option(text: &str) -> bool {
    let bare = text.trim_start_matches('-');
    bare.len() < text.len()
        && bare.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && goes_without_quotes(bare, false)
}

/// Whether a text of several lines can be written as it is, behind `|`.
fn is_literal(text: &str) -> bool {
    let first = text.trim_start_matches('\n').chars().next();
    text.contains('\n')
        && !text.starts_with('\n')
        && first.is_some_and(|letter| letter != ' ' && letter != '\t')
        && text.chars().all(|letter| letter == '\n' || letter == '\t' || is_printable(letter))
}

fn literal(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    out.push_str(match text.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(indent, out);
            out.push_str(line);
        }
    }
}

/// It is text even without its quotes, but for letters that mean something: single quotes do.
fn is_plain_otherwise(text: &str) -> bool {
    !text.is_empty()
        && !text.contains('\'')
        && text.chars().all(is_printable)
        && text
            .contains([' ', '#', '{', '}', '[', ']', '*', '&', '!', '|', '>', '%', '@', '`', '"'])
}

fn single(text: &str, out: &mut String) {
    out.push('\'');
    out.push_str(text);
    out.push('\'');
}

fn double(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            letter if is_printable(letter) => out.push(letter),
            letter => {
                let _ = write!(out, "\\U{:08x}", u32::from(letter));
            }
        }
    }
    out.push('"');
}

/// Whether YAML may have the letter as it is (YAML: c-printable, without line breaks).
fn is_printable(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::compose::bind;
    use crate::compose::yaml;
    use crate::diag::{Diagnostics, Sources};

    fn read(text: &str) -> Value {
        let (mut sources, mut out) = (Sources::default(), Diagnostics::default());
        let source = sources.add("a.yaml", text);
        let nodes = yaml::read(source, &sources, &mut out);
        assert!(out.is_empty(), "{text}\n{out:?}");
        nodes.first().map_or(Value::Null, |node| bind::bind(node, "", &mut out).unwrap())
    }

    #[test]
    fn the_layout_is_that_of_docker_compose() {
        let value = json!({
            "services": {"web": {
                "command": ["sh", "-c", "a && b"],
                "environment": {"W": "80", "E": "", "B": "yes", "T": "a: b", "L": "x\ny\n"},
                "ports": [{"host_ip": "127.0.0.1", "published": "22:22"}],
                "nested": [["a"], [], {}],
                "networks": {"default": null},
            }},
        });
        let text = "\
services:
  web:
    command:
      - sh
      - -c
      - a && b
    environment:
      W: \"80\"
      E: \"\"
      B: \"yes\"
      T: 'a: b'
      L: |
        x
        y
    ports:
      - host_ip: 127.0.0.1
        published: \"22:22\"
    nested:
      - - a
      - []
      - {}
    networks:
      default: null
";
        assert_eq!(write(&value), text);
        assert_eq!(read(&write(&value)), value);
        assert_eq!(write(&json!({})), "{}\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_text_is_read_as_it_was_written(
            text in prop_oneof!["\\PC{0,12}", "[ \\t\\n\\r:#'\"\\\\|>a0.~=<,{}\\[\\]*&!%@`?-]{0,8}", any::<String>()],
            key in "[ -~\\n]{0,6}",
        ) {
            let value = json!({"list": [text.clone(), [text.clone()]], "map": {format!("k{key}"): text}});
            prop_assert_eq!(read(&write(&value)), value);
        }
    }
}
