//! From the checked tree to typed values: a `Deserializer` over nodes.
//!
//! Shapes were checked before, so what still fails here is what only a type knows, such as a
//! number that is too large for its field. The innermost node of a failure gives it its place.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::diag::{Diagnostics, Span};

use super::model::Project;
use super::node::{Entry, Node, Scalar, ScalarKind, Value};
use super::yaml::{parse_float, parse_int, sprint};

/// The value of type `T` that a canonical tree stands for. `None` after a report.
pub fn bind<T: DeserializeOwned>(node: &Node, path: &str, out: &mut Diagnostics) -> Option<T> {
    match T::deserialize(NodeDeserializer { node }) {
        Ok(value) => Some(value),
        Err(failure) => {
            let message = format!("`{path}`: {}", failure.message);
            out.error("bad-value", failure.span.or(node.span), message);
            None
        }
    }
}

/// A whole project. What cannot be bound is reported and left out.
pub fn project(root: &Node, out: &mut Diagnostics) -> Project {
    let mut project = Project {
        networks: all(root, "networks", out),
        volumes: all(root, "volumes", out),
        secrets: all(root, "secrets", out),
        configs: all(root, "configs", out),
        models: all(root, "models", out),
        services: all(root, "services", out),
        ..Project::default()
    };
    for (name, service) in &mut project.services {
        service.name.clone_from(name);
        service.extra_hosts.sort();
    }
    for (name, entry) in root.as_mapping().into_iter().flatten() {
        if name.starts_with("x-")
            && let Some(value) = bind(&entry.node, name, out)
        {
            project.extensions.insert(name.clone(), value);
        }
    }
    project
}

/// Everything of one kind, by name.
fn all<T: DeserializeOwned + Default>(
    root: &Node,
    kind: &str,
    out: &mut Diagnostics,
) -> BTreeMap<String, T> {
    let entries = root.get(kind).and_then(Node::as_mapping).into_iter().flatten();
    let mut all = BTreeMap::new();
    for (name, entry) in entries {
        let value = match entry.node.is_null() {
            true => Some(T::default()),
            false => bind(&entry.node, &format!("{kind}.{name}"), out),
        };
        all.extend(value.map(|value| (name.clone(), value)));
    }
    all
}

#[derive(Debug)]
struct Failure {
    message: String,
    span: Option<Span>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Failure {
        Failure { message: message.to_string(), span: None }
    }
}

/// Adds the place, unless a node further inside did.
fn placed<T>(result: Result<T, Failure>, span: Option<Span>) -> Result<T, Failure> {
    result.map_err(|failure| Failure { span: failure.span.or(span), ..failure })
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a> {
    node: &'a Node,
}

impl<'a> NodeDeserializer<'a> {
    fn text(self) -> Result<&'a str, Failure> {
        self.node.as_str().ok_or_else(|| {
            let message = format!("text is expected here, not {}", self.node.kind_name());
            Failure { message, span: self.node.span }
        })
    }

    fn parsed<T: std::str::FromStr>(self, what: &str) -> Result<T, Failure> {
        let text = self.text()?;
        text.parse().map_err(|_| {
            let message = format!("`{text}` is not {what}");
            Failure { message, span: self.node.span }
        })
    }
}

