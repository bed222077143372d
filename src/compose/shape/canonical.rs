//! Checks the shape of one file, and brings it into canonical form: short forms become long ones,
//! lists of pairs become mappings, numbers that mean text become text.
//!
//! Every mistake is reported and taken out of the tree, so that later passes find the rest well
//! formed and can report what is wrong with it, too.

use std::collections::HashMap;

use crate::diag::{Diagnostic, Diagnostics, Sources, Span};

use super::super::interpolate::locate;
use super::super::node::{Entry, Mapping, Node, Scalar, ScalarKind, Tag, Value};
use super::{Fields, Items, List, Map, Shape, Unique, Wrong, command, pairs, scalar, unknown};

/// The pass over one file.
pub struct Canonical<'a> {
    /// Where mistakes go.
    pub out: &'a mut Diagnostics,
    /// To point into values.
    pub sources: &'a Sources,
    /// Variables were not replaced, so text with a `$` can stand for anything.
    pub raw: bool,
    /// Where we are, as in `services.web.ports[0]`.
    pub path: String,
    /// How many more items ranges may stand for.
    pub items_left: usize,
}

/// Ranges of one file may stand for so many items; a few bytes stand for 65 535 ports.
const MAX_ITEMS: usize = 140_000;

impl<'a> Canonical<'a> {
    /// A pass that has seen nothing.
    pub fn new(out: &'a mut Diagnostics, sources: &'a Sources, raw: bool) -> Canonical<'a> {
        Canonical { out, sources, raw, path: String::new(), items_left: MAX_ITEMS }
    }

    /// Brings `node` into the canonical form of `shape`. False: it is wrong and must be taken out.
    pub fn node(&mut self, node: &mut Node, shape: &Shape) -> bool {
        if node.tag == Some(Tag::Reset) || self.is_template(node) {
            return true;
        }
        // Another file may have the value; what has none in the end is reported by `complete`.
        if node.is_null() && !matches!(shape, Shape::Option) {
            return true;
        }
        match shape {
            Shape::Any => true,
            Shape::Fields(fields) => self.fields(node, fields),
            Shape::FieldsOrNull(fields) => self.fields(node, fields),
            Shape::Short(fields, expand) => {
                if let Value::Scalar(text) = &node.value
                    && text.kind == ScalarKind::Text
                {
                    let (span, tag) = (node.span, node.tag);
                    *node = placed(expand(text), span);
                    node.tag = tag;
                }
                self.fields(node, fields)
            }
            Shape::Map(map) => self.map(node, map),
            Shape::List(list) => self.list(node, list),
            Shape::Items(items) => self.items(node, items),
            Shape::Pairs(kind) => pairs::pairs(self, node, *kind),
            Shape::Hosts => pairs::hosts(self, node),
            Shape::Command => command::command(self, node),
            Shape::HealthTest => command::health_test(self, node),
            _ => scalar::scalar(self, node, shape),
        }
    }

    /// Whether `node` is text with variables that were not replaced.
    pub fn is_template(&self, node: &Node) -> bool {
        self.raw && node.as_str().is_some_and(|text| text.contains('$'))
    }

    /// Runs `inner` with `key` added to the path.
    pub fn at<T>(&mut self, key: &str, inner: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        let result = inner(self);
        self.path.truncate(length);
        result
    }

    /// Runs `inner` with an index added to the path.
    pub fn at_index<T>(&mut self, index: usize, inner: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path += &format!("[{index}]");
        let result = inner(self);
        self.path.truncate(length);
        result
    }

    fn fields(&mut self, node: &mut Node, fields: &'static Fields) -> bool {
        let Value::Mapping(mapping) = &mut node.value else {
            return self.wrong(node, "a mapping");
        };
        mapping.retain(|name, entry| match fields.key(name) {
            Some(key) => self.at(name, |cx| {
                let place = entry.key;
                cx.valued(&mut entry.node, place, &key.shape)
            }),
            None if fields.open && name.starts_with("x-") => true,
            None => {
                unknown::report(self, fields, name, entry);
                false
            }
        });
        fields.then.is_none_or(|then| then(self, node))
    }

    /// A value whose place, where it is empty, is that of its key.
    fn valued(&mut self, node: &mut Node, key: Option<Span>, shape: &Shape) -> bool {
        if node.span.is_none() {
            node.span = key;
        }
        self.node(node, shape)
    }

    fn map(&mut self, node: &mut Node, map: &'static Map) -> bool {
        if let (Some(value), Value::Sequence(items)) = (map.listed, &mut node.value) {
            let mut mapping = Mapping::new();
            for (index, item) in items.iter_mut().enumerate() {
                let right = self.at_index(index, |cx| match item.is_null() {
                    true => cx.wrong(item, "text"),
                    false => cx.node(item, &Shape::Text),
                });
                if item.tag == Some(Tag::Reset) || !right {
                    continue;
                }
                let name = item.as_str().unwrap_or_default().to_owned();
                let span = item.span;
                if let Some(first) = mapping.get(&name) {
                    let first: &Entry = first;
                    self.twice(item, first.key);
                    continue;
                }
                mapping.insert(name, Entry { key: span, node: placed(value(), span) });
            }
            node.value = Value::Mapping(mapping);
        }
        let Value::Mapping(mapping) = &mut node.value else {
            return self.wrong(
                node,
                if map.listed.is_some() { "a mapping or a list" } else { "a mapping" },
            );
        };
        mapping.retain(|name, entry| {
            if let Some(noun) = map.names
                && !is_name(name)
                && !(self.raw && name.contains('$'))
            {
                let message = format!("`{name}` is not a name for a {noun}");
                self.out
                    .error("bad-name", entry.key, message)
                    .hint("names have letters, digits, `.`, `_` and `-` only");
                return false;
            }
            let place = entry.key;
            self.at(name, |cx| cx.valued(&mut entry.node, place, &map.value))
        });
        true
    }

    fn list(&mut self, node: &mut Node, list: &'static List) -> bool {
        if list.alone && matches!(node.value, Value::Scalar(_)) {
            wrap(node);
        }
        let Value::Sequence(items) = &mut node.value else {
            return self.wrong(node, if list.alone { "text or a list" } else { "a list" });
        };
        let mut index = 0;
        items.retain_mut(|item| {
            index += 1;
            item.tag != Some(Tag::Reset) && self.at_index(index - 1, |cx| cx.node(item, &list.item))
        });
        self.unique(items, list.unique);
        true
    }

    fn items(&mut self, node: &mut Node, shape: &'static Items) -> bool {
        if shape.alone && matches!(node.value, Value::Scalar(_)) {
            wrap(node);
        }
        let Value::Sequence(items) = &mut node.value else {
            return self.wrong(node, "a list");
        };
        let written = std::mem::take(items);
        let mut expanded = Vec::with_capacity(written.len());
        for (index, mut item) in written.into_iter().enumerate() {
            if item.tag == Some(Tag::Reset) {
                continue;
            }
            self.at_index(index, |cx| match &item.value {
                _ if cx.is_template(&item) => expanded.push(item),
                Value::Scalar(text) => match (shape.short)(cx, &item, text) {
                    Ok(nodes) => {
                        expanded.extend(nodes.into_iter().map(|node| placed(node, item.span)));
                    }
                    Err(wrong) => cx.wrong_short(&item, wrong),
                },
                _ => {
                    if cx.fields(&mut item, shape.long) {
                        expanded.push(item);
                    }
                }
            });
        }
        self.unique(&mut expanded, shape.unique);
        *items = expanded;
        true
    }

    fn wrong_short(&mut self, item: &Node, wrong: Wrong) {
        let text = item.as_str().unwrap_or_default();
        let place = match &wrong.at {
            Some(at) => locate(self.sources, item.span, text, at),
            None => item.span,
        };
        let message = format!("`{}`: {}", self.path, wrong.message);
        let diagnostic = self.out.error("bad-value", place, message);
        if !wrong.hint.is_empty() {
            diagnostic.hint(wrong.hint);
        }
    }

    /// Applies what the list does with equal items, within this one file.
    pub fn unique(&mut self, items: &mut Vec<Node>, unique: Unique) {
        if let Unique::Strict = unique {
            let mut seen: HashMap<String, Option<Span>> = HashMap::new();
            items.retain(|item| {
                let Some(text) = item.as_str() else { return true };
                if let Some(first) = seen.get(text) {
                    self.twice(item, *first);
                    return false;
                }
                seen.insert(text.to_owned(), item.span);
                true
            });
        } else {
            if let Unique::By(identity) = unique {
                self.replaced(items, identity);
            }
            super::super::merge::unify(items, unique);
        }
    }

    /// Warns of items that a later one of the same file replaces.
    fn replaced(&mut self, items: &[Node], identity: fn(&Node) -> Option<String>) {
        let mut seen: HashMap<String, &Node> = HashMap::new();
        for item in items {
            let Some(name) = identity(item) else { continue };
            let Some(first) = seen.insert(name.clone(), item).filter(|it| !it.says_the_same(item))
            else {
                continue;
            };
            let message =
                format!("two items of `{}` are for `{name}`, and the last one wins", self.path);
            self.out
                .warning("replaced-item", first.span, message)
                .here("this one has no effect")
                .label(item.span, "because of this one");
        }
    }

    fn twice(&mut self, item: &Node, first: Option<Span>) {
        let text = item.as_str().unwrap_or("this").to_owned();
        let message = format!("`{text}` is twice in `{}`", self.path);
        self.out
            .error("duplicate-item", item.span, message)
            .here("again here")
            .label(first, "first here")
            .hint("remove one of them");
    }

    /// Reports that a value has the wrong kind; always false.
    pub fn wrong(&mut self, node: &Node, expected: &str) -> bool {
        let path = self.path.clone();
        let message = match node.is_null() {
            true => format!("`{path}` has no value, and must be {expected}"),
            false => format!("`{path}` must be {expected}, not {}", node.kind_name()),
        };
        let diagnostic = self.out.error("wrong-type", node.span, message);
        explain(diagnostic, node, expected, &path);
        false
    }

    /// Reports that text does not mean what it should; always false.
    pub fn bad(&mut self, node: &Node, error: &crate::base::Error) -> bool {
        let message = format!("`{}`: {error}", self.path);
        let diagnostic = self.out.error("bad-value", node.span, message);
        for hint in error.hints() {
            diagnostic.hint(hint);
        }
        false
    }
}

