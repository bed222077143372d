//! Where comments belong: above an entry, behind a value, or below the last entry.

use std::collections::VecDeque;
use std::ops::Range;

use super::tree::{Collection, Content, File, Item, Line, Node};

/// The lines of a text.
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a str) -> Lines<'a> {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Lines { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// Number of the line a byte is in, from 0.
    pub fn number(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// Where the line of a byte begins.
    pub fn start(&self, byte: usize) -> usize {
        self.starts[self.number(byte)]
    }

    /// Bytes in front of this one in its line.
    pub fn column(&self, byte: usize) -> usize {
        byte - self.start(byte)
    }

    /// The line of a byte.
    pub fn text(&self, byte: usize) -> &'a str {
        self.line(self.number(byte))
    }

    /// Column of the first letter in the line of a byte.
    pub fn indent(&self, byte: usize) -> usize {
        let line = self.text(byte);
        line.len() - line.trim_start().len()
    }

    /// The line above that of a byte has nothing in it.
    pub fn blank_above(&self, byte: usize) -> bool {
        let number = self.number(byte);
        number > 0 && self.line(number - 1).trim().is_empty()
    }

    fn line(&self, number: usize) -> &'a str {
        let end = self.starts.get(number + 1).map_or(self.text.len(), |next| next - 1);
        &self.text[self.starts[number]..end]
    }
}

/// A comment where it was found.
#[derive(Clone, Debug)]
pub struct Comment {
    /// First byte, which is `#`.
    pub start: usize,
    /// From the `#` on, without blanks at the end.
    pub text: String,
    column: usize,
    line: usize,
    /// Nothing but blanks is in front of it.
    alone: bool,
    blank: bool,
}

impl Comment {
    pub fn new(text: &str, start: usize, lines: &Lines) -> Comment {
        let line = lines.text(start);
        let column = lines.column(start);
        Comment {
            start,
            text: text[start..start + line.len() - column].trim_end().to_owned(),
            column,
            line: lines.number(start),
            alone: line[..column].trim().is_empty(),
            blank: lines.blank_above(start),
        }
    }

    fn into_line(self) -> Line {
        Line { text: self.text, blank: self.blank }
    }
}

/// Gives every comment its place in the tree.
pub fn attach(file: &mut File, text: &str, comments: Vec<Comment>) {
    let lines = Lines::new(text);
    let mut attach = Attach { lines: &lines, comments: comments.into() };
    let ends: Vec<usize> = file.documents.iter().skip(1).map(|it| it.start).collect();
    let ends = ends.into_iter().chain([usize::MAX]);
    for (document, end) in file.documents.iter_mut().zip(ends) {
        if document.marked || document.root.block().is_none() {
            document.above = attach.lines_before(document.start);
        }
        attach.take_head(&mut document.root);
        let around = Around { end, next: None, parent: None, flow: false };
        attach.node(&mut document.root, &around);
        let rest = attach.lines_before(end);
        match document.root.block() {
            Some(_) => document.root.below.extend(rest),
            None => document.below = rest,
        }
    }
    file.below = attach.lines_before(usize::MAX);
}

/// What is around a value.
#[derive(Clone, Copy)]
struct Around {
    /// Comments from this byte on belong to something else.
    end: usize,
    /// Column and first byte of what follows; `None`: nothing does.
    next: Option<(usize, usize)>,
    /// Column of the collection it is in; `None`: it is the root.
    parent: Option<usize>,
    /// It is between brackets.
    flow: bool,
}

struct Attach<'a> {
    lines: &'a Lines<'a>,
    comments: VecDeque<Comment>,
}

