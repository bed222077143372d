//! `.env` files and `env_file`s: names and values (Spec: 05-services.md#env_file-format).

use std::collections::HashMap;

use crate::diag::{Diagnostics, SourceId, Sources, Span};

use super::interpolate::too_much;
use super::template::{Lookup, Template};

/// One variable of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its name.
    pub name: String,
    /// Its value; `None`: only the name stands there, and the value is taken from elsewhere.
    pub value: Option<String>,
    /// Place of the name.
    pub span: Span,
}

/// So many bytes variables may add to a file that is read by itself.
const MOST_ADDED: usize = 16 << 20;

/// Where variables inside of values come from: `(name, its value in this file so far)`.
pub type Known<'a> = &'a dyn Fn(&str, Option<&str>) -> Option<String>;

/// Parses a file in `.env` format: quotes, escapes, comments, several lines, variables. These may
/// add as many bytes as `budget` has left.
#[must_use]
pub fn parse(
    text: &str,
    source: SourceId,
    known: Known,
    budget: &mut usize,
    out: &mut Diagnostics,
) -> Vec<Assignment> {
    let (found, last) = (Vec::new(), HashMap::new());
    let mut parser = Parser { text, source, at: 0, known, budget, out, found, last };
    parser.at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while parser.at < text.len() {
        parser.statement();
    }
    parser.found
}

/// The variables of one file by itself, in `.env` format; `known` has those of outside. One that
/// stands without a value is taken from there, or left out.
///
/// # Errors
/// All mistakes in the file.
pub fn read(
    name: &str,
    text: &str,
    known: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, (Diagnostics, Sources)> {
    let (mut out, mut sources) = (Diagnostics::default(), Sources::default());
    let source = sources.add(name, text);
    let lookup = |name: &str, own: Option<&str>| known(name).or_else(|| own.map(str::to_owned));
    let mut budget = MOST_ADDED;
    let found = parse(text, source, &lookup, &mut budget, &mut out);
    if out.has_errors() {
        return Err((out, sources));
    }
    let value = |it: Assignment| Some((it.value.or_else(|| known(&it.name))?, it.name));
    Ok(found.into_iter().filter_map(value).map(|(value, name)| (name, value)).collect())
}

/// Parses a file of `format: raw`: what follows `=` is the value, whatever it is.
#[must_use]
pub fn parse_raw(text: &str, source: SourceId, out: &mut Diagnostics) -> Vec<Assignment> {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut found, mut start) = (Vec::new(), text.len() - bare.len());
    for line in bare.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        let bare = line.trim_start();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let at = at + line.len() - bare.len();
        let (name, value) = match bare.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (bare, None),
        };
        let span = Span { source, start: at as u32, end: (at + name.len()) as u32 };
        if name.is_empty() || name.contains(char::is_whitespace) {
            out.error("env-file", span, "a variable's name cannot have blanks or be empty");
            continue;
        }
        found.push(Assignment { name: name.to_owned(), value, span });
    }
    found
}

struct Parser<'a> {
    text: &'a str,
    source: SourceId,
    at: usize,
    known: Known<'a>,
    budget: &'a mut usize,
    out: &'a mut Diagnostics,
    found: Vec<Assignment>,
    /// Of each name, the last assignment.
    last: HashMap<String, usize>,
}