fn explain(diagnostic: &mut Diagnostic, node: &Node, expected: &str, path: &str) {
    let key = path.rsplit('.').next().unwrap_or(path);
    match &node.value {
        Value::Null => {
            diagnostic.hint(format!("give `{key}` a value, or remove it"));
        }
        Value::Scalar(scalar)
            if expected.starts_with("text") && scalar.kind != ScalarKind::Text =>
        {
            diagnostic.hint(format!("put it in quotes: \"{}\"", scalar.text));
        }
        Value::Scalar(scalar) if expected == "a mapping or a list" => {
            let example = match scalar.text.split_once(['=', ':']) {
                Some((name, value)) => format!("`{}: {}`", name.trim(), value.trim()),
                None => "`NAME: value`".to_owned(),
            };
            diagnostic.hint(format!("write lines such as {example} below `{key}:`"));
        }
        Value::Scalar(scalar) if expected.contains("a list") => {
            diagnostic.hint(format!("write a list: [{:?}]", scalar.text));
        }
        Value::Mapping(_) if expected.contains("a list") => {
            diagnostic.hint("start each item with `- `");
        }
        Value::Sequence(_) if expected.contains("a mapping") => {
            diagnostic.hint("write `key: value` lines, without `- `");
        }
        Value::Scalar(scalar) if expected == "a mapping" && scalar.text.contains(':') => {
            diagnostic.hint("a blank must follow the colon: `key: value`");
        }
        Value::Mapping(mapping) if expected.starts_with("text") && mapping.len() == 1 => {
            diagnostic.hint("put the value in quotes if it contains `: `");
        }
        _ => {}
    }
}

