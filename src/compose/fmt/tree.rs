//! A YAML text as its writer sees it: values with their styles, comments and blank lines.

use std::ops::Range;

use granit_parser::ScalarStyle;

/// A whole text.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Documents, in order.
    pub documents: Vec<Document>,
    /// Comments after the last one.
    pub below: Vec<Line>,
}

/// One document of a text.
#[derive(Clone, Debug)]
pub struct Document {
    /// Lines that begin with `%`.
    pub directives: Vec<String>,
    /// Comments in front of `---`.
    pub above: Vec<Line>,
    /// It begins with `---`.
    pub marked: bool,
    /// Byte where that is, or the value.
    pub start: usize,
    /// The value.
    pub root: Node,
    /// Comments below the value, where it has no entries that they could be below.
    pub below: Vec<Line>,
}

/// A comment with a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From the `#` on.
    pub text: String,
    /// A blank line is above it.
    pub blank: bool,
}

/// One value, or a key.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Anchor and tag, as written and in that order, such as `&name` and `!reset`.
    pub properties: Vec<String>,
    /// What it is.
    pub content: Content,
    /// Comment behind the key or the dash, where the value begins below.
    pub head: Option<String>,
    /// Comment behind the value.
    pub trailing: Option<String>,
    /// Comments below the last item, or below a key that has no value.
    pub below: Vec<Line>,
    /// Bytes of the text, with the properties. Empty for what an upgrade made.
    pub span: Range<usize>,
    /// Where the content begins, behind the properties.
    pub start: usize,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Content {
    /// `*name`
    Alias(String),
    /// Text, a number, nothing.
    Scalar(Scalar),
    /// Keys and values.
    Mapping(Collection),
    /// Values.
    Sequence(Collection),
}

impl Default for Content {
    fn default() -> Content {
        Content::Scalar(Scalar {
            value: String::new(),
            style: ScalarStyle::Plain,
            raw: String::new(),
        })
    }
}

/// A single value.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// What it means.
    pub value: String,
    /// How it is written.
    pub style: ScalarStyle,
    /// The text itself, with quotes; for block scalars the lines below the header.
    pub raw: String,
}

impl Scalar {
    /// Nothing at all is written.
    pub fn is_absent(&self) -> bool {
        self.style == ScalarStyle::Plain && self.raw.is_empty()
    }

    /// `|` or `>`.
    pub fn is_block(&self) -> bool {
        matches!(self.style, ScalarStyle::Literal | ScalarStyle::Folded)
    }

    /// `'…'` or `"…"`.
    pub fn is_quoted(&self) -> bool {
        matches!(self.style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted)
    }
}

/// A mapping or a sequence.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// With brackets.
    pub flow: bool,
    /// The brackets are on different lines.
    pub wrapped: bool,
    /// Entries or items.
    pub items: Vec<Item>,
    /// Column of the first key or dash.
    pub column: usize,
}

/// An entry of a mapping or an item of a sequence.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Comments above it.
    pub above: Vec<Line>,
    /// A blank line is above it, below its comments.
    pub blank: bool,
    /// In mappings.
    pub key: Option<Node>,
    /// The value.
    pub value: Node,
}

impl Item {
    /// An entry that the text does not have yet.
    pub fn new(key: &str, value: Node) -> Item {
        Item { key: Some(Node::text(key)), value, ..Item::default() }
    }

    /// Where it begins; for an item of a sequence where its value does.
    pub fn start(&self) -> usize {
        self.key.as_ref().unwrap_or(&self.value).span.start
    }

    /// The text of the key; empty for items of a sequence.
    pub fn name(&self) -> &str {
        self.key.as_ref().and_then(Node::as_str).unwrap_or_default()
    }
}

impl Node {
    /// A text that is written with quotes only if it must be.
    pub fn text(value: &str) -> Node {
        let raw = format!("{value:?}");
        let scalar = Scalar { value: value.to_owned(), style: ScalarStyle::DoubleQuoted, raw };
        Node { content: Content::Scalar(scalar), ..Node::default() }
    }

    /// A value that is not text, such as `true`.
    pub fn plain(value: &str) -> Node {
        let (value, raw) = (value.to_owned(), value.to_owned());
        let scalar = Scalar { value, style: ScalarStyle::Plain, raw };
        Node { content: Content::Scalar(scalar), ..Node::default() }
    }

    /// A mapping over several lines.
    pub fn mapping(items: Vec<Item>) -> Node {
        let collection = Collection { items, ..Collection::default() };
        Node { content: Content::Mapping(collection), ..Node::default() }
    }

    /// The text of a scalar.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) => Some(&scalar.value),
            _ => None,
        }
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The items of a mapping or a sequence.
    pub fn collection(&self) -> Option<&Collection> {
        match &self.content {
            Content::Mapping(collection) | Content::Sequence(collection) => Some(collection),
            _ => None,
        }
    }

    /// The same, to change them.
    pub fn collection_mut(&mut self) -> Option<&mut Collection> {
        match &mut self.content {
            Content::Mapping(collection) | Content::Sequence(collection) => Some(collection),
            _ => None,
        }
    }

    /// The collection, if it is laid out by indentation.
    pub fn block(&self) -> Option<&Collection> {
        self.collection().filter(|it| !it.flow && !it.items.is_empty())
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> Option<&[Item]> {
        match &self.content {
            Content::Mapping(collection) => Some(&collection.items),
            _ => None,
        }
    }

    /// The entries of a mapping, to change them.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<Item>> {
        match &mut self.content {
            Content::Mapping(collection) => Some(&mut collection.items),
            _ => None,
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|item| item.name() == key).map(|item| &item.value)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries_mut()?.iter_mut().find(|item| item.name() == key).map(|item| &mut item.value)
    }
}