impl Parser<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source, start: start as u32, end: end as u32 }
    }

    /// The end of the line that has byte `from`.
    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.text.as_bytes()[from..]).map_or(self.text.len(), |at| from + at)
    }

    /// One name with its value, one comment or one empty line.
    fn statement(&mut self) {
        let end = self.line_end(self.at);
        let line = &self.text[self.at..end];
        let bare = line.trim_start();
        let start = end - bare.len();
        if bare.trim_end().is_empty() || bare.starts_with('#') {
            self.at = end + 1;
            return;
        }
        let exported = bare.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
        let name_at = exported.map_or(start, |rest| end - rest.trim_start().len());
        let rest = &self.text[name_at..end];
        let Some(length) = rest.find(['=', ':']) else {
            let bare = rest.split(" #").next().unwrap_or(rest).trim_end();
            if self.name_is_right(bare, name_at) {
                let span = self.span(name_at, name_at + bare.len());
                self.assign(Assignment { name: bare.to_owned(), value: None, span });
            }
            self.at = end + 1;
            return;
        };
        let name = rest[..length].trim_end();
        if !self.name_is_right(name, name_at) {
            self.at = end + 1;
            return;
        }
        let name = name.to_owned();
        let span = self.span(name_at, name_at + name.len());
        if let Some(value) = self.value(name_at + length + 1, end) {
            self.assign(Assignment { name, value: Some(value), span });
        }
    }

    fn assign(&mut self, assignment: Assignment) {
        self.last.insert(assignment.name.clone(), self.found.len());
        self.found.push(assignment);
    }

    fn name_is_right(&mut self, name: &str, at: usize) -> bool {
        let span = self.span(at, at + name.len());
        if name.is_empty() {
            self.out.error("env-file", self.span(at, at + 1), "a variable's name is missing here");
            return false;
        }
        let right = |letter: char| letter.is_alphanumeric() || "_.-[]".contains(letter);
        let Some(wrong) = name.chars().find(|letter| !right(*letter)) else { return true };
        let diagnostic = match wrong.is_whitespace() {
            true => self.out.error("env-file", span, "a variable's name cannot have blanks"),
            false => {
                let message = format!("a variable's name cannot have the character `{wrong}`");
                self.out.error("env-file", span, message)
            }
        };
        diagnostic.hint("write one variable a line: NAME=value");
        false
    }

    /// The value after the separator, and on to the next statement.
    fn value(&mut self, from: usize, end: usize) -> Option<String> {
        let line = &self.text[from..end];
        let bare = line.trim_start();
        let start = end - bare.len();
        match bare.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(start, quote),
            _ => {
                self.at = end + 1;
                let value = unquoted(bare, start > from);
                Some(self.interpolated(value, start, "put it in single quotes to keep it as it is"))
            }
        }
    }

    fn quoted(&mut self, start: usize, quote: char) -> Option<String> {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while at < bytes.len() && bytes[at] != quote as u8 {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        if at >= bytes.len() {
            let end = self.line_end(start);
            self.out
                .error("env-file", self.span(start, end), "this quote is never closed")
                .hint("close it, or put the whole value in the other kind of quotes");
            self.at = self.text.len();
            return None;
        }
        let inner = &self.text[start + 1..at];
        let end = self.line_end(at);
        let rest = self.text[at + 1..end].trim();
        if !(rest.is_empty() || rest.starts_with('#')) {
            let span = self.span(at + 1, end);
            self.out
                .error("env-file", span, "there is text after the closing quote")
                .hint("put all of the value between the quotes");
        }
        self.at = end + 1;
        if quote == '\'' {
            return Some(inner.replace("\\'", "'"));
        }
        let value = unescape(inner);
        if value.contains('\0') {
            // execve(2): a NUL ends the text of a variable.
            let span = self.span(start, at + 1);
            self.out
                .error("env-file", span, "a variable's value cannot have a NUL byte")
                .hint("write `\\\\0` where a backslash and a zero are meant");
        }
        let hint = "write `\\$` or use single quotes where a `$` is meant";
        Some(self.interpolated(&value, start + 1, hint))
    }

    fn interpolated(&mut self, value: &str, start: usize, hint: &str) -> String {
        if !value.contains('$') {
            return value.to_owned();
        }
        match Template::parse(value) {
            Ok(template) => {
                let mut unset = Vec::new();
                let mut lookup = FileLookup {
                    known: self.known,
                    found: &self.found,
                    last: &self.last,
                    budget: self.budget,
                    exceeded: false,
                    unset: &mut unset,
                };
                let value = template.evaluate(&mut lookup);
                if lookup.exceeded {
                    let place = self.span(start, start + 1);
                    too_much(self.out, Some(place));
                    self.at = self.text.len();
                }
                for (name, required) in unset {
                    let end = self.line_end(start);
                    let span = self.span(start, start + self.text[start..end].trim_end().len());
                    let message =
                        format!("the variable `{name}` is not set, so nothing is put in its place");
                    match required {
                        Some(message) => {
                            let message = format!("the variable `{name}` is required: {message}");
                            self.out.error("required-variable", span, message);
                        }
                        None => {
                            self.out.warning("unset-variable", span, message).hint(hint);
                        }
                    }
                }
                value
            }
            Err(mistake) => {
                let span = self.span(start, self.line_end(start));
                self.out
                    .error("bad-variable", span, "this is not a valid use of a variable")
                    .here(mistake.message)
                    .hint(hint);
                value.to_owned()
            }
        }
    }
}

/// The value before a comment: ` #` starts one, and so does `#` right after the separator's blank.
fn unquoted(bare: &str, blank_before: bool) -> &str {
    if blank_before && bare.starts_with('#') {
        return "";
    }
    let comment = bare
        .char_indices()
        .zip(bare.chars().skip(1))
        .find(|((_, before), letter)| *letter == '#' && before.is_whitespace());
    match comment {
        Some(((at, _), _)) => bare[..at].trim_end(),
        None => bare.trim_end(),
    }
}