impl Attach<'_> {
    /// The next comment, if this holds for it.
    fn next_if(&mut self, fits: impl FnOnce(&Comment) -> bool) -> Option<Comment> {
        match self.comments.front().is_some_and(fits) {
            true => self.comments.pop_front(),
            false => None,
        }
    }

    fn lines_before(&mut self, end: usize) -> Vec<Line> {
        let mut found = Vec::new();
        while let Some(comment) = self.next_if(|it| it.start < end) {
            found.push(comment.into_line());
        }
        found
    }

    /// A comment behind `---`.
    fn take_head(&mut self, root: &mut Node) {
        let start = root.start;
        root.head = self.next_if(|it| it.start < start && !it.alone).map(|it| it.text);
    }

    fn node(&mut self, node: &mut Node, around: &Around) {
        let Range { end, .. } = node.span;
        match &mut node.content {
            Content::Mapping(inside) | Content::Sequence(inside) if !inside.flow => {
                let below = self.block(inside, around);
                node.below.extend(below);
                return;
            }
            Content::Mapping(inside) | Content::Sequence(inside) => {
                for item in &mut inside.items {
                    self.item(item, &Around { end, flow: true, ..*around });
                }
                node.below = self.lines_before(end);
            }
            Content::Scalar(scalar) if scalar.is_block() => return,
            _ => {}
        }
        let line = self.lines.number(end);
        let behind =
            |it: &Comment| !it.alone && it.line == line && (end..around.end).contains(&it.start);
        node.trailing = self.next_if(behind).map(|it| it.text);
        if node.scalar().is_some_and(super::tree::Scalar::is_absent) && !around.flow {
            node.below = self.below(around.parent.map_or(0, |column| column + 1), around);
        }
    }

    /// Entries laid out by indentation; returns the comments below the last.
    fn block(&mut self, inside: &mut Collection, around: &Around) -> Vec<Line> {
        let (column, last) = (inside.column, inside.items.len().saturating_sub(1));
        let starts: Vec<usize> = inside.items.iter().map(Item::start).collect();
        for (index, item) in inside.items.iter_mut().enumerate() {
            let next = if index < last { Some((column, starts[index + 1])) } else { around.next };
            self.item(item, &Around { next, parent: Some(column), ..*around });
        }
        // Dashes below a key need not be indented: what is as far left as they are belongs to the
        // key's mapping then.
        let own = column + usize::from(around.parent == Some(column));
        self.below(own, around)
    }

    /// Comments at `column` or right of it, and right of what follows.
    fn below(&mut self, column: usize, around: &Around) -> Vec<Line> {
        let mut found = Vec::new();
        let fits = |it: &Comment| {
            it.alone
                && it.start < around.end
                && it.column >= column
                && around.next.is_none_or(|(column, start)| it.column > column && it.start < start)
        };
        while let Some(comment) = self.next_if(fits) {
            found.push(comment.into_line());
        }
        found
    }

    fn item(&mut self, item: &mut Item, around: &Around) {
        let start = item.start();
        item.blank = self.lines.blank_above(start);
        let is_below = |node: &Node| {
            node.block().is_some() || node.scalar().is_some_and(super::tree::Scalar::is_block)
        };
        while let Some(comment) = self.next_if(|it| it.start < start) {
            let fits = item.key.is_none() && is_below(&item.value) && item.value.head.is_none();
            match fits && !comment.alone {
                true => item.value.head = Some(comment.text),
                false => item.above.push(comment.into_line()),
            }
        }
        // Behind the key or the dash, or between it and the value.
        let value = item.value.start;
        let key = item.key.as_ref().map(|key| self.lines.number(key.span.end));
        while let Some(comment) = self.next_if(|it| it.start < value) {
            let beside = !comment.alone && key == Some(comment.line);
            match is_below(&item.value) && item.value.head.is_none() && beside {
                true => item.value.head = Some(comment.text),
                false if item.value.block().is_some() => {
                    self.comments.push_front(comment);
                    break;
                }
                false => item.above.push(comment.into_line()),
            }
        }
        self.node(&mut item.value, around);
        // Between a dash and a key behind it there is no room.
        if item.key.is_none() && item.value.block().is_some() {
            let first = item.value.collection_mut().and_then(|it| it.items.first_mut());
            item.above.extend(first.map(|it| std::mem::take(&mut it.above)).unwrap_or_default());
        }
    }
}
