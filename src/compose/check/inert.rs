//! Keys that are understood and kept, and change nothing: said once each, not passed over.

use std::collections::BTreeMap;

use crate::diag::Span;

use super::super::node::{Node, Value};
use super::super::support::{INERT, Reason};
use super::Check;

/// What short forms stand for and files copy, or has a warning of its own.
const SILENT: [&str; 3] = ["services.*.ports[].mode", "networks.*.ipam.driver", "version"];

/// One notice for each key without effect, at its first place.
pub fn check(check: &mut Check) {
    let mut found: BTreeMap<&str, (Reason, Vec<Span>)> = BTreeMap::new();
    for (path, reason) in INERT {
        let steps: Vec<String> = path.replace("[]", ".[]").split('.').map(str::to_owned).collect();
        let mut spans = Vec::new();
        collect(&check.project.document.root, &steps, None, &mut spans);
        if !spans.is_empty() && !SILENT.contains(&path) {
            found.insert(path, (reason, spans));
        }
    }
    for (path, (reason, spans)) in found {
        let key = path.trim_start_matches("services.*.").trim_start_matches("networks.*.");
        let message = format!("`{key}` has no effect: {}", reason.as_str());
        let diagnostic = check.out.notice("no-effect", spans[0], message);
        if spans.len() > 1 {
            diagnostic.note(format!("it is used {} times", spans.len()));
        }
    }
}

fn collect(node: &Node, steps: &[String], key: Option<Span>, found: &mut Vec<Span>) {
    let Some((step, rest)) = steps.split_first() else {
        found.extend(key.or(node.span));
        return;
    };
    match (&node.value, step.as_str()) {
        (Value::Sequence(items), "[]") => {
            items.iter().for_each(|item| collect(item, rest, None, found));
        }
        (Value::Mapping(mapping), "*") => {
            mapping.values().for_each(|entry| collect(&entry.node, rest, entry.key, found));
        }
        (Value::Mapping(mapping), name) => {
            if let Some(entry) = mapping.get(name).filter(|entry| entry.key.is_some()) {
                collect(&entry.node, rest, entry.key, found);
            }
        }
        _ => {}
    }
}
