//! JSON as the values of a template, with what Go has where JSON says `null`.

use std::collections::BTreeMap;

use gtmpl_ng::Value;
use serde_json::{Map, Value as Json};

use super::{LABELS, MEMBER, ORIGINAL};

/// Fields whose keys are names that anybody chose: to ask for one that there is not is no mistake
/// (Docker: Go's `map`).
const MAPS: [&str; 14] = [
    "Annotations",
    "Containers",
    "Data",
    "DriverOpts",
    "ExposedPorts",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
];

/// Fields that are nothing at all while they are `null` (Docker: Go's pointers). Every other field
/// that is no map is an empty list then.
const POINTERS: [&str; 11] = [
    "Health",
    "Healthcheck",
    "IPAMConfig",
    "Init",
    "MemorySwappiness",
    "OomKillDisable",
    "PidsLimit",
    "Platform",
    "SizeRootFs",
    "SizeRw",
    "StopTimeout",
];

/// A whole thing: its fields, and how they were as JSON for [`original`].
pub fn to_value(json: &Json) -> Value {
    let mut value = field("", json);
    if let Value::Object(fields) = &mut value {
        fields.insert(ORIGINAL.to_owned(), Value::from(json.to_string()));
    }
    value
}

/// The value of a field of this name.
fn field(name: &str, json: &Json) -> Value {
    match json {
        Json::Null if MAPS.contains(&name) => Value::Map(Default::default()),
        Json::Null if POINTERS.contains(&name) => Value::Nil,
        Json::Null => Value::Array(Vec::new()),
        Json::Object(set) if matches!(name, "ExposedPorts" | "Volumes") => members(set),
        // Every value of a map has the same type.
        Json::Object(map) if MAPS.contains(&name) => {
            Value::Map(map.iter().map(|(key, it)| (key.clone(), field("", it))).collect())
        }
        Json::Object(fields) => {
            Value::Object(fields.iter().map(|(key, it)| (key.clone(), field(key, it))).collect())
        }
        Json::Array(items) => Value::Array(items.iter().map(|item| field("", item)).collect()),
        plain => scalar(plain),
    }
}

/// A set: the keys are all there is.
fn members(set: &Map<String, Json>) -> Value {
    let value = |value: &Json| match value {
        Json::Object(fields) if fields.is_empty() => Value::from(MEMBER),
        value => field("", value),
    };
    Value::Map(set.iter().map(|(key, it)| (key.clone(), value(it))).collect())
}

fn scalar(json: &Json) -> Value {
    match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Number(number.into()),
            (None, Some(number)) => Value::Number(number.into()),
            _ => Value::Number(number.as_f64().unwrap_or(f64::NAN).into()),
        },
        _ => Value::Nil,
    }
}

/// What was JSON at this place of a whole thing, as in `HostConfig.CapAdd`, in its own order;
/// `None` if there is no such place.
pub fn original(whole: &Value, path: &str) -> Option<Json> {
    let Value::Object(fields) = whole else { return None };
    let Value::String(text) = fields.get(ORIGINAL)? else { return None };
    let whole: Json = serde_json::from_str(text).ok()?;
    let mut names = path.split('.').filter(|name| !name.is_empty());
    names.try_fold(whole, |value, name| match value {
        Json::Object(mut fields) => fields.shift_remove(name),
        _ => None,
    })
}

/// The value as JSON.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::String(text) if text == MEMBER => Json::Object(Map::new()),
        Value::String(text) => Json::String(text.clone()),
        Value::Array(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Object(fields) | Value::Map(fields) => {
            let shown = fields.iter().filter(|(key, _)| *key != LABELS && *key != ORIGINAL);
            // Go prints a map's keys in order.
            let sorted: BTreeMap<_, _> = shown.map(|(key, value)| (key, to_json(value))).collect();
            Json::Object(sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            _ => Json::Null,
        },
        Value::NoValue | Value::Nil | Value::Function(_) => Json::Null,
    }
}
