//! The project as YAML, in the form of Docker Compose.

use serde_json::Value;

use super::super::model::Project;
use super::json::{escape, hoist};

/// Top-level keys in the order in which YAML has them.
const ORDER: [&str; 6] = ["name", "services", "networks", "volumes", "secrets", "configs"];

/// `config`: two spaces a level; what is null is left out, but for networks of services.
#[must_use]
pub fn to_yaml(project: &Project) -> String {
    serde_yaml::to_string(&value(project)).unwrap_or_default()
}

/// What [`to_yaml`] prints.
pub(super) fn value(project: &Project) -> Value {
    let project = project.used();
    let mut value = escape(&serde_json::to_value(&project).unwrap_or_default());
    hoist(&mut value);
    if let Value::Object(top) = &mut value {
        if !project.models.is_empty() {
            let models = serde_json::to_value(&project.models).unwrap_or_default();
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
