//! Builds trees from the parser's events.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput};
use indexmap::map::Entry as Slot;

use crate::diag::{Diagnostics, SourceId, Span};

use super::super::node::{Entry, Mapping, Node, Scalar, ScalarKind, Tag, Value};
use super::message;
use super::resolve::resolve;

/// Values that aliases may add to a tree. A bomb of nested aliases would add billions.
const MAX_ALIASED: usize = 400_000;

/// One parsed text on its way to trees.
pub struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    source: SourceId,
    text: &'a str,
    out: &'a mut Diagnostics,
    anchors: HashMap<usize, Anchor>,
    aliased: usize,
    /// A mistake after which nothing can be read.
    stopped: bool,
}

/// A named value, and how many values it has in all.
#[derive(Clone)]
struct Anchor {
    node: Rc<Node>,
    size: usize,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, source: SourceId, out: &'a mut Diagnostics) -> Reader<'a> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.flow_nesting_limit = 100;
        options.block_nesting_limit = 100;
        let parser = Parser::new_from_str_with_options(text, options);
        let anchors = HashMap::new();
        Reader { parser, source, text, out, anchors, aliased: 0, stopped: false }
    }

    /// Every document that has content.
    pub fn documents(mut self) -> Vec<Node> {
        let mut documents = Vec::new();
        while let Some((event, span)) = self.next() {
            match event {
                Event::DocumentStart(..) => self.anchors.clear(),
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                event => {
                    let node = self.node(event, span);
                    if !self.stopped && !node.is_null() {
                        documents.push(node);
                    }
                }
            }
        }
        documents
    }

    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        if self.stopped {
            return None;
        }
        match self.parser.next_event()? {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or_default();
                Some((event, self.span(range.start, range.end)))
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(self.text.len());
                message::report(self.text, self.source, at, &error, self.out);
                self.stopped = true;
                None
            }
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        // Texts are at most 8 MiB.
        Span { source: self.source, start: start as u32, end: end.max(start) as u32 }
    }

    /// The node that begins with `event`. The parser bounds how deep this goes.
    fn node(&mut self, event: Event<'a>, span: Span) -> Node {
        let before = self.aliased;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref();
                (self.scalar(&text, style, tag, span), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = merge_tag(tag.as_deref());
                (Node { tag, ..self.sequence(span) }, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = merge_tag(tag.as_deref());
                (Node { tag, ..self.mapping(span) }, anchor)
            }
            Event::Alias(id) => return self.alias(id, span),
            _ => (Node::default(), 0),
        };
        if anchor != 0 && !self.stopped {
            let size = self.aliased - before + node.count();
            self.anchors.insert(anchor, Anchor { node: Rc::new(node.clone()), size });
        }
        node
    }

    fn alias(&mut self, id: usize, span: Span) -> Node {
        // An anchor that is not finished yet is an alias to a value around it.
        let Some(anchor) = self.anchors.get(&id).cloned() else {
            self.out
                .error("recursive-alias", span, "this alias is inside of the value it names")
                .hint("a value cannot contain itself");
            return Node { span: Some(span), ..Node::default() };
        };
        self.aliased = self.aliased.saturating_add(anchor.size);
        if self.aliased > MAX_ALIASED {
            self.out
                .error("alias-bomb", span, "the aliases of this file expand to too many values")
                .here("here the limit is exceeded")
                .note(format!("the limit is {MAX_ALIASED} values"));
            self.stopped = true;
            return Node::default();
        }
        (*anchor.node).clone()
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&granit_parser::Tag>,
        span: Span,
    ) -> Node {
        let kind = match (style, tag.and_then(granit_parser::Tag::core_suffix)) {
            (_, Some("str")) => Some(ScalarKind::Text),
            (ScalarStyle::Plain, None) | (_, Some("null" | "bool" | "int" | "float")) => {
                resolve(text)
            }
            _ => Some(ScalarKind::Text),
        };
        let value = match kind {
            Some(kind) => Value::Scalar(Scalar { text: text.to_owned(), kind }),
            None => Value::Null,
        };
        Node { span: Some(span), tag: merge_tag(tag), value, replaced: None }
    }

    fn sequence(&mut self, start: Span) -> Node {
        let (mut items, mut whole) = (Vec::new(), start);
        while let Some((event, span)) = self.next() {
            if event == Event::SequenceEnd {
                break;
            }
            let item = self.node(event, span);
            whole = whole.to(item.span.unwrap_or(span));
            items.push(item);
        }
        Node { span: Some(whole), ..Node::sequence(items) }
    }

    fn mapping(&mut self, start: Span) -> Node {
        let (mut mapping, mut whole) = (Mapping::new(), start);
        let mut merged: Vec<Node> = Vec::new();
        let mut merge_key: Option<Span> = None;
        while let Some((event, key_span)) = self.next() {
            if event == Event::MappingEnd {
                break;
            }
            let merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.key(event, key_span);
            let Some((event, span)) = self.next() else { break };
            let mut node = self.node(event, span);
            if node.is_null() && span.start == span.end {
                node.span = Some(key_span);
            }
            whole = whole.to(node
                .span
                .filter(|it| it.source == span.source && it.start >= key_span.start)
                .unwrap_or(span));
            let Some(key) = key else { continue };
            if merge {
                if let Some(first) = merge_key.replace(key_span) {
                    self.duplicate("<<", first, key_span)
                        .hint("give one `<<` a list: `<<: [*a, *b]`");
                }
                self.collect_merged(node, span, &mut merged);
                continue;
            }
            match mapping.entry(key) {
                Slot::Vacant(slot) => {
                    slot.insert(Entry { key: Some(key_span), node });
                }
                Slot::Occupied(slot) => {
                    let (key, first) = (slot.key().clone(), slot.get().key.unwrap_or(key_span));
                    self.duplicate(&key, first, key_span);
                }
            }
        }
        // What is written beside `<<` wins, and so does the first of several (YAML: merge keys).
        for node in merged {
            if let Value::Mapping(more) = node.value {
                for (key, entry) in more {
                    mapping.entry(key).or_insert(entry);
                }
            }
        }
        Node { span: Some(whole), ..Node::mapping(mapping) }
    }

    fn duplicate(&mut self, key: &str, first: Span, again: Span) -> &mut crate::diag::Diagnostic {
        self.out
            .error("duplicate-key", again, format!("the key `{key}` is given twice"))
            .here("given again here")
            .label(first, "first given here")
    }

    /// The text of a key; `None` after a mistake.
    fn key(&mut self, event: Event<'a>, span: Span) -> Option<String> {
        let node = self.node(event, span);
        if self.stopped {
            return None;
        }
        match &node.value {
            Value::Scalar(scalar) if scalar.kind == ScalarKind::Text => Some(scalar.text.clone()),
            Value::Scalar(scalar) => {
                let message =
                    format!("keys must be text, and `{}` is {}", scalar.text, node.kind_name());
                self.out
                    .error("key-not-text", span, message)
                    .hint(format!("quote it: `\"{}\":`", scalar.text));
                None
            }
            _ => {
                let message = format!("keys must be text, not {}", node.kind_name());
                let here = self.out.error("key-not-text", span, message);
                if matches!(node.value, Value::Mapping(_)) {
                    here.hint("quote a value that starts with `{`, as in `\"{{ name }}\"`");
                }
                None
            }
        }
    }

    fn collect_merged(&mut self, node: Node, span: Span, merged: &mut Vec<Node>) {
        let items = match node.value {
            Value::Mapping(_) => vec![node],
            Value::Sequence(items) => items,
            _ if self.stopped => return,
            _ => vec![node],
        };
        for item in items {
            match &item.value {
                Value::Mapping(_) => merged.push(item),
                _ if self.stopped => return,
                _ => {
                    let message =
                        format!("`<<` needs a mapping to merge, not {}", item.kind_name());
                    self.out
                        .error("bad-merge", span, message)
                        .hint("write `<<: *name` for an anchored mapping, or `<<: [*a, *b]`");
                }
            }
        }
    }
}

fn merge_tag(tag: Option<&granit_parser::Tag>) -> Option<Tag> {
    match tag?.parts() {
        ("!", "reset") => Some(Tag::Reset),
        ("!", "override") => Some(Tag::Override),
        _ => None,
    }
}
