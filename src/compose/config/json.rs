//! The project as JSON, in the form of Docker Compose.

use serde_json::{Map, Value};

use super::super::model::Project;

/// The project as a JSON value, its top-level keys in order, without what no service uses.
#[must_use]
pub fn project_json(project: &Project) -> Value {
    arranged(used(project))
}

/// A project's value with its top-level keys in order.
fn arranged(mut value: Value) -> Value {
    if let Value::Object(top) = &mut value
        && let Some(Value::Object(own)) = top.shift_remove("x-")
    {
        top.extend(own);
    }
    drop_own_keys(&mut value);
    let Value::Object(top) = value else { return Value::Null };
    let mut entries: Vec<(String, Value)> = top.into_iter().collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(entries.into_iter().collect())
}

/// `config --format json`: two spaces a level, and a line break at the end.
#[must_use]
pub fn to_json(project: &Project) -> String {
    printed(project_json(project))
}

/// `--all-resources config --format json`: with what no service uses.
#[must_use]
pub fn to_json_all(project: &Project) -> String {
    printed(arranged(whole(project)))
}

fn printed(mut value: Value) -> String {
    escape(&mut value);
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text + "\n"
}

/// Writes every `$` as `$$`, so that the output can be loaded again.
pub(super) fn escape(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('$') => *text = text.replace('$', "$$"),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(map) => map.values_mut().for_each(escape),
        _ => {}
    }
}

/// The project as a value, with networks, volumes and the like that no service uses.
pub(super) fn whole(project: &Project) -> Value {
    // Maps of the model have text keys only, so this cannot fail.
    serde_json::to_value(project).unwrap_or_default()
}

/// The project as a value, without what no service that is on uses.
pub(super) fn used(project: &Project) -> Value {
    let mut value = whole(project);
    let used = project.used_names();
    for (kind, names) in used {
        if let Some(Value::Object(all)) = value.get_mut(kind) {
            all.retain(|name, _| names.contains(name.as_str()));
            if all.is_empty() {
                value.as_object_mut().map(|top| top.shift_remove(kind));
            }
        }
    }
    value
}

/// Leaves out keys that start with `x-` below the top level, which JSON has not (Docker Compose).
fn drop_own_keys(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_own_keys),
        Value::Object(map) => {
            map.shift_remove("x-");
            map.values_mut().for_each(drop_own_keys);
        }
        _ => {}
    }
}

/// Moves keys that start with `x-` from the field that collects them to where they were written.
pub(super) fn hoist(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hoist),
        Value::Object(map) => {
            map.values_mut().for_each(hoist);
            if let Some(Value::Object(own)) = map.get("x-") {
                let own: Map<String, Value> = own.clone();
                map.shift_remove("x-");
                map.extend(own);
            }
        }
        _ => {}
    }
}
