//! The project as YAML, in the form of Docker Compose.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::model::Project;
use super::json::{escape, hoist, used, whole};
use super::write::write;

/// Top-level keys in the order in which YAML has them.
const ORDER: [&str; 6] = ["name", "services", "networks", "volumes", "secrets", "configs"];

/// `config`: two spaces a level; what is null is left out, but for networks of services.
#[must_use]
pub fn to_yaml(project: &Project) -> String {
    write(&value(project))
}

/// `--all-resources config`: with what no service uses.
#[must_use]
pub fn to_yaml_all(project: &Project) -> String {
    write(&arranged(project, whole(project)))
}

/// What [`to_yaml`] prints.
pub(super) fn value(project: &Project) -> Value {
    arranged(project, used(project))
}

fn arranged(project: &Project, mut value: Value) -> Value {
    escape(&mut value);
    hoist(&mut value);
    if let Value::Object(top) = &mut value {
        let used = project.used_names();
        let models =
            project.models.iter().filter(|(name, _)| used["models"].contains(name.as_str()));
        let models: BTreeMap<_, _> = models.collect();
        if !models.is_empty() {
            let models = serde_json::to_value(&models).unwrap_or_default();
            top.insert("models".to_owned(), models);
        }
        let mut entries: Vec<(String, Value)> = std::mem::take(top).into_iter().collect();
        let rank = |key: &str| ORDER.iter().position(|it| *it == key).unwrap_or(ORDER.len());
        entries.sort_by(|a, b| rank(&a.0).cmp(&rank(&b.0)).then_with(|| a.0.cmp(&b.0)));
        top.extend(entries);
        prune(top);
    }
    value
}

/// Leaves out `command: null` and the like, and empty `ipam`.
fn prune(top: &mut serde_json::Map<String, Value>) {
    if let Some(Value::Object(services)) = top.get_mut("services") {
        for service in services.values_mut().filter_map(Value::as_object_mut) {
            for key in ["command", "entrypoint"] {
                if service.get(key).is_some_and(Value::is_null) {
                    service.shift_remove(key);
                }
            }
        }
    }
    if let Some(Value::Object(networks)) = top.get_mut("networks") {
        for network in networks.values_mut().filter_map(Value::as_object_mut) {
            if network.get("ipam").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty)
            {
                network.shift_remove("ipam");
            }
        }
    }
}
