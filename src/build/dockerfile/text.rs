//! A logical line: pieces of the file joined to one text that remembers where each came from.

use std::ops::Range;

use crate::diag::{SourceId, Span};

/// Text made of pieces of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    source: SourceId,
    text: String,
    /// Where each piece starts: in `text`, and in the source.
    pieces: Vec<(usize, usize)>,
}

impl Text {
    /// An empty one.
    #[must_use]
    pub fn new(source: SourceId) -> Text {
        Text { source, text: String::new(), pieces: Vec::new() }
    }

    /// Adds a piece that starts at byte `at` of the source.
    pub fn push(&mut self, piece: &str, at: usize) {
        self.pieces.push((self.text.len(), at));
        self.text.push_str(piece);
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where this part of the text stands in the source.
    #[must_use]
    pub fn span(&self, range: &Range<usize>) -> Span {
        let start = self.locate(range.start);
        let end = match range.is_empty() {
            true => start,
            false => self.locate(range.end - 1) + 1,
        };
        Span { source: self.source, start: start as u32, end: end.max(start) as u32 }
    }

    /// Where all of it stands.
    #[must_use]
    pub fn whole(&self) -> Span {
        self.span(&(0..self.text.len()))
    }

    fn locate(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|(start, _)| *start <= offset);
        let (start, at) = self.pieces.get(after.saturating_sub(1)).copied().unwrap_or_default();
        at + (offset - start.min(offset))
    }

    /// A part as a text of its own.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Text {
        let mut part = Text::new(self.source);
        let first = self.pieces.partition_point(|(start, _)| *start <= range.start);
        for (index, (start, at)) in self.pieces.iter().enumerate().skip(first.saturating_sub(1)) {
            let end = self.pieces.get(index + 1).map_or(self.text.len(), |next| next.0);
            let (from, to) = ((*start).max(range.start), end.min(range.end));
            if from < to {
                part.push(&self.text[from..to], at + (from - start));
            }
        }
        if part.pieces.is_empty() {
            part.pieces.push((0, self.locate(range.start)));
        }
        part
    }

    /// Without white space at both ends.
    #[must_use]
    pub fn trimmed(&self) -> Text {
        let start = self.text.len() - self.text.trim_start().len();
        let end = self.text.trim_end().len();
        self.part(start..end.max(start))
    }

    /// The first word, and the rest without the white space around it.
    #[must_use]
    pub fn split_word(&self) -> (Text, Text) {
        let end = self.text.find(char::is_whitespace).unwrap_or(self.text.len());
        (self.part(0..end), self.part(end..self.text.len()).trimmed())
    }
}
