//! Lines of a Dockerfile: directives, continuations, comments, here-documents.
//!
//! Docker: frontend/dockerfile/parser. A comment inside a continued line vanishes, and so does an
//! empty line, with a warning; a line that ends in two escape characters does not continue.

use crate::diag::{Diagnostics, SourceId, Span};

use super::heredoc::{self, Heredoc};
use super::text::Text;

/// Instructions that may have here-documents.
const WITH_HEREDOC: &[&str] = &["ADD", "COPY", "RUN"];

/// One instruction, not yet understood.
#[derive(Clone, Debug)]
pub struct Statement {
    /// In upper case.
    pub keyword: String,
    /// Where the keyword stands.
    pub keyword_span: Span,
    /// From the first to the last letter, here-documents not included.
    pub span: Span,
    /// What follows the keyword.
    pub body: Text,
    /// In the order of their marks.
    pub heredocs: Vec<Heredoc>,
}

/// What comments at the top of the file may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    /// `# syntax=`: the frontend that was asked for. Nothing but this one is ever used.
    pub syntax: Option<String>,
    /// `# escape=`: a backslash or a backtick.
    pub escape: char,
    /// `# check=`: options of the checks.
    pub check: Option<String>,
}

/// Splits a file.
pub fn split(source: SourceId, text: &str, out: &mut Diagnostics) -> (Directives, Vec<Statement>) {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { source, text, at: start };
    let directives = reader.directives(out);
    let mut statements = Vec::new();
    while reader.at < text.len() {
        if let Some(line) = reader.logical(directives.escape, out) {
            statements.push(reader.statement(&line, out));
        }
    }
    (directives, statements)
}

/// Cuts an instruction in two; also used for what follows `ONBUILD`.
#[must_use]
pub fn cut(line: &Text) -> Statement {
    let (keyword, body) = line.split_word();
    Statement {
        keyword: keyword.as_str().to_ascii_uppercase(),
        keyword_span: keyword.whole(),
        span: line.whole(),
        body,
        heredocs: Vec::new(),
    }
}

struct Reader<'a> {
    source: SourceId,
    text: &'a str,
    at: usize,
}

/// A physical line: its text without the line break, and where it starts.
struct Line<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Reader<'a> {
    fn line(&mut self) -> Option<Line<'a>> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let length = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        let line = Line { text: rest[..length].trim_end_matches(['\r', '\n']), start: self.at };
        self.at += length;
        Some(line)
    }

    fn span(&self, line: &Line<'_>) -> Span {
        let start = line.start as u32;
        Span { source: self.source, start, end: start + line.text.len() as u32 }
    }

    /// Reads `# name=value` lines up to the first line that is none.
    fn directives(&mut self, out: &mut Diagnostics) -> Directives {
        let mut found = Directives { syntax: None, escape: '\\', check: None };
        let mut seen: Vec<String> = Vec::new();
        loop {
            let before = self.at;
            let Some(line) = self.line() else { return found };
            let Some((name, value)) = directive(line.text) else {
                self.at = before;
                return found;
            };
            if seen.contains(&name) {
                let message = format!("only one `{name}` parser directive can be used");
                out.error("duplicate-directive", self.span(&line), message);
            }
            match (name.as_str(), value) {
                ("syntax", value) => found.syntax = Some(value.to_owned()),
                ("check", value) => found.check = Some(value.to_owned()),
                ("escape", "\\") => found.escape = '\\',
                ("escape", "`") => found.escape = '`',
                (_, value) => {
                    let message = format!("invalid escape directive `{value}`");
                    let mistake = out.error("bad-escape", self.span(&line), message);
                    mistake.hint("the escape character is \\ or `");
                }
            }
            seen.push(name);
        }
    }

    /// The next line with all its continuations; `None` for comments and empty lines.
    fn logical(&mut self, escape: char, out: &mut Diagnostics) -> Option<Text> {
        let mut line = self.line()?;
        let indent = line.text.len() - line.text.trim_start().len();
        line = Line { text: &line.text[indent..], start: line.start + indent };
        if line.text.is_empty() || line.text.starts_with('#') {
            return None;
        }
        let mut joined = Text::new(self.source);
        let mut empty: Option<Span> = None;
        loop {
            let (piece, goes_on) = continues(line.text, escape);
            joined.push(piece, line.start);
            if !goes_on {
                break;
            }
            let Some(next) = self.continuation(&mut empty) else { break };
            line = next;
        }
        if let Some(span) = empty {
            let mistake = out.warning("NoEmptyContinuation", span, "Empty continuation line");
            mistake.hint("remove it, or make it a comment: it will become an error");
        }
        let joined = joined.trimmed();
        (!joined.as_str().is_empty()).then_some(joined)
    }

    /// The next line that is neither comment nor empty.
    fn continuation(&mut self, empty: &mut Option<Span>) -> Option<Line<'a>> {
        loop {
            let line = self.line()?;
            let text = line.text.trim_start();
            if text.is_empty() {
                empty.get_or_insert(self.span(&line));
            } else if !text.starts_with('#') {
                return Some(line);
            }
        }
    }

    /// Understands the keyword, and takes the here-documents from the lines that follow.
    fn statement(&mut self, line: &Text, out: &mut Diagnostics) -> Statement {
        let mut statement = cut(line);
        let inner = if statement.keyword == "ONBUILD" { cut(&statement.body) } else { cut(line) };
        if WITH_HEREDOC.contains(&inner.keyword.as_str()) {
            for mark in heredoc::marks(&inner.body) {
                let content = self.heredoc(&mark, out);
                statement.heredocs.push(Heredoc { content, ..mark });
            }
        }
        statement
    }

    /// The lines up to the terminator, as they are.
    fn heredoc(&mut self, mark: &Heredoc, out: &mut Diagnostics) -> String {
        let start = self.at;
        while let Some(line) = self.line() {
            let candidate = match mark.chomp {
                true => line.text.trim_start_matches('\t'),
                false => line.text,
            };
            if candidate == mark.name {
                return self.text[start..line.start].to_owned();
            }
        }
        let message = format!("here-document `{}` does not end", mark.name);
        let mistake = out.error("unterminated-heredoc", mark.span, message);
        mistake.hint(format!("a line with nothing but `{}` ends it", mark.name));
        self.text[start..].to_owned()
    }
}

/// `# name=value` with one of the names that mean something.
fn directive(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.trim().strip_prefix('#')?.split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    let known = matches!(name.as_str(), "syntax" | "escape" | "check");
    known.then(|| (name, value.trim()))
}

/// The line without the escape character at its end, and whether there was one.
fn continues(line: &str, escape: char) -> (&str, bool) {
    let trimmed = line.trim_end_matches([' ', '\t']);
    match trimmed.strip_suffix(escape) {
        Some(before) if !before.ends_with(escape) => (before, true),
        _ => (line, false),
    }
}
