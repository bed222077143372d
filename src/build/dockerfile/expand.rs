//! Variables, quotes and escapes in an instruction's words.
//!
//! Docker: frontend/dockerfile/shell, ProcessWord. Pure: variables come from the caller, and
//! errors are sentences without a place, which only the caller knows.

use super::pattern;

/// Where values come from; `None`: the variable is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How deep substitutions may nest in each other's words (as in Compose files).
const MAX_DEPTH: usize = 50;

/// Bytes that values may add to a word: variables that name each other double it with every line.
const MAX_WORD: usize = 1 << 20;

/// The same for a here-document.
const MAX_DOCUMENT: usize = 16 << 20;

const TOO_LARGE: &str = "substitutions make this too large";

/// What expanding a word gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// Variables without a value and without a default, in the order of their use.
    pub unset: Vec<String>,
    /// Byte offsets in `text` of white space that was not quoted.
    breaks: Vec<usize>,
}

impl Expanded {
    /// The text split at white space that was not quoted.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut start = 0;
        for at in self.breaks.iter().copied().chain([self.text.len()]) {
            let word = &self.text[start..at];
            if !word.is_empty() {
                words.push(word.to_owned());
            }
            let width = self.text[at..].chars().next().map_or(0, char::len_utf8);
            start = at + width;
        }
        words
    }
}

/// How quotes and escapes are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Taken away, after they had their effect.
    Word,
    /// Kept with what they escape: the text is a pattern.
    Pattern,
    /// Quotes are letters; an escape works on `$` and itself only: the text is a file.
    Document,
}

/// Expands a word; takes quotes and escapes away.
///
/// # Errors
/// A quote or brace does not end, a modifier is unknown, or `${name:?text}` has no value;
/// substitutions are nested more than 50 deep, or add more than 1 MiB.
pub fn expand(word: &str, escape: char, lookup: Lookup<'_>) -> Result<Expanded, String> {
    Lexer::new(word, escape, lookup, MAX_WORD).all(Mode::Word)
}

/// Expands the content of a here-document; quotes stay.
///
/// # Errors
/// As [`expand`]; values may add 16 MiB.
pub fn document(text: &str, escape: char, lookup: Lookup<'_>) -> Result<String, String> {
    Ok(Lexer::new(text, escape, lookup, MAX_DOCUMENT).all(Mode::Document)?.text)
}

struct Lexer<'a> {
    letters: Vec<char>,
    at: usize,
    escape: char,
    lookup: Lookup<'a>,
    unset: Vec<String>,
    /// Words around the one that is read.
    depth: usize,
    /// Bytes that values may still add.
    room: usize,
}

impl<'a> Lexer<'a> {
    fn new(text: &str, escape: char, lookup: Lookup<'a>, room: usize) -> Lexer<'a> {
        let letters = text.chars().collect();
        Lexer { letters, at: 0, escape, lookup, unset: Vec::new(), depth: 0, room }
    }

    fn all(mut self, mode: Mode) -> Result<Expanded, String> {
        let mut out = Expanded::default();
        self.run(None, mode, &mut out)?;
        out.unset = self.unset;
        Ok(out)
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some());
        letter
    }

    /// The word of a substitution, up to `stop`, which is taken.
    fn inner(&mut self, stop: char, mode: Mode) -> Result<Expanded, String> {
        if self.depth == MAX_DEPTH {
            return Err("substitutions are nested too deeply".to_owned());
        }
        self.depth += 1;
        let mut word = Expanded::default();
        self.run(Some(stop), mode, &mut word)?;
        self.depth -= 1;
        Ok(word)
    }

    /// The value that stands for what is after `$`.
    fn dollar(&mut self) -> Result<String, String> {
        let value = self.substitution()?;
        self.room = self.room.checked_sub(value.len()).ok_or(TOO_LARGE)?;
        Ok(value)
    }

    /// Expands up to `stop`, which is taken, or to the end of the text.
    fn run(&mut self, stop: Option<char>, mode: Mode, out: &mut Expanded) -> Result<(), String> {
        while let Some(letter) = self.next() {
            match letter {
                _ if Some(letter) == stop => return Ok(()),
                '$' => {
                    let value = self.dollar()?;
                    if mode == Mode::Word {
                        let start = out.text.len();
                        let spaces = value.char_indices().filter(|(_, it)| it.is_whitespace());
                        out.breaks.extend(spaces.map(|(at, _)| start + at));
                    }
                    out.text.push_str(&value);
                }
                '\'' if mode != Mode::Document => self.single_quoted(&mut out.text)?,
                '"' if mode != Mode::Document => self.double_quoted(&mut out.text)?,
                _ if letter == self.escape => self.escaped(mode, &mut out.text),
                _ => {
                    if letter.is_whitespace() {
                        out.breaks.push(out.text.len());
                    }
                    out.text.push(letter);
                }
            }
        }
        match stop {
            Some('}') => Err("syntax error: missing `}`".to_owned()),
            Some(stop) => Err(format!("syntax error: missing `{stop}`")),
            None => Ok(()),
        }
    }