macro_rules! parse {
    ($($method:ident $visit:ident $kind:ty, $what:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            visitor.$visit(self.parsed::<$kind>($what)?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Failure;

    parse! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_i8 visit_i8 i8, "a whole number that small";
        deserialize_i16 visit_i16 i16, "a whole number that small";
        deserialize_i32 visit_i32 i32, "a whole number that small";
        deserialize_i64 visit_i64 i64, "a whole number that small";
        deserialize_u8 visit_u8 u8, "a positive whole number that small";
        deserialize_u16 visit_u16 u16, "a positive whole number that small";
        deserialize_u32 visit_u32 u32, "a positive whole number that small";
        deserialize_u64 visit_u64 u64, "a positive whole number that small";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    /// Untyped values are what YAML makes of them.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Sequence(_) => self.deserialize_seq(visitor),
            Value::Mapping(_) => self.deserialize_map(visitor),
            Value::Scalar(scalar) => untyped(scalar, visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        placed(visitor.visit_str(self.text()?), self.node.span)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node.is_null() {
            true => visitor.visit_none(),
            false => placed(visitor.visit_some(self), self.node.span),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let items = self.node.as_sequence().unwrap_or_default();
        placed(visitor.visit_seq(Items { items: items.iter() }), self.node.span)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let entries = self.node.as_mapping().into_iter().flatten().collect::<Vec<_>>();
        let entries = Entries { entries: entries.into_iter(), value: None };
        placed(visitor.visit_map(entries), self.node.span)
    }

    /// A struct collects its keys that start with `x-` under the one key `x-`.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let entries = self.node.as_mapping().into_iter().flatten();
        let (own, known): (Vec<_>, Vec<_>) = entries.partition(|(key, _)| key.starts_with("x-"));
        let fields = Fields {
            entries: known.into_iter(),
            own: (!own.is_empty()).then_some(own),
            value: None,
        };
        placed(visitor.visit_map(fields), self.node.span)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let word = self.text()?.to_owned();
        placed(visitor.visit_enum(word.into_deserializer()), self.node.span)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// What YAML makes of a scalar, as JSON has it.
fn untyped<'de, V: Visitor<'de>>(scalar: &Scalar, visitor: V) -> Result<V::Value, Failure> {
    match scalar.kind {
        ScalarKind::Text => visitor.visit_str(&scalar.text),
        ScalarKind::Date => visitor.visit_string(sprint(scalar)),
        ScalarKind::Bool => visitor.visit_bool(scalar.text.eq_ignore_ascii_case("true")),
        ScalarKind::Int => match parse_int(&scalar.text) {
            Some(number) => match i64::try_from(number) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => visitor.visit_u64(number as u64),
            },
            None => visitor.visit_str(&scalar.text),
        },
        ScalarKind::Float => match parse_float(&scalar.text).filter(|it| it.is_finite()) {
            // JSON has no difference between 3.0 and 3, and Go prints the latter.
            Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                visitor.visit_i64(number as i64)
            }
            Some(number) => visitor.visit_f64(number),
            None => visitor.visit_str(&scalar.text),
        },
    }
}

struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let Some(node) = self.items.next() else { return Ok(None) };
        placed(seed.deserialize(NodeDeserializer { node }), node.span).map(Some)
    }
}

struct Entries<'a> {
    entries: std::vec::IntoIter<(&'a String, &'a Entry)>,
    value: Option<&'a Node>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some((key, entry)) = self.entries.next() else { return Ok(None) };
        self.value = Some(&entry.node);
        let key: StrDeserializer<'_, Failure> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        next_value(self.value.take(), seed)
    }
}

fn next_value<'de, V: DeserializeSeed<'de>>(
    node: Option<&Node>,
    seed: V,
) -> Result<V::Value, Failure> {
    let nothing = Node::default();
    let node = node.unwrap_or(&nothing);
    placed(seed.deserialize(NodeDeserializer { node }), node.span)
}

struct Fields<'a> {
    entries: std::vec::IntoIter<(&'a String, &'a Entry)>,
    /// Keys that start with `x-`, until they were handed out.
    own: Option<Vec<(&'a String, &'a Entry)>>,
    value: Option<FieldValue<'a>>,
}

enum FieldValue<'a> {
    Node(&'a Node),
    Own(Vec<(&'a String, &'a Entry)>),
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        // A field without a value is one that is not there.
        let known = self.entries.find(|(_, entry)| !entry.node.is_null());
        let (name, value) = match (known, self.own.take()) {
            (Some((key, entry)), own) => {
                self.own = own;
                (key.as_str(), FieldValue::Node(&entry.node))
            }
            (None, Some(own)) => ("x-", FieldValue::Own(own)),
            (None, None) => return Ok(None),
        };
        self.value = Some(value);
        let key: StrDeserializer<'_, Failure> = name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        match self.value.take() {
            Some(FieldValue::Own(own)) => seed.deserialize(OwnKeys { own }),
            Some(FieldValue::Node(node)) => next_value(Some(node), seed),
            None => next_value(None, seed),
        }
    }
}

/// The mapping of all keys that start with `x-`.
struct OwnKeys<'a> {
    own: Vec<(&'a String, &'a Entry)>,
}

impl<'de> de::Deserializer<'de> for OwnKeys<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_map(Entries { entries: self.own.into_iter(), value: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}
