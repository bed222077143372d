//! A mistake in a file that is merged over others also shows what it would have changed.

use crate::diag::{Label, Span};

use super::super::node::{Node, Value};
use super::Loader;

/// Shallower than this, as in `services`, the earlier file's place says nothing.
const MIN_DEPTH: usize = 2;

impl Loader<'_> {
    /// Adds the earlier file's place to each mistake that was found since there were `before`.
    /// `document` is the new file as it was written, `base` are all files before it.
    pub(super) fn show_earlier(&mut self, before: usize, document: &Node, base: &Node) {
        for mistake in self.out.since(before).filter(|it| it.labels.is_empty()) {
            let Some(span) = mistake.span else { continue };
            if let Some((place, what)) = earlier(document, base, span) {
                mistake.label(place, what);
            }
        }
    }

    /// Adds to mistakes in values that replaced others where those were.
    pub(super) fn show_replaced(&mut self, root: &Node) {
        if self.out.is_empty() {
            return;
        }
        let mut replaced = Vec::new();
        collect(root, &mut replaced);
        for mistake in self.out.since(0) {
            let Some(span) = mistake.span else { continue };
            let found = replaced.iter().find(|(value, _)| within(span, *value));
            let Some((_, earlier)) = found else { continue };
            let known = |it: &Label| it.span.source == earlier.source;
            if earlier.source != span.source && !mistake.labels.iter().any(known) {
                mistake.label(*earlier, "the earlier value");
            }
        }
    }
}

/// Follows the keys of `document` to `span`, as far as `base` has them, too.
fn earlier(document: &Node, base: &Node, span: Span) -> Option<(Span, &'static str)> {
    let (mut written, mut known) = (document, base);
    let (mut place, mut depth) = (None, 0);
    while let Some((name, entry)) = written.as_mapping().and_then(|mapping| {
        mapping.iter().find(|(_, entry)| {
            let value = entry.node.span.is_some_and(|it| within(span, it));
            value || entry.key.is_some_and(|it| within(span, it))
        })
    }) {
        let Some(next) = known.as_mapping().and_then(|it| it.get(name)) else { break };
        depth += 1;
        place = match &next.node.value {
            Value::Scalar(_) => next.node.span.map(|span| (span, "the earlier value")),
            Value::Null => None,
            _ => next.key.map(|span| (span, "it would be merged with this")),
        };
        (written, known) = (&entry.node, &next.node);
    }
    place.filter(|_| depth >= MIN_DEPTH)
}

fn within(span: Span, outer: Span) -> bool {
    span.source == outer.source && span.start >= outer.start && span.end <= outer.end
}

/// Every scalar that replaced another, and the last one before it.
fn collect(node: &Node, replaced: &mut Vec<(Span, Span)>) {
    match &node.value {
        Value::Mapping(mapping) => {
            mapping.values().for_each(|entry| collect(&entry.node, replaced));
        }
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, replaced)),
        Value::Null | Value::Scalar(_) => {}
    }
    let earlier = node.replaced.as_deref().and_then(|it| it.last().copied());
    if let (Some(span), Some(earlier)) = (node.span, earlier) {
        replaced.push((span, earlier));
    }
}
