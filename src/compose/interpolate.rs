//! Replaces variables in every value of a tree, never in keys (Spec: 12-interpolation.md).

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diag::{Diagnostics, Sources, Span};

use super::environment::Environment;
use super::node::{Node, ScalarKind, Value};
use super::template::{FallbackKind, Lookup, MAX_EXPANDED, Part, Template};

/// Replaces the variables of one file's tree.
pub struct Interpolation<'a> {
    /// Where values come from.
    pub environment: &'a Environment,
    /// To point into a value rather than at all of it.
    pub sources: &'a Sources,
    /// Variables that had no value, and the first place that used each.
    pub unset: &'a mut BTreeMap<String, Span>,
    /// Bytes that values of variables may still add.
    pub budget: &'a mut usize,
    /// Mistakes.
    pub out: &'a mut Diagnostics,
}

impl Interpolation<'_> {
    /// Replaces the variables in `node` and everything below it.
    pub fn tree(&mut self, node: &mut Node) {
        let span = node.span;
        match &mut node.value {
            Value::Null => {}
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.tree(item)),
            Value::Mapping(mapping) => {
                mapping.values_mut().for_each(|entry| self.tree(&mut entry.node));
            }
            Value::Scalar(scalar) if scalar.kind == ScalarKind::Text => {
                if memchr::memchr(b'$', scalar.text.as_bytes()).is_some()
                    && let Some(text) = self.text(&scalar.text, span)
                {
                    scalar.text = text;
                }
            }
            Value::Scalar(_) => {}
        }
    }

    /// The text with its variables replaced; `None` after a mistake in it.
    fn text(&mut self, text: &str, span: Option<Span>) -> Option<String> {
        if *self.budget == 0 {
            return None;
        }
        match Template::parse(text) {
            Ok(template) => {
                Some(template.evaluate(&mut Evaluation { text, span, interpolation: self }))
            }
            Err(mistake) => {
                let at = locate(self.sources, span, text, &mistake.at);
                self.out
                    .error("bad-variable", at, "this is not a valid use of a variable")
                    .here(mistake.message)
                    .hint("write `$$` where a `$` is meant");
                None
            }
        }
    }
}

/// One value while its variables are replaced.
struct Evaluation<'a, 'b> {
    text: &'a str,
    span: Option<Span>,
    interpolation: &'a mut Interpolation<'b>,
}

impl Lookup for Evaluation<'_, '_> {
    fn get(&self, name: &str) -> Option<String> {
        self.interpolation.environment.get(name).map(str::to_owned)
    }

    fn unset(&mut self, name: &str, at: Range<usize>) {
        if let Some(span) = locate(self.interpolation.sources, self.span, self.text, &at) {
            self.interpolation.unset.entry(name.to_owned()).or_insert(span);
        }
    }

    fn missing(&mut self, name: &str, message: &str, at: Range<usize>) {
        let at = locate(self.interpolation.sources, self.span, self.text, &at);
        let environment = self.interpolation.environment;
        let state = match environment.get(name) {
            Some(_) => "is empty",
            None => "is not set",
        };
        let text = match message.is_empty() {
            true => format!("the variable `{name}` is required, and {state}"),
            false => format!("the variable `{name}` is required, and {state}: {message}"),
        };
        self.interpolation
            .out
            .error("required-variable", at, text)
            .suggest(name, environment.names())
            .hint(format!("set it in `.env` or in the environment: {name}=…"));
    }

    fn spend(&mut self, bytes: usize) -> bool {
        let interpolation = &mut *self.interpolation;
        let enough = *interpolation.budget >= bytes;
        match enough {
            true => *interpolation.budget -= bytes,
            false => {
                *interpolation.budget = 0;
                too_much(interpolation.out, self.span);
            }
        }
        enough
    }
}

/// Reports that variables expand to more than can be meant.
pub fn too_much(out: &mut Diagnostics, at: Option<Span>) {
    out.error("too-large", at, "the values of variables add up to too much text")
        .here("here the limit is exceeded")
        .note(format!("the limit is {} MiB for all files", MAX_EXPANDED >> 20));
}

/// The place of some bytes of a value. Where they were written with escapes, they cannot be found,
/// and it is the place of the whole value.
pub fn locate(
    sources: &Sources,
    span: Option<Span>,
    text: &str,
    at: &Range<usize>,
) -> Option<Span> {
    let span = span?;
    let written = sources.slice(span);
    if let Some(start) = written.find(text) {
        return Some(span.part(start + at.start, start + at.end));
    }
    // A text of several lines is indented: the piece is there, as often as before it in the text.
    let piece = text.get(at.clone()).filter(|it| !it.is_empty() && !it.contains('\n'));
    let Some(piece) = piece else { return Some(span) };
    let before = text[..at.start].matches(piece).count();
    match written.match_indices(piece).nth(before) {
        Some((start, _)) => Some(span.part(start, start + piece.len())),
        None => Some(span),
    }
}

/// A variable as `config --variables` lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariableUse {
    /// Somewhere it is required.
    pub required: bool,
    /// The first default.
    pub default: String,
    /// The first replacement.
    pub alternate: String,
}

/// Every variable that values of a tree use.
pub fn variables(node: &Node, found: &mut BTreeMap<String, VariableUse>) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| variables(item, found)),
        Value::Mapping(mapping) => {
            mapping.values().for_each(|entry| variables(&entry.node, found));
        }
        Value::Scalar(scalar) if scalar.kind == ScalarKind::Text => {
            if let Ok(template) = Template::parse(&scalar.text) {
                template.variables(&mut |variable| {
                    let used = found.entry(variable.name.clone()).or_default();
                    let Some(fallback) = &variable.fallback else { return };
                    let text = literal(&fallback.then);
                    match fallback.kind {
                        FallbackKind::Required => used.required = true,
                        FallbackKind::Default if used.default.is_empty() => used.default = text,
                        FallbackKind::Replace if used.alternate.is_empty() => used.alternate = text,
                        _ => {}
                    }
                });
            }
        }
        _ => {}
    }
}

/// A default as it was written, more or less.
fn literal(template: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Variable(variable, _) => format!("${{{}}}", variable.name),
    };
    template.parts.iter().map(part).collect()
}