    fn escaped(&mut self, mode: Mode, out: &mut String) {
        match (mode, self.peek()) {
            (Mode::Document, Some(next)) if next != '$' && next != self.escape => {
                out.push(self.escape);
            }
            (Mode::Document, None) => out.push(self.escape),
            (Mode::Pattern, next) => {
                out.push('\\');
                out.extend(next);
                self.at += usize::from(next.is_some());
            }
            (_, next) => {
                out.extend(next);
                self.at += usize::from(next.is_some());
            }
        }
    }

    fn single_quoted(&mut self, out: &mut String) -> Result<(), String> {
        loop {
            match self.next() {
                None => return Err("the single quote does not end".to_owned()),
                Some('\'') => return Ok(()),
                Some(letter) => out.push(letter),
            }
        }
    }

    fn double_quoted(&mut self, out: &mut String) -> Result<(), String> {
        loop {
            match self.next() {
                None => return Err("the double quote does not end".to_owned()),
                Some('"') => return Ok(()),
                Some('$') => out.push_str(&self.dollar()?),
                Some(letter) if letter == self.escape => match self.peek() {
                    None => {}
                    Some(next) if next == '"' || next == '$' || next == self.escape => {
                        out.push(next);
                        self.at += 1;
                    }
                    Some(_) => out.push(letter),
                },
                Some(letter) => out.push(letter),
            }
        }
    }

    fn substitution(&mut self) -> Result<String, String> {
        if self.peek() != Some('{') {
            let name = self.name();
            return Ok(match name.is_empty() {
                true => "$".to_owned(),
                false => self.value(&name),
            });
        }
        self.at += 1;
        match self.peek() {
            None => return Err("syntax error: missing `}`".to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            None => Err("syntax error: missing `}`".to_owned()),
            Some('}') => Ok(self.value(&name)),
            Some(':') => match self.next() {
                Some(modifier @ ('-' | '+' | '?')) => self.modified(&name, modifier, true),
                other => Err(unsupported(":", other)),
            },
            Some(modifier @ ('-' | '+' | '?')) => self.modified(&name, modifier, false),
            Some(side @ ('#' | '%')) => self.trimmed(&name, side),
            Some('/') => self.replaced(&name),
            other => Err(unsupported("", other)),
        }
    }

    /// The value; a variable that is not set is noted, and empty.
    fn value(&mut self, name: &str) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            self.unset.push(name.to_owned());
            String::new()
        })
    }

    /// `-`, `+` and `?`, with or without a colon, which makes empty as good as unset.
    fn modified(&mut self, name: &str, modifier: char, colon: bool) -> Result<String, String> {
        let unset_before = self.unset.len();
        let word = self.inner('}', Mode::Word)?;
        let value = (self.lookup)(name).filter(|value| !colon || !value.is_empty());
        let uses_word = value.is_some() == (modifier == '+');
        if !uses_word {
            self.unset.truncate(unset_before);
        }
        match (modifier, value) {
            ('-', value) => Ok(value.unwrap_or(word.text)),
            ('+', value) => Ok(value.map_or_else(String::new, |_| word.text)),
            (_, Some(value)) => Ok(value),
            (_, None) if !word.text.is_empty() => Err(format!("{name}: {}", word.text)),
            (_, None) if colon => Err(format!("{name}: is not allowed to be unset or empty")),
            (_, None) => Err(format!("{name}: is not allowed to be unset")),
        }
    }

    /// `#`, `##`, `%` and `%%`: without the part at the start or end that a pattern matches.
    fn trimmed(&mut self, name: &str, side: char) -> Result<String, String> {
        let longest = self.peek() == Some(side);
        self.at += usize::from(longest);
        let pattern = self.inner('}', Mode::Pattern)?;
        let value = self.value(name);
        let trimmed = match side {
            '#' => pattern::without_prefix(&value, &pattern.text, longest),
            _ => pattern::without_suffix(&value, &pattern.text, longest),
        };
        trimmed.ok_or_else(|| TOO_LARGE.to_owned())
    }

    /// `/pattern/replacement` for the first match, `//pattern/replacement` for all.
    fn replaced(&mut self, name: &str) -> Result<String, String> {
        let all = self.peek() == Some('/');
        self.at += usize::from(all);
        let pattern = self.inner('/', Mode::Pattern)?;
        let replacement = self.inner('}', Mode::Word)?;
        let value = self.value(name);
        let replaced = pattern::replace(&value, &pattern.text, &replacement.text, all, self.room);
        replaced.ok_or_else(|| TOO_LARGE.to_owned())
    }

    /// A name, a number, or one of the shell's special letters; empty: none of these.
    fn name(&mut self) -> String {
        let start = self.at;
        let first = self.peek();
        let fits: fn(char) -> bool = match first {
            Some(digit) if digit.is_ascii_digit() => |letter| letter.is_ascii_digit(),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                self.at += 1;
                return self.letters[start..self.at].iter().collect();
            }
            _ => |letter| letter.is_alphanumeric() || letter == '_',
        };
        while self.peek().is_some_and(fits) {
            self.at += 1;
        }
        self.letters[start..self.at].iter().collect()
    }
}

fn unsupported(before: &str, letter: Option<char>) -> String {
    match letter {
        None => "syntax error: missing `}`".to_owned(),
        Some(letter) => format!("unsupported modifier `{before}{letter}` in substitution"),
    }
}

#[cfg(test)]
mod tests;
