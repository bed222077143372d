//! Texts that were read, and places in them.

use std::sync::Arc;

/// Which text of [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A piece of one text, in bytes. `end` is the first byte that no longer belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte; at least `start`.
    pub end: u32,
}

impl Span {
    /// The piece from the start of this one to the end of `other`, which is in the same text.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { end: other.end.max(self.end), ..self }
    }

    /// The part of this piece from byte `from` to byte `to`, both counted from its start.
    #[must_use]
    pub fn part(self, from: usize, to: usize) -> Span {
        let at = |offset: usize| self.end.min(self.start.saturating_add(offset as u32));
        Span { start: at(from), end: at(to), ..self }
    }
}

/// One text, and the name that users know it by.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path as the user would write it, or `<stdin>`.
    pub name: String,
    /// All of it.
    pub text: Arc<str>,
}

/// All texts that were read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

/// Where a span starts, as editors count: from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Sources {
    /// Adds a text, which keeps its id for good.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        self.list.push(Source { name: name.into(), text: text.into() });
        SourceId(self.list.len() as u32 - 1)
    }

    /// The text with this id, which must come from [`Sources::add`] of this very list.
    #[must_use]
    pub fn get(&self, id: SourceId) -> &Source {
        &self.list[id.0 as usize]
    }

    /// The characters of a span.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source).text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Where a span starts.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        self.place_of(span.source, span.start)
    }

    /// Where a span ends.
    #[must_use]
    pub fn end(&self, span: Span) -> Place {
        self.place_of(span.source, span.end)
    }

    fn place_of(&self, source: SourceId, offset: u32) -> Place {
        let text = &self.get(source).text;
        let before = &text.as_bytes()[..(offset as usize).min(text.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        // Bytes that continue a character do not count.
        let column = before[start..].iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
        Place { line, column }
    }

    /// `compose.yaml:4:18`.
    #[must_use]
    pub fn describe(&self, span: Span) -> String {
        let place = self.place(span);
        format!("{}:{}:{}", self.get(span.source).name, place.line, place.column)
    }
}
