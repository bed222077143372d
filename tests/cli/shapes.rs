//! Outputs that scripts read have Docker Compose's names of fields and types of values.

use serde_json::Value;

use crate::machine::Machine;

const SHAPES: &str = include_str!("../../fixtures/command-line/shapes.txt");

const FILES: &str = "\
services:
  web:
    image: nginx:alpine
    ports: ['${PORT:-8080}:80']
    volumes: ['data:/data']
volumes: {data: }
networks: {default: {ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.9.0.1}]}}}
";

/// Commands with one output of each.
fn shapes() -> Vec<(&'static str, String)> {
    let lines = SHAPES.lines().filter(|line| !line.starts_with('#'));
    let mut shapes: Vec<(&str, String)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), shapes.last_mut()) {
            (Some(command), _) => shapes.push((command, String::new())),
            (None, Some((_, sample))) => sample.push_str(line),
            (None, None) => panic!("the first line is no command"),
        }
    }
    shapes
}

/// Says where two values differ in more than their values.
fn differ(path: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.contains_key("*") => {
            let (shape, any) = (&one["*"], one["*"].is_null());
            let each = |(key, value)| differ(&format!("{path}.{key}"), shape, value);
            if any { None } else { other.iter().find_map(each) }
        }
        (Value::Object(one), Value::Object(other)) => {
            let keys = |it: &serde_json::Map<String, Value>| it.keys().cloned().collect::<Vec<_>>();
            let (mut left, mut right) = (keys(one), keys(other));
            left.sort();
            right.sort();
            if left != right {
                return Some(format!("{path}: {left:?} and {right:?}"));
            }
            one.iter().find_map(|(key, value)| differ(&format!("{path}.{key}"), value, &other[key]))
        }
        (Value::Array(one), Value::Array(other)) => match (one.first(), other.first()) {
            (Some(one), Some(other)) => differ(&format!("{path}[]"), one, other),
            (None, None) => None,
            _ => Some(format!("{path}: one list is empty")),
        },
        // An image need not say when it was built and named.
        (_, Value::Null) if path.ends_with(".Created") || path.ends_with(".LastTagTime") => None,
        (one, other) => {
            let same = std::mem::discriminant(one) == std::mem::discriminant(other);
            (!same).then(|| format!("{path}: {one} and {other}"))
        }
    }
}

/// Whether a line is as the pattern says.
fn fits(pattern: &str, line: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('<') else { return pattern == line };
    let Some(line) = line.strip_prefix(before) else { return false };
    let after = rest.split_once('>').map_or("", |(_, after)| after);
    let word = line.strip_suffix(after).unwrap_or("");
    !word.is_empty() && !word.contains(' ')
}

#[test]
fn outputs_for_scripts_have_docker_composes_shapes() {
    let machine = Machine::with(FILES);
    machine.err("up -d");
    let mut wrong = Vec::new();
    for (command, sample) in shapes() {
        let out = machine.out(command);
        let line = out.lines().next().unwrap_or_default();
        match serde_json::from_str::<Value>(&sample) {
            Ok(sample) => {
                // An object may be one line of many.
                let ours = match sample.is_object() {
                    true => serde_json::Deserializer::from_str(&out).into_iter().next().unwrap(),
                    false => serde_json::from_str(&out),
                };
                let ours: Value = ours.unwrap();
                wrong.extend(differ(command, &sample, &ours));
            }
            Err(_) if out.lines().any(|line| fits(&sample, line)) => {}
            Err(_) => wrong.push(format!("{command}: {line}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_difference_is_found() {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let one = value(r#"{"a":[{"b":1}]}"#);
    assert_eq!(differ("x", &one, &value(r#"{"a":[{"b":2}]}"#)), None);
    assert!(differ("x", &one, &value(r#"{"a":[{"b":"2"}]}"#)).unwrap().starts_with("x.a[].b"));
    assert!(differ("x", &one, &value(r#"{"a":[{"c":1}]}"#)).is_some());
    let any = value(r#"{"*":{"b":1}}"#);
    assert_eq!(differ("x", &any, &value(r#"{"k":{"b":2},"l":{"b":3}}"#)), None);
    assert!(differ("x", &any, &value(r#"{"k":{"b":2},"l":{"c":3}}"#)).unwrap().starts_with("x.l"));
    assert!(fits("web <hash>", "web 3b1f") && !fits("web <hash>", "web a b"));
}
