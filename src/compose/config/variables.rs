//! The variables that the files use, for programs: in the layouts of Docker Compose, which indents
//! both by four spaces.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::VariableUse;
use super::write::write;

/// `config --variables --format json`.
#[must_use]
pub fn variables_json(used: &BTreeMap<String, VariableUse>) -> String {
    let mut text = Vec::new();
    let layout = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, layout);
    let value = fields(used, ["Name", "DefaultValue", "PresenceValue", "Required"]);
    // Writing text to memory does not fail.
    let _ = value.serialize(&mut serializer);
    String::from_utf8_lossy(&text).into_owned() + "\n"
}

/// `config --variables --format yaml`.
#[must_use]
pub fn variables_yaml(used: &BTreeMap<String, VariableUse>) -> String {
    let value = fields(used, ["name", "defaultvalue", "presencevalue", "required"]);
    write(&value).replace("\n  ", "\n    ")
}

fn fields(used: &BTreeMap<String, VariableUse>, keys: [&str; 4]) -> Value {
    let entry = |(name, used): (&String, &VariableUse)| {
        let value = json!({
            keys[0]: name,
            keys[1]: used.default,
            keys[2]: used.alternate,
            keys[3]: used.required,
        });
        (name.clone(), value)
    };
    Value::Object(used.iter().map(entry).collect::<Map<_, _>>())
}
