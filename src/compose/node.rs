//! The tree between text and model: every key and value keeps the place it was written at.
//!
//! Scalars stay text, so that nothing is lost before a pass knows what a value is meant to be:
//! `0444` may become a file mode, a number or the word itself.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::diag::Span;

/// A value and its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Where it was written; `None`: nowhere, it is a default.
    pub span: Option<Span>,
    /// `!reset`, `!override` or none.
    pub tag: Option<Tag>,
    /// What it is.
    pub value: Value,
    /// Earlier values that this one replaced, oldest first.
    pub replaced: Option<Box<Vec<Span>>>,
}

/// Tags that change how files are merged (Spec: 13-merge.md#reset-value).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The value of earlier files is removed.
    Reset,
    /// The value of earlier files is replaced rather than merged.
    Override,
}

/// What a node is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing, or `null`.
    #[default]
    Null,
    /// A single value, as text.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order they were written.
    Mapping(Mapping),
}

/// A single value that is not null.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// Its text, escapes resolved.
    pub text: String,
    /// What YAML makes of it.
    pub kind: ScalarKind,
}

/// What YAML makes of a scalar: quoted ones are text, plain ones may be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    /// Text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number, perhaps hexadecimal or octal.
    Int,
    /// A number with a fraction or exponent.
    Float,
    /// A date, perhaps with a time.
    Date,
}

/// Keys and values, in the order they were written.
pub type Mapping = IndexMap<String, Entry>;

/// The value of a key, and where the key is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Place of the key; `None`: a default.
    pub key: Option<Span>,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// Text that was written nowhere.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Node {
        let scalar = Scalar { text: text.into(), kind: ScalarKind::Text };
        Node { value: Value::Scalar(scalar), ..Node::default() }
    }

    /// The same node at another place.
    #[must_use]
    pub fn at(mut self, span: Option<Span>) -> Node {
        self.span = span;
        self
    }

    /// A mapping that was written nowhere.
    #[must_use]
    pub fn mapping(mapping: Mapping) -> Node {
        Node { value: Value::Mapping(mapping), ..Node::default() }
    }

    /// A list that was written nowhere.
    #[must_use]
    pub fn sequence(items: Vec<Node>) -> Node {
        Node { value: Value::Sequence(items), ..Node::default() }
    }

    /// How many values it has, itself included, long texts counted as several.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.value {
            Value::Null => 1,
            Value::Scalar(scalar) => 1 + scalar.text.len() / 64,
            Value::Sequence(items) => 1 + items.iter().map(Node::count).sum::<usize>(),
            Value::Mapping(mapping) => {
                1 + mapping.values().map(|entry| entry.node.count()).sum::<usize>()
            }
        }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Its text, if it is a scalar of any kind.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Its keys, if it is a mapping.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// Its keys, if it is a mapping.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// Its items, if it is a list.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The value of `key`, if it is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key).map(|entry| &entry.node)
    }

    /// The value of `key`, if it is a mapping that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_mapping_mut()?.get_mut(key).map(|entry| &mut entry.node)
    }

    /// Whether two trees say the same, wherever they say it and in whatever order of keys.
    #[must_use]
    pub fn says_the_same(&self, other: &Node) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Scalar(a), Value::Scalar(b)) => a == b,
            (Value::Sequence(a), Value::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says_the_same(b))
            }
            (Value::Mapping(a), Value::Mapping(b)) => {
                let same = |(key, entry): (&String, &Entry)| {
                    b.get(key).is_some_and(|other| entry.node.says_the_same(&other.node))
                };
                a.len() == b.len() && a.iter().all(same)
            }
            _ => false,
        }
    }

    /// What the value is, for messages: `a list`, `a number`, …
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Scalar(scalar) => match scalar.kind {
                ScalarKind::Text => "text",
                ScalarKind::Bool => "a boolean",
                ScalarKind::Int | ScalarKind::Float => "a number",
                ScalarKind::Date => "a date",
            },
        }
    }
}

/// The merged tree of a project, to ask where things were written.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The tree, in canonical form; shared, since projects are cloned and it never changes.
    pub root: Arc<Node>,
}

/// Two models are equal whatever text they were read from.
impl PartialEq for Document {
    fn eq(&self, _: &Document) -> bool {
        true
    }
}

impl Document {
    /// The node at `path`; list items are named by their index.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&*self.root, |node, key| step(node, key).map(|(node, _)| node))
    }

    /// The place of the value at `path`, or of the nearest value around it that was written.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Option<Span> {
        self.walk(path, |node, key| node.span.or(key))
    }

    /// The place of the last key of `path`, or of the nearest key around it that was written.
    #[must_use]
    pub fn key_place(&self, path: &[&str]) -> Option<Span> {
        self.walk(path, |node, key| key.or(node.span))
    }

    fn walk(
        &self,
        path: &[&str],
        pick: impl Fn(&Node, Option<Span>) -> Option<Span>,
    ) -> Option<Span> {
        let (mut node, mut place) = (&*self.root, None);
        for key in path {
            let Some((next, span)) = step(node, key) else { break };
            place = pick(next, span).or(place);
            node = next;
        }
        place
    }
}

fn step<'a>(node: &'a Node, key: &str) -> Option<(&'a Node, Option<Span>)> {
    match &node.value {
        Value::Mapping(mapping) => mapping.get(key).map(|entry| (&entry.node, entry.key)),
        Value::Sequence(items) => items.get(key.parse::<usize>().ok()?).map(|item| (item, None)),
        _ => None,
    }
}
