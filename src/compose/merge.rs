//! Combines files, key by key (Spec: 13-merge.md). Both sides are in canonical form.

use std::collections::HashMap;

use crate::diag::Diagnostics;

use super::node::{Entry, Mapping, Node, Tag, Value};
use super::shape::{Fields, LOGGING, Shape, Unique};

/// Merges `over` into `base`, whose value it replaces, extends or removes.
pub fn merge(base: &mut Node, over: Node, shape: &Shape, out: &mut Diagnostics) {
    Merge { out, keep_tags: false }.node(base, over, shape);
}

/// As [`merge`], but tags stay, to take effect on earlier files as well.
///
/// For a service over the one that it extends: both are in a file that comes after others.
pub fn merge_keeping_tags(base: &mut Node, over: Node, shape: &Shape, out: &mut Diagnostics) {
    Merge { out, keep_tags: true }.node(base, over, shape);
}

struct Merge<'a> {
    out: &'a mut Diagnostics,
    keep_tags: bool,
}

impl Merge<'_> {
    fn node(&mut self, base: &mut Node, over: Node, shape: &Shape) {
        match over.tag {
            Some(Tag::Reset) => {
                base.value = Value::Null;
                base.tag = self.keep_tags.then_some(Tag::Reset);
                return;
            }
            Some(Tag::Override) => return self.replace(base, over),
            None => {}
        }
        if base.tag == Some(Tag::Reset) {
            let over = Node { tag: Some(Tag::Override), ..over };
            return self.replace(base, over);
        }
        // A key without a value says nothing, except where a command is taken back.
        if over.is_null() && !matches!(shape, Shape::Command | Shape::HealthTest) {
            return;
        }
        if base.is_null() {
            return self.replace(base, over);
        }
        match shape {
            Shape::Fields(fields) if std::ptr::eq(*fields, &LOGGING) => self.logging(base, over),
            Shape::Fields(fields) | Shape::FieldsOrNull(fields) | Shape::Short(fields, _) => {
                self.fields_of(base, over, fields);
            }
            Shape::Map(map) => self.keys(base, over, |_| &map.value),
            Shape::Pairs(_) => self.pairs(base, over),
            Shape::List(list) => self.append(base, over, list.unique),
            Shape::Items(items) => self.append(base, over, items.unique),
            Shape::Hosts => self.append(base, over, Unique::Once),
            Shape::Any => self.anything(base, over),
            _ => self.replace(base, over),
        }
    }

    fn replace(&mut self, base: &mut Node, over: Node) {
        replace(base, over);
        if !self.keep_tags {
            strip(base);
        }
    }

    fn fields_of(&mut self, base: &mut Node, over: Node, fields: &'static Fields) {
        self.keys(base, over, |name| fields.shape(name));
    }

    fn keys<'a>(&mut self, base: &mut Node, over: Node, shape: impl Fn(&str) -> &'a Shape) {
        let Value::Mapping(entries) = over.value else { return self.replace(base, over) };
        let Value::Mapping(mapping) = &mut base.value else {
            let over = Node { value: Value::Mapping(entries), ..over };
            return self.replace(base, over);
        };
        self.reset(mapping, &entries);
        for (name, entry) in entries {
            if entry.node.tag == Some(Tag::Reset) && !self.keep_tags {
                continue;
            }
            match mapping.get_mut(&name) {
                Some(known) => {
                    self.node(&mut known.node, entry.node, shape(&name));
                    known.key = entry.key.or(known.key);
                }
                None => {
                    let mut entry = entry;
                    if !self.keep_tags {
                        strip(&mut entry.node);
                    }
                    mapping.insert(name, entry);
                }
            }
        }
    }

    /// Takes out what `entries` reset: all at once, since each removal moves all that follow.
    fn reset(&self, mapping: &mut Mapping, entries: &Mapping) {
        let resets = |entry: &Entry| entry.node.tag == Some(Tag::Reset);
        if !self.keep_tags && entries.values().any(resets) {
            mapping.retain(|name, _| !entries.get(name).is_some_and(resets));
        }
    }

    /// Pairs are replaced one by one; here a name without a value replaces, too.
    fn pairs(&mut self, base: &mut Node, over: Node) {
        let Value::Mapping(entries) = over.value else { return };
        let Value::Mapping(mapping) = &mut base.value else { return };
        self.reset(mapping, &entries);
        for (name, entry) in entries {
            if entry.node.tag == Some(Tag::Reset) && !self.keep_tags {
                continue;
            }
            if let Some(known) = mapping.get_mut(&name) {
                self.replace(&mut known.node, entry.node);
                known.key = entry.key;
            } else {
                mapping.insert(name, entry);
            }
        }
    }

    /// Options of one driver mean nothing to another, so a new driver replaces all.
    fn logging(&mut self, base: &mut Node, over: Node) {
        let driver = |node: &Node| node.get("driver").and_then(Node::as_str).map(str::to_owned);
        match (driver(base), driver(&over)) {
            (Some(old), Some(new)) if old != new => self.replace(base, over),
            _ => self.fields_of(base, over, &LOGGING),
        }
    }

    fn append(&mut self, base: &mut Node, over: Node, unique: Unique) {
        let Value::Sequence(more) = over.value else { return };
        let Value::Sequence(items) = &mut base.value else { return };
        items.extend(more);
        unify(items, unique);
    }

    /// Below keys that start with `x-` nothing is known: mappings merge, lists are appended.
    fn anything(&mut self, base: &mut Node, over: Node) {
        match (&base.value, &over.value) {
            (Value::Mapping(_), Value::Mapping(_)) => self.keys(base, over, |_| &Shape::Any),
            (Value::Sequence(_), Value::Sequence(_)) => self.append(base, over, Unique::No),
            (Value::Scalar(_), Value::Scalar(_)) => self.replace(base, over),
            _ => {
                let message =
                    format!("{} cannot be merged with {}", over.kind_name(), base.kind_name());
                self.out
                    .error("cannot-merge", over.span, message)
                    .label(base.span, "the earlier value")
                    .hint("write `!override` before the value to replace the earlier one");
            }
        }
    }
}

