//! What is missing after all files were merged: keys that must be there.

use crate::diag::{Diagnostics, Severity, Span};

use super::super::node::{Node, Value};
use super::scalar::expected;
use super::{Fields, Shape};

/// Reports every required key that is missing below `root`, and takes its owner out.
///
/// Only after merging, since another file may have it.
pub fn complete(root: &mut Node, shape: &Shape, out: &mut Diagnostics) {
    let errors = out.iter().filter(|it| it.severity == Severity::Error);
    let broken = errors.filter_map(|it| it.span).collect();
    Complete { out, broken }.node(root, shape, "");
}

struct Complete<'a> {
    out: &'a mut Diagnostics,
    /// Places of earlier mistakes, which may have taken a key out.
    broken: Vec<Span>,
}

impl Complete<'_> {
    /// False: `node` must be taken out.
    fn node(&mut self, node: &mut Node, shape: &Shape, path: &str) -> bool {
        if node.is_null() && !may_be_null(shape) {
            self.no_value(node, shape, path);
            return false;
        }
        match (&mut node.value, shape) {
            (
                Value::Mapping(mapping),
                Shape::Fields(fields) | Shape::FieldsOrNull(fields) | Shape::Short(fields, _),
            ) => {
                let right = self.required(node.span, mapping, fields, path);
                mapping.retain(|name, entry| {
                    let path = join(path, name);
                    self.node(&mut entry.node, fields.shape(name), &path)
                });
                right
            }
            (Value::Mapping(mapping), Shape::Map(map)) => {
                mapping.retain(|name, entry| {
                    self.node(&mut entry.node, &map.value, &join(path, name))
                });
                true
            }
            (Value::Mapping(mapping), Shape::Ulimit) if !mapping.contains_key("single") => {
                let fields = &super::service::ULIMIT;
                let right = self.required(node.span, mapping, fields, path);
                mapping.retain(|name, entry| {
                    self.node(&mut entry.node, fields.shape(name), &join(path, name))
                });
                right
            }
            (Value::Sequence(items), Shape::List(list)) => {
                let mut index = 0;
                items.retain_mut(|item| {
                    index += 1;
                    self.node(item, &list.item, &format!("{path}[{}]", index - 1))
                });
                true
            }
            (Value::Sequence(items), Shape::Items(shape)) => {
                let mut index = 0;
                items.retain_mut(|item| {
                    index += 1;
                    let path = format!("{path}[{}]", index - 1);
                    self.node(item, &Shape::Fields(shape.long), &path)
                });
                true
            }
            _ => true,
        }
    }

    fn required(
        &mut self,
        span: Option<Span>,
        mapping: &super::super::node::Mapping,
        fields: &Fields,
        path: &str,
    ) -> bool {
        let mut right = true;
        for key in fields.keys.iter().filter(|key| key.required) {
            if !mapping.contains_key(key.name) {
                right = false;
                if self.is_broken(span) {
                    continue;
                }
                let message = format!("`{path}` needs the key `{}`", key.name);
                self.out
                    .error("missing-key", span, message)
                    .note(format!("{} must say its `{}`", fields.noun, key.name));
            }
        }
        right
    }

    fn no_value(&mut self, node: &Node, shape: &Shape, path: &str) {
        let key = path.rsplit('.').next().unwrap_or(path);
        let message = format!("`{path}` has no value, and must be {}", expected(shape));
        self.out
            .error("wrong-type", node.span, message)
            .hint(format!("give `{key}` a value, or remove it"));
    }

    fn is_broken(&self, span: Option<Span>) -> bool {
        let inside = |it: &Span| {
            span.is_some_and(|at| {
                it.source == at.source && at.start <= it.start && it.end <= at.end
            })
        };
        self.broken.iter().any(inside)
    }
}

/// Where a key without a value means something.
fn may_be_null(shape: &Shape) -> bool {
    use Shape as It;
    matches!(shape, It::Any | It::TextOrNull | It::FieldsOrNull(_) | It::Command | It::Option)
}

fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    }
}
