//! The grammar of compose files as tables: which keys there are, and what their values look like.
//!
//! Three passes walk a tree along these tables: [`canonical`] checks one file and rewrites short
//! forms to long ones, `merge` combines files, and [`complete`] looks at the result for what is
//! missing. A new key is one line here and one field in the model.

mod build;
mod canonical;
mod command;
mod complete;
mod deploy;
mod network;
mod pairs;
mod ports;
mod resource;
mod scalar;
mod service;
mod short;
mod unknown;
mod volumes;
mod walk;

pub use canonical::{Canonical, boolean, mapping};
pub use complete::complete;
pub use service::{LOGGING, PROJECT, SERVICE};
pub use walk::paths;

use crate::base::Error;

use super::node::{Node, Scalar};

/// What a value looks like.
#[derive(Debug)]
pub enum Shape {
    /// Anything; below keys that start with `x-`.
    Any,
    /// Text.
    Text,
    /// Text, or null for none.
    TextOrNull,
    /// Text or a number, which becomes text.
    TextOrNumber,
    /// Text or a boolean, which becomes text.
    TextOrBool,
    /// Text, a number, a boolean or null, which become text; for options of drivers.
    Option,
    /// Text that means something, checked by this function.
    Parsed(fn(&str) -> Result<(), Error>),
    /// Text or a number that means something, checked by this function.
    ParsedNumber(fn(&str) -> Result<(), Error>),
    /// True or false, or the old form with a name.
    External,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// True or false.
    Bool,
    /// A whole number, from and to.
    Int(i64, i64),
    /// A number.
    Number,
    /// A number, or `all`.
    Count,
    /// A size in bytes, as a number or with a unit.
    Size,
    /// A size in bytes, as a whole number or with a unit.
    WholeSize,
    /// A size in bytes, which must be text.
    SizeText,
    /// A duration with units.
    Duration,
    /// File permissions; printed in octal digits or not.
    Mode(Digits),
    /// A program and its arguments, as text or list.
    Command,
    /// The test of a health check.
    HealthTest,
    /// One number, or a soft and a hard one.
    Ulimit,
    /// `name: value` pairs, as mapping or list.
    Pairs(Pairs),
    /// Lines for `/etc/hosts`, as mapping or list.
    Hosts,
    /// A mapping with known keys.
    Fields(&'static Fields),
    /// A mapping with known keys, or null for none of them.
    FieldsOrNull(&'static Fields),
    /// A mapping with known keys, or text that stands for one.
    Short(&'static Fields, fn(&Scalar) -> Node),
    /// A mapping with any keys.
    Map(&'static Map),
    /// A list.
    List(&'static List),
    /// A list of mappings, or of text that stands for them.
    Items(&'static Items),
}

/// How permissions are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// As `0444`.
    Octal,
    /// As a number.
    Decimal,
}

/// What a pair without a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// The value comes from the project's environment.
    Environment,
    /// The value is empty.
    Labels,
    /// It has none, and that is all there is to say.
    Names,
}

/// A mapping with known keys.
#[derive(Debug)]
pub struct Fields {
    /// What it is, as in `a service`.
    pub noun: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Keys that start with `x-` are accepted.
    pub open: bool,
    /// Rewrites old forms that concern several keys. False: the mapping must be taken out.
    pub then: Option<fn(&mut Canonical, &mut Node) -> bool>,
}

/// A known key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// It must be there.
    pub required: bool,
}

/// A mapping with any keys.
#[derive(Debug)]
pub struct Map {
    /// What its values look like.
    pub value: Shape,
    /// What a key is the name of, as in `service`; keys must then look like names.
    pub names: Option<&'static str>,
    /// A list of keys is accepted, each with this value.
    pub listed: Option<fn() -> Node>,
}

/// A list of values of one shape.
#[derive(Debug)]
pub struct List {
    /// What an item looks like.
    pub item: Shape,
    /// What happens to equal items.
    pub unique: Unique,
    /// One item may stand alone, without a list around it.
    pub alone: bool,
}

/// A list of mappings, or of text that stands for them.
#[derive(Debug)]
pub struct Items {
    /// What a mapping looks like.
    pub long: &'static Fields,
    /// What text stands for: one or several mappings; the error says what is wrong with it.
    pub short: fn(&mut Canonical, &Node, &Scalar) -> Result<Vec<Node>, Wrong>,
    /// The list may be a single text.
    pub alone: bool,
    /// What happens to equal items.
    pub unique: Unique,
}

/// Why a short form is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// A sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// The bytes of the text that are wrong; `None`: all.
    pub at: Option<std::ops::Range<usize>>,
}

impl Wrong {
    /// All of it is wrong.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), hint: hint.into(), at: None }
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Wrong {
        Wrong::new(error.to_string(), error.hints().join("; "))
    }
}

/// What happens to items of a list that are equal (Spec: 13-merge.md#unique-resources).
#[derive(Clone, Copy, Debug)]
pub enum Unique {
    /// They stay.
    No,
    /// Only the first is kept.
    Once,
    /// They are a mistake.
    Strict,
    /// Items are equal when this is; the first one's position and the last one's value are kept.
    By(fn(&Node) -> Option<String>),
    /// As `By`, but the values are merged.
    Merged(fn(&Node) -> Option<String>),
}

/// A key that may be there.
const fn key(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: false }
}

/// A key that must be there.
const fn required(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: true }
}

impl Fields {
    /// The key of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// What the value of this key looks like; keys that start with `x-` can be anything.
    #[must_use]
    pub fn shape(&self, name: &str) -> &'static Shape {
        self.key(name).map_or(&Shape::Any, |key| &key.shape)
    }
}

/// A mapping with known keys, `x-` keys allowed.
const fn fields(noun: &'static str, keys: &'static [Key]) -> Fields {
    Fields { noun, keys, open: true, then: None }
}

/// A mapping with known keys only.
const fn closed(noun: &'static str, keys: &'static [Key]) -> Fields {
    Fields { noun, keys, open: false, then: None }
}

/// The check of text that a type of the model parses.
fn parses<T: std::str::FromStr<Err = Error>>(text: &str) -> Result<(), Error> {
    text.parse::<T>().map(|_| ())
}

/// A list of text, where equal items are a mistake.
pub(super) const STRICT: List = List { item: Shape::Text, unique: Unique::Strict, alone: false };
/// A list of text, where equal items are kept once.
pub(super) const ONCE: List = List { item: Shape::Text, unique: Unique::Once, alone: false };
/// A list of text with equal items.
pub(super) const TEXTS: List = List { item: Shape::Text, unique: Unique::No, alone: false };
/// Text, or a list of text where equal items are kept once.
pub(super) const ONE_OR_MORE: List = List { item: Shape::Text, unique: Unique::Once, alone: true };
