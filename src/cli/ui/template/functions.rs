//! Docker's additions to the functions of Go templates.

use std::collections::HashMap;

use gtmpl_ng::{Func, FuncError, Value};

use super::LABELS;
use super::values::{original, to_json};
use crate::docker::go_json;

/// Docker's additions to Go's functions.
pub const FUNCTIONS: [(&str, Func); 12] = [
    ("json", |args| Ok(Value::from(go_json(&to_json(argument(args, 0, "json")?))))),
    ("label", label),
    ("index", index),
    // Ours: see `actions`.
    ("shown", |args| match argument(args, 0, "shown")? {
        Value::Nil => Ok(Value::from("<nil>")),
        value => Ok(value.clone()),
    }),
    ("json_at", |args| {
        let path = text(args, 1, "json")?;
        let found = original(argument(args, 0, "json")?, &path);
        let found = found.ok_or_else(|| FuncError::Generic(format!("no field `{path}`")))?;
        Ok(Value::from(go_json(&found)))
    }),
    ("join", join),
    ("split", |args| {
        let (text, separator) = (text(args, 0, "split")?, text(args, 1, "split")?);
        Ok(Value::Array(text.split(separator.as_str()).map(Value::from).collect()))
    }),
    ("lower", |args| Ok(Value::from(text(args, 0, "lower")?.to_lowercase()))),
    ("upper", |args| Ok(Value::from(text(args, 0, "upper")?.to_uppercase()))),
    ("title", |args| {
        let text = text(args, 0, "title")?;
        let words = text.split(' ').map(|word| {
            let mut letters = word.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            first.chain(letters).collect::<String>()
        });
        Ok(Value::from(words.collect::<Vec<_>>().join(" ")))
    }),
    ("pad", |args| {
        let pad = |index| " ".repeat(number(args, index).min(1000));
        let inner = text(args, 0, "pad")?;
        // Docker: around nothing there is nothing.
        let padded = || format!("{}{inner}{}", pad(1), pad(2));
        Ok(Value::from(if inner.is_empty() { String::new() } else { padded() }))
    }),
    ("truncate", |args| {
        let text = text(args, 0, "truncate")?;
        Ok(Value::from(text.chars().take(number(args, 1)).collect::<String>()))
    }),
];

fn argument<'a>(args: &'a [Value], index: usize, name: &str) -> Result<&'a Value, FuncError> {
    args.get(index).ok_or_else(|| FuncError::AtLeastXArgs(name.to_owned(), index + 1))
}

fn text(args: &[Value], index: usize, name: &str) -> Result<String, FuncError> {
    Ok(argument(args, index, name)?.to_string())
}

/// A number argument; 0 where there is none.
fn number(args: &[Value], index: usize) -> usize {
    match args.get(index) {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0) as usize,
        _ => 0,
    }
}

fn label(args: &[Value]) -> Result<Value, FuncError> {
    let key = text(args, 1, "label")?;
    let Value::Object(fields) = argument(args, 0, "label")? else {
        return Ok(Value::from(""));
    };
    let labels: Option<&HashMap<String, Value>> = match fields.get(LABELS) {
        Some(Value::Map(labels)) => Some(labels),
        _ => None,
    };
    Ok(labels.and_then(|labels| labels.get(&key)).cloned().unwrap_or_else(|| Value::from("")))
}

/// Go's `index`. What a map does not have is the nothing of what it has: an empty text or list.
fn index(args: &[Value]) -> Result<Value, FuncError> {
    let mut found = argument(args, 0, "index")?.clone();
    for key in &args[1..] {
        let next = match (&found, key) {
            (Value::Array(items), Value::Number(number)) => {
                let at = number.as_u64().and_then(|at| usize::try_from(at).ok());
                at.and_then(|at| items.get(at)).cloned()
            }
            (Value::Map(map), key) => {
                Some(map.get(&key.to_string()).cloned().unwrap_or_else(|| nothing_like(map)))
            }
            (Value::Object(fields), Value::String(key)) => fields.get(key).cloned(),
            _ => None,
        };
        found = next.ok_or_else(|| match (&found, key) {
            (Value::Array(_), Value::Number(_)) => {
                FuncError::Generic(format!("error calling index: index out of range: {key}"))
            }
            _ => FuncError::Generic(format!("error calling index: there is no {key}")),
        })?;
    }
    Ok(found)
}

fn nothing_like(map: &HashMap<String, Value>) -> Value {
    match map.values().next() {
        Some(Value::Array(_)) => Value::Array(Vec::new()),
        Some(Value::Object(_) | Value::Map(_)) => Value::Nil,
        _ => Value::from(""),
    }
}

fn join(args: &[Value]) -> Result<Value, FuncError> {
    let separator = text(args, 1, "join")?;
    Ok(match argument(args, 0, "join")? {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(ToString::to_string).collect();
            Value::from(items.join(&separator))
        }
        other => other.clone(),
    })
}