/// Replaces the escapes that double quotes know; others stay as they are. An escaped `$` becomes
/// `$$`, which templates write for a `$` that begins no variable (Docker: the same).
fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('v') => out.push('\u{b}'),
            Some('$') => out.push_str("$$"),
            Some(same @ ('\\' | '"')) => out.push(same),
            Some('0') => {
                let mut code = 0;
                for _ in 0..3 {
                    let Some(digit) = letters.peek().and_then(|it| it.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    letters.next();
                }
                out.extend(char::from_u32(code));
            }
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

struct FileLookup<'a> {
    known: Known<'a>,
    found: &'a [Assignment],
    last: &'a HashMap<String, usize>,
    budget: &'a mut usize,
    /// There was too much to put in.
    exceeded: bool,
    /// Names, with a message where the variable is required.
    unset: &'a mut Vec<(String, Option<String>)>,
}

impl Lookup for FileLookup<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let own = self.last.get(name).and_then(|at| self.found[*at].value.as_deref());
        (self.known)(name, own)
    }

    fn spend(&mut self, bytes: usize) -> bool {
        self.exceeded |= *self.budget < bytes;
        *self.budget = self.budget.saturating_sub(bytes);
        !self.exceeded
    }

    fn unset(&mut self, name: &str, _: std::ops::Range<usize>) {
        self.unset.push((name.to_owned(), None));
    }

    fn missing(&mut self, name: &str, message: &str, _: std::ops::Range<usize>) {
        self.unset.push((name.to_owned(), Some(message.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    fn read(text: &str) -> (Vec<(String, Option<String>)>, usize) {
        let (mut sources, mut out) = (Sources::default(), Diagnostics::default());
        let source = sources.add(".env", text);
        let known = |name: &str, own: Option<&str>| {
            own.map(str::to_owned).or_else(|| (name == "OS").then(|| "os".to_owned()))
        };
        let found = parse(text, source, &known, &mut 1000, &mut out);
        (found.into_iter().map(|it| (it.name, it.value)).collect(), out.len())
    }

    #[test]
    fn values_are_read_as_docker_reads_them() {
        for (text, value) in [
            ("A=b", "b"),
            ("A: b", "b"),
            ("export A = b ", "b"),
            ("A=b # c", "b"),
            ("A=b#c", "b#c"),
            ("A= # c", ""),
            ("A='b # $OS' # c", "b # $OS"),
            ("A='it\\'s'", "it's"),
            ("A=\"b\\tc\\$OS $OS\\x\"", "b\tc$OS os\\x"),
            ("A=\"pa\\$word\"", "pa$word"),
            ("A=\"a\\$$OS \\$\\$ \\${OS}\"", "a$os $$ ${OS}"),
            ("A=\"b\nc\"", "b\nc"),
            ("A=x$OS", "xos"),
            ("A=x$$OS", "x$OS"),
            ("A=b\\nc", "b\\nc"),
            ("A=${NO:-d}", "d"),
            ("\u{feff}A=b\r\n", "b"),
            ("A=a=b", "a=b"),
        ] {
            assert_eq!(read(text), (vec![("A".into(), Some(value.into()))], 0), "{text}");
        }
    }

    #[test]
    fn names_alone_and_comments_are_no_values() {
        let (found, mistakes) = read("# x\n\nA\nB=$A\nC=1\nD=$C");
        assert_eq!(found[0], ("A".to_owned(), None));
        assert_eq!(found[3], ("D".to_owned(), Some("1".to_owned())));
        assert_eq!(mistakes, 1, "A has no value");
    }

    #[test]
    fn mistakes_are_found() {
        for text in
            ["A B=c", "A%=1", "A=\"b\\0c\"", "A=\"b", "A=\"b\"c", "=x", "A=${x", "A=$nothing"]
        {
            assert_eq!(read(text).1, 1, "{text}");
        }
    }

    #[test]
    fn variables_that_double_each_other_come_to_an_end() {
        let lines = (1..40).map(|it| format!("A{it}=$A{0}$A{0}\n", it - 1));
        let (found, mistakes) = read(&format!("A0=xxxxxxxx\n{}", lines.collect::<String>()));
        assert_eq!((found.len() < 10, mistakes), (true, 1));
    }

    #[test]
    fn raw_values_stay_as_they_are() {
        let (mut sources, mut out) = (Sources::default(), Diagnostics::default());
        let text = "A=\"b\" # $c\n#x\nB\n";
        let source = sources.add("x.env", text);
        let found = parse_raw(text, source, &mut out);
        assert_eq!(found[0].value.as_deref(), Some("\"b\" # $c"));
        assert_eq!((found[1].name.as_str(), found[1].value.as_deref()), ("B", None));
    }
}