/// Makes a single value a list of itself.
pub fn wrap(node: &mut Node) {
    let span = node.span;
    let tag = node.tag.take();
    let alone = std::mem::take(node);
    *node = Node { span, tag, ..Node::sequence(vec![alone]) };
}

/// A tree that stands for what is written at `span`; parts that have a place keep it.
pub fn placed(mut node: Node, span: Option<Span>) -> Node {
    node.span = node.span.or(span);
    match &mut node.value {
        Value::Mapping(mapping) => {
            for entry in mapping.values_mut() {
                let inner = std::mem::take(&mut entry.node);
                *entry = Entry { key: entry.key.or(span), node: placed(inner, span) };
            }
        }
        Value::Sequence(items) => {
            for item in items {
                *item = placed(std::mem::take(item), span);
            }
        }
        _ => {}
    }
    node
}

/// A mapping of these keys and values, written nowhere.
pub fn mapping<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let entry = |(key, node): (&str, Node)| (key.to_owned(), Entry { key: None, node });
    Node::mapping(entries.into_iter().map(entry).collect())
}

/// A boolean that was written nowhere.
pub fn boolean(value: bool) -> Node {
    let scalar = Scalar { text: value.to_string(), kind: ScalarKind::Bool };
    Node { value: Value::Scalar(scalar), ..Node::default() }
}

/// A whole number that was written nowhere.
pub fn number(value: impl std::fmt::Display) -> Node {
    let scalar = Scalar { text: value.to_string(), kind: ScalarKind::Int };
    Node { value: Value::Scalar(scalar), ..Node::default() }
}

/// `^[a-zA-Z0-9._-]+$`.
fn is_name(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !name.is_empty() && name.bytes().all(part)
}
