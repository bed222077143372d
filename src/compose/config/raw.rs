//! The merged tree itself, for when variables are left as they are and nothing can be typed.

use serde_json::{Map, Value};

use super::super::bind;
use super::super::node::Document;
use super::write::write;
use crate::diag::Diagnostics;

/// `config --no-interpolate`: the canonical tree as YAML.
#[must_use]
pub fn document_yaml(document: &Document) -> String {
    write(&document_value(document))
}

/// `config --no-interpolate --format json`.
#[must_use]
pub fn document_json(document: &Document) -> String {
    serde_json::to_string_pretty(&document_value(document)).unwrap_or_default() + "\n"
}

fn document_value(document: &Document) -> Value {
    let mut value: Value =
        bind::bind(&document.root, "", &mut Diagnostics::default()).unwrap_or_default();
    if let Value::Object(top) = &mut value {
        tidy(top);
    }
    value
}

/// Takes back what canonical form has beyond the schema: limits of one number.
fn tidy(map: &mut Map<String, Value>) {
    for value in map.values_mut() {
        if let Value::Object(inner) = value {
            match inner.get("single") {
                Some(number) if inner.len() == 1 => *value = number.clone(),
                _ => tidy(inner),
            }
        }
    }
}
