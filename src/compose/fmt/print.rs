//! Writes a tree in the one layout.

use granit_parser::ScalarStyle;

use super::scalar::{Place, Quotes, quotes_of_items, write};
use super::tree::{Collection, Content, Document, File, Item, Line, Node, Scalar};

/// Columns from one level to the next.
const STEP: usize = 2;

/// The text of a file.
pub fn print(file: &File) -> String {
    let mut printer = Printer::default();
    for (index, document) in file.documents.iter().enumerate() {
        printer.document(document, index > 0);
    }
    printer.comments(&file.below, 0, false);
    printer.out
}

#[derive(Default)]
struct Printer {
    out: String,
    /// The last value is a block that ends in blank lines of its own: another would be added to it.
    open: bool,
    /// Quotes of the whole document stay, as it is JSON.
    json: bool,
}

/// How entries of a collection are set apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// Where the writer has set them apart.
    AsWritten,
    /// By a blank line around those that take several lines: at the top.
    Sections,
    /// The same, for services.
    Services,
}

impl Printer {
    fn document(&mut self, document: &Document, again: bool) {
        if again && !document.directives.is_empty() {
            self.out.push_str("...\n");
        }
        self.comments(&document.above, 0, false);
        for directive in &document.directives {
            self.out.push_str(directive);
            self.out.push('\n');
        }
        let root = &document.root;
        let marked = document.marked || again;
        self.json = root.collection().is_some_and(|it| it.flow);
        if marked {
            self.out.push_str("---");
        }
        if let Some(collection) = root.block() {
            self.words(&root.properties, marked);
            self.behind(root.head.as_deref());
            if marked || !root.properties.is_empty() || root.head.is_some() {
                self.out.push('\n');
            }
            self.items(collection, 0, Apart::Sections, false);
        } else {
            self.words(&root.properties, marked);
            let text = self.inline(root, 0, Place::Block, Quotes::Kept);
            if !text.is_empty() {
                if marked || !root.properties.is_empty() {
                    self.out.push(if text.contains('\n') { '\n' } else { ' ' });
                }
                self.out.push_str(&text);
            }
            self.behind(root.head.as_deref());
            self.behind(root.trailing.as_deref());
            if marked || !text.is_empty() || !root.properties.is_empty() {
                self.out.push('\n');
            }
        }
        if root.block().is_some() || root.scalar().is_some() {
            self.comments(&root.below, 0, false);
        }
        self.comments(&document.below, 0, false);
    }

    /// Properties, after a blank if something is in front of them.
    fn words(&mut self, words: &[String], spaced: bool) {
        for (index, word) in words.iter().enumerate() {
            if spaced || index > 0 {
                self.out.push(' ');
            }
            self.out.push_str(word);
        }
    }

    fn behind(&mut self, comment: Option<&str>) {
        if let Some(comment) = comment {
            self.out.push(' ');
            self.out.push_str(comment);
        }
    }

