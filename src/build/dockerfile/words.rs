//! An instruction's words, before expansion: split at white space outside of quotes, quotes kept.

use std::ops::Range;

use crate::diag::Span;

use super::text::Text;

/// A word as written, with its quotes and variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The letters.
    pub text: String,
    /// Where they stand.
    pub span: Span,
}

impl Word {
    /// The part of the text in `range`.
    #[must_use]
    pub fn of(text: &Text, range: Range<usize>) -> Word {
        Word { span: text.span(&range), text: text.as_str()[range].to_owned() }
    }

    /// All of a text.
    #[must_use]
    pub fn whole(text: &Text) -> Word {
        Word { text: text.as_str().to_owned(), span: text.whole() }
    }
}

/// Splits at white space outside of quotes (Docker: parseWords).
#[must_use]
pub fn split(text: &Text, escape: char) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut letters = text.as_str().char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => {
                words.extend(start.take().map(|start| Word::of(text, start..at)));
                continue;
            }
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (None | Some('"'), letter) if letter == escape => {
                letters.next();
            }
            _ => {}
        }
        start.get_or_insert(at);
    }
    words.extend(start.map(|start| Word::of(text, start..text.as_str().len())));
    words
}

/// Splits at white space, quotes or not (Docker: parseStringsWhitespaceDelimited).
#[must_use]
pub fn split_plain(text: &Text) -> Vec<Word> {
    let whole = text.as_str();
    let start_of = |part: &str| part.as_ptr() as usize - whole.as_ptr() as usize;
    let ranges = whole.split_whitespace().map(|part| start_of(part)..start_of(part) + part.len());
    ranges.map(|range| Word::of(text, range)).collect()
}

/// What a text that starts with `[` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// A list of strings.
    Words(Vec<String>),
    /// A list of something else: an error (Docker).
    NotStrings,
    /// Not JSON: taken for the shell form (Docker).
    No,
}

/// Reads the JSON form.
#[must_use]
pub fn json(text: &str) -> Json {
    if !text.trim_start().starts_with('[') {
        return Json::No;
    }
    match serde_json::from_str::<Vec<serde_json::Value>>(text) {
        Err(_) => Json::No,
        Ok(values) => {
            let strings = values.into_iter().map(|value| match value {
                serde_json::Value::String(text) => Some(text),
                _ => None,
            });
            strings.collect::<Option<Vec<_>>>().map_or(Json::NotStrings, Json::Words)
        }
    }
}

/// One `--name=value` in front of an instruction's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// After `=`, without quotes; `None`: there is no `=`.
    pub value: Option<String>,
    /// All of it.
    pub span: Span,
}

/// Takes the flags off the front; the rest is what follows them (Docker: extractBuilderFlags).
#[must_use]
pub fn flags(text: &Text) -> (Vec<Flag>, Text) {
    let mut found = Vec::new();
    let mut rest = text.trimmed();
    while rest.as_str().starts_with("--") {
        let (word, end) = flag_word(rest.as_str());
        let span = rest.span(&(0..end));
        rest = rest.part(end..rest.as_str().len()).trimmed();
        let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) else { break };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        found.push(Flag { name: name.to_owned(), value, span });
    }
    (found, rest)
}

/// The first word without quotes and escapes, and where it ends.
fn flag_word(text: &str) -> (String, usize) {
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => return (word, at),
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (_, '\\') => word.extend(letters.next().map(|(_, next)| next)),
            (_, letter) => word.push(letter),
        }
    }
    (word, text.len())
}
