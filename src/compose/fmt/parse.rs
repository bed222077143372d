//! From a text to the tree of its values, comments apart.

use std::collections::VecDeque;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, StructureStyle};

use super::comments::{Comment, Lines};
use super::tree::{Collection, Content, Document, File, Item, Node, Scalar};

/// Collections may be so deep in each other, as when a project is loaded.
const MAX_DEPTH: usize = 100;

/// Why a text has no tree.
pub enum Trouble {
    /// It is not YAML.
    Scan(Box<ScanError>),
    /// A key is more than a word on one line.
    Key(Range<usize>),
    /// A document is neither a mapping nor a sequence.
    Root(Range<usize>),
}

/// The tree of a text, and its comments in order.
pub fn parse(text: &str) -> Result<(File, Vec<Comment>), Trouble> {
    let mut options = Options::default();
    options.emit_anchor_events = true;
    options.max_buffered_comment_events = usize::MAX;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let lines = Lines::new(text);
    let (mut events, mut comments) = (VecDeque::new(), Vec::new());
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| Trouble::Scan(Box::new(error)))?;
        let bytes = span.byte_range().unwrap_or_default();
        match event {
            Event::Comment(..) => comments.push(Comment::new(text, bytes.start, &lines)),
            event => {
                let tag = span.tag_span().and_then(|tag| tag.byte_range());
                events.push_back(Step { event, bytes, tag });
            }
        }
    }
    comments.sort_by_key(|it| it.start);
    let file = Tree { text, lines: &lines, events }.file()?;
    Ok((file, comments))
}

/// One event, and where it is.
struct Step<'a> {
    event: Event<'a>,
    bytes: Range<usize>,
    tag: Option<Range<usize>>,
}

struct Tree<'a> {
    text: &'a str,
    lines: &'a Lines<'a>,
    events: VecDeque<Step<'a>>,
}

impl<'a> Tree<'a> {
    fn file(mut self) -> Result<File, Trouble> {
        let (mut documents, mut end) = (Vec::new(), 0);
        while let Some(step) = self.events.pop_front() {
            match step.event {
                Event::DocumentStart(marked, _) => {
                    let above = self.text.get(end..step.bytes.start).unwrap_or_default();
                    let directives = above.lines().filter(|line| line.starts_with('%'));
                    let directives = directives.map(|line| line.trim_end().to_owned()).collect();
                    let Some(first) = self.events.pop_front() else { break };
                    let root = self.node(first)?;
                    let is_fit = root.collection().is_some()
                        || root.scalar().is_some_and(|it| it.is_absent() || it.raw == "null");
                    if !is_fit {
                        return Err(Trouble::Root(root.span));
                    }
                    let start = if marked { step.bytes.start } else { root.span.start };
                    let (above, below) = (Vec::new(), Vec::new());
                    documents.push(Document { directives, above, marked, start, root, below });
                }
                Event::DocumentEnd => end = step.bytes.end,
                _ => {}
            }
        }
        Ok(File { documents, below: Vec::new() })
    }

    /// The node that begins with this event.
    fn node(&mut self, step: Step<'a>) -> Result<Node, Trouble> {
        let mut properties: Vec<Range<usize>> = step.tag.into_iter().collect();
        if matches!(self.events.front(), Some(Step { event: Event::Anchor(..), .. })) {
            properties.extend(self.events.pop_front().map(|anchor| anchor.bytes));
        }
        properties.sort_by_key(|it| it.start);
        let start = step.bytes.start;
        let first = properties.first().map_or(start, |it| it.start.min(start));
        let words = properties.iter().map(|it| self.text[it.clone()].to_owned()).collect();
        let (content, end) = match step.event {
            Event::Scalar(value, style, ..) => {
                let scalar = self.scalar(value.into_owned(), style, &step.bytes);
                (Content::Scalar(scalar), step.bytes.end)
            }
            Event::SequenceStart(style, ..) => {
                let (items, end) = self.sequence(step.bytes.end)?;
                (Content::Sequence(self.collection(style, items, start, end, true)), end)
            }
            Event::MappingStart(style, ..) => {
                let (items, end) = self.mapping(step.bytes.end)?;
                (Content::Mapping(self.collection(style, items, start, end, false)), end)
            }
            _ => (Content::Alias(self.text[step.bytes.clone()].to_owned()), step.bytes.end),
        };
        let span = first..end.max(start);
        Ok(Node { properties: words, content, span, start, ..Node::default() })
    }

    fn scalar(&self, value: String, style: ScalarStyle, bytes: &Range<usize>) -> Scalar {
        let from = match style {
            // With the indentation of the first line.
            ScalarStyle::Literal | ScalarStyle::Folded => self.lines.start(bytes.start),
            _ => bytes.start,
        };
        let raw = self.text.get(from..bytes.end).unwrap_or_default().to_owned();
        Scalar { value, style, raw }
    }

    fn collection(
        &self,
        style: StructureStyle,
        items: Vec<Item>,
        start: usize,
        end: usize,
        dashes: bool,
    ) -> Collection {
        let flow = style == StructureStyle::Flow;
        let first = items.first().map_or(start, Item::start);
        let column = match dashes {
            // Events do not say where the dash is.
            true if self.lines.text(first).trim_start().starts_with('-') => {
                self.lines.indent(first)
            }
            _ => self.lines.column(first),
        };
        let wrapped = flow && self.lines.number(start) != self.lines.number(end);
        Collection { flow, wrapped, items, column }
    }

    /// Items up to the end of a sequence, and the byte where it ends.
    fn sequence(&mut self, mut end: usize) -> Result<(Vec<Item>, usize), Trouble> {
        let mut items = Vec::new();
        while let Some(step) = self.events.pop_front() {
            if step.event == Event::SequenceEnd {
                end = end.max(step.bytes.end);
                break;
            }
            items.push(Item { value: self.node(step)?, ..Item::default() });
        }
        Ok((items, end))
    }

    /// Entries up to the end of a mapping, and the byte where it ends.
    fn mapping(&mut self, mut end: usize) -> Result<(Vec<Item>, usize), Trouble> {
        let mut items = Vec::new();
        while let Some(step) = self.events.pop_front() {
            if step.event == Event::MappingEnd {
                end = end.max(step.bytes.end);
                break;
            }
            let key = self.node(step)?;
            let is_word = match &key.content {
                Content::Alias(_) => true,
                Content::Scalar(scalar) => {
                    !scalar.is_absent() && !scalar.is_block() && !scalar.raw.contains('\n')
                }
                _ => false,
            };
            if !is_word {
                return Err(Trouble::Key(key.span));
            }
            let Some(step) = self.events.pop_front() else { break };
            let value = self.node(step)?;
            items.push(Item { key: Some(key), value, ..Item::default() });
        }
        Ok((items, end))
    }
}