/// Removes tags and what they reset from a tree that is merged with nothing.
pub fn strip(node: &mut Node) {
    node.tag = None;
    match &mut node.value {
        Value::Mapping(mapping) => {
            mapping.retain(|_, entry| entry.node.tag != Some(Tag::Reset));
            mapping.values_mut().for_each(|entry| strip(&mut entry.node));
        }
        Value::Sequence(items) => {
            items.retain(|item| item.tag != Some(Tag::Reset));
            items.iter_mut().for_each(strip);
        }
        _ => {}
    }
}

/// Applies what a list does with equal items (Spec: 13-merge.md#unique-resources).
pub fn unify(items: &mut Vec<Node>, unique: Unique) {
    let (identity, merged): (fn(&Node) -> Option<String>, bool) = match unique {
        // Strict lists are checked where their file is known, and at the very end.
        Unique::No | Unique::Strict => return,
        Unique::Once => (|node| node.as_str().map(str::to_owned), false),
        Unique::By(identity) => (identity, false),
        Unique::Merged(identity) => (identity, true),
    };
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        let Some(name) = identity(&item) else {
            kept.push(item);
            continue;
        };
        match places.get(&name) {
            Some(place) if merged => merge_items(&mut kept[*place], item),
            Some(place) => match unique {
                Unique::Once => {}
                _ => replace(&mut kept[*place], item),
            },
            None => {
                places.insert(name, kept.len());
                kept.push(item);
            }
        }
    }
    *items = kept;
}

/// Takes the value of `over`, and remembers where the old one was.
fn replace(base: &mut Node, over: Node) {
    let mut replaced = base.replaced.take();
    if let Some(span) = base.span
        && !base.is_null()
        && base.span != over.span
    {
        replaced.get_or_insert_default().push(span);
    }
    *base = over;
    base.replaced = replaced;
}

fn merge_items(base: &mut Node, over: Node) {
    let (Value::Mapping(mapping), Value::Mapping(entries)) = (&mut base.value, over.value) else {
        return;
    };
    for (name, entry) in entries {
        match mapping.get_mut(&name) {
            Some(known) if matches!(known.node.value, Value::Mapping(_)) => {
                merge_items(&mut known.node, entry.node);
            }
            Some(known) => replace(&mut known.node, entry.node),
            None => {
                mapping.insert(name, entry);
            }
        }
    }
}