    fn blank(&mut self) {
        if !self.open && !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, indent: usize) {
        self.open = false;
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// Comments on lines of their own.
    fn comments(&mut self, lines: &[Line], indent: usize, first: bool) {
        for (index, line) in lines.iter().enumerate() {
            if line.blank && !(first && index == 0) {
                self.blank();
            }
            self.indent(indent);
            self.out.push_str(&line.text);
            self.out.push('\n');
        }
    }

    /// Entries of a block collection, each on its own line. `begun`: the first one's indentation
    /// is there.
    fn items(&mut self, collection: &Collection, indent: usize, apart: Apart, begun: bool) {
        let quotes = quotes_of_items(collection);
        for (index, item) in collection.items.iter().enumerate() {
            let first = index == 0;
            let parted = !first
                && apart != Apart::AsWritten
                && (is_long(&collection.items[index - 1]) || is_long(item));
            if parted {
                self.blank();
            }
            self.comments(&item.above, indent, first);
            let has_room = !item.above.is_empty() || !(parted || first);
            if item.blank && has_room {
                self.blank();
            }
            if !(first && begun) {
                self.indent(indent);
            }
            match &item.key {
                Some(key) => {
                    let name = self.key(key);
                    self.out.push_str(&name);
                    self.out.push(':');
                    let apart = match (apart, key.as_str()) {
                        (Apart::Sections, Some("services")) => Apart::Services,
                        _ => Apart::AsWritten,
                    };
                    self.value(&item.value, indent, Quotes::AsNeeded, apart);
                }
                None => {
                    self.out.push('-');
                    self.element(&item.value, indent, quotes);
                }
            }
        }
    }

    /// A key, without its colon.
    fn key(&self, key: &Node) -> String {
        let mut words = key.properties.clone();
        match &key.content {
            // The colon would be a part of the name.
            Content::Alias(name) => words.push(format!("{name} ")),
            Content::Scalar(scalar) => {
                words.push(write(scalar, Place::Key, self.quotes(Quotes::AsNeeded), 0));
            }
            _ => {}
        }
        words.join(" ")
    }

    fn quotes(&self, quotes: Quotes) -> Quotes {
        if self.json { Quotes::Kept } else { quotes }
    }

    /// An item of a list, behind its dash.
    fn element(&mut self, node: &Node, indent: usize, quotes: Quotes) {
        match node.block() {
            Some(inside) if node.properties.is_empty() && node.head.is_none() => {
                self.out.push(' ');
                self.items(inside, indent + STEP, Apart::AsWritten, true);
                self.comments(&node.below, indent + STEP, false);
            }
            _ => self.value(node, indent, quotes, Apart::AsWritten),
        }
    }

    /// A value behind its key or dash, to the end of the line.
    fn value(&mut self, node: &Node, indent: usize, quotes: Quotes, apart: Apart) {
        self.words(&node.properties, true);
        let inner = indent + STEP;
        match &node.content {
            Content::Mapping(inside) | Content::Sequence(inside) if node.block().is_some() => {
                self.behind(node.head.as_deref());
                self.out.push('\n');
                self.items(inside, inner, apart, false);
                self.comments(&node.below, inner, false);
                return;
            }
            Content::Scalar(scalar) if scalar.is_block() => {
                self.block_scalar(scalar, inner, node.head.as_deref());
                return;
            }
            _ => {}
        }
        let breaks = node.collection().is_some_and(|it| breaks(it, node));
        let text = self.inline(node, if breaks { inner } else { indent }, Place::Block, quotes);
        if breaks {
            self.out.push('\n');
            self.indent(inner);
        } else if !text.is_empty() {
            self.out.push(' ');
        }
        self.out.push_str(&text);
        self.behind(node.trailing.as_deref());
        self.out.push('\n');
        if node.collection().is_none() {
            self.comments(&node.below, inner, true);
        }
    }

    fn block_scalar(&mut self, scalar: &Scalar, indent: usize, head: Option<&str>) {
        let content = scalar.value.trim_end_matches('\n');
        if content.trim().is_empty() {
            self.out.push_str(&format!(" {:?}", scalar.value));
            self.behind(head);
            self.out.push('\n');
            return;
        }
        let folded = match scalar.style {
            ScalarStyle::Folded => folded_lines(scalar),
            _ => None,
        };
        let indented = content.lines().find(|line| !line.is_empty()).unwrap_or_default();
        let ends = scalar.value.len() - content.len();
        self.out.push_str(if folded.is_some() { " >" } else { " |" });
        if folded.is_none() && (indented.starts_with(' ') || content.starts_with(' ')) {
            self.out.push_str(&STEP.to_string());
        }
        self.out.push_str(match ends {
            0 => "-",
            1 => "",
            _ => "+",
        });
        self.behind(head);
        self.out.push('\n');
        let lines = folded.unwrap_or_else(|| content.split('\n').collect());
        for line in lines {
            if !line.is_empty() {
                self.indent(indent);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        for _ in 1..ends {
            self.out.push('\n');
        }
        self.open = ends > 1;
    }

    /// A value that is not laid out by indentation; lines after the first stand at `indent` or
    /// right of it.
    fn inline(&self, node: &Node, indent: usize, place: Place, quotes: Quotes) -> String {
        match &node.content {
            Content::Alias(name) => name.clone(),
            Content::Scalar(scalar) => write(scalar, place, self.quotes(quotes), indent + STEP),
            Content::Mapping(inside) | Content::Sequence(inside) => {
                let brackets = match &node.content {
                    Content::Mapping(_) => ["{", "}"],
                    _ => ["[", "]"],
                };
                let quotes = quotes_of_items(inside);
                match breaks(inside, node) {
                    true => self.wrapped(inside, node, indent, brackets, quotes),
                    false => self.on_one_line(inside, indent, brackets, quotes),
                }
            }
        }
    }

    fn on_one_line(
        &self,
        inside: &Collection,
        indent: usize,
        [open, close]: [&str; 2],
        quotes: Quotes,
    ) -> String {
        let items: Vec<String> =
            inside.items.iter().map(|item| self.flow_item(item, indent, quotes)).collect();
        let room = if open == "{" && !items.is_empty() { " " } else { "" };
        format!("{open}{room}{}{room}{close}", items.join(", "))
    }

    fn wrapped(
        &self,
        inside: &Collection,
        node: &Node,
        indent: usize,
        [open, close]: [&str; 2],
        quotes: Quotes,
    ) -> String {
        let inner = " ".repeat(indent + STEP);
        let mut text = format!("{open}\n");
        for (index, item) in inside.items.iter().enumerate() {
            for line in &item.above {
                text += &format!("{inner}{}\n", line.text);
            }
            let comma = if index + 1 < inside.items.len() { "," } else { "" };
            text += &format!("{inner}{}{comma}", self.flow_item(item, indent + STEP, quotes));
            if let Some(comment) = &item.value.trailing {
                text += &format!(" {comment}");
            }
            text.push('\n');
        }
        for line in &node.below {
            text += &format!("{inner}{}\n", line.text);
        }
        text + &" ".repeat(indent) + close
    }

    fn flow_item(&self, item: &Item, indent: usize, quotes: Quotes) -> String {
        let mut words = Vec::new();
        if let Some(key) = &item.key {
            words.push(format!("{}:", self.key(key)));
        }
        words.extend(item.value.properties.iter().cloned());
        let quotes = if item.key.is_some() { Quotes::AsNeeded } else { quotes };
        words.push(self.inline(&item.value, indent, Place::Flow, quotes));
        words.retain(|word| !word.is_empty());
        words.join(" ")
    }
}

/// Brackets on different lines: as they were written, or since comments are between them.
fn breaks(inside: &Collection, node: &Node) -> bool {
    let is_loud = |item: &Item| {
        let nested = item.value.collection().is_some_and(|it| breaks(it, &item.value));
        !item.above.is_empty() || item.value.trailing.is_some() || nested
    };
    inside.flow
        && (inside.wrapped && !inside.items.is_empty()
            || !node.below.is_empty()
            || inside.items.iter().any(is_loud))
}

/// It takes several lines.
fn is_long(item: &Item) -> bool {
    let value = &item.value;
    value.block().is_some()
        || value.scalar().is_some_and(Scalar::is_block)
        || !value.below.is_empty()
}

/// The lines of a folded scalar without their indentation. `None`: it is better written as a
/// literal one, as its first lines are indented or blank.
fn folded_lines(scalar: &Scalar) -> Option<Vec<&str>> {
    if scalar.value.starts_with([' ', '\n', '\t']) {
        return None;
    }
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let indent = blanks(&scalar.raw);
    let mut lines: Vec<&str> = scalar.raw.split('\n').collect();
    // Blank lines at the end are for the header to tell.
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    Some(lines.into_iter().map(|line| &line[indent.min(blanks(line))..]).collect())
}
