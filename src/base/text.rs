//! Text from others on its way to a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` without power over the terminal it is shown on: control characters as `cat -v` writes
/// them, but for the ends of lines. Names, labels, messages and arguments come from images,
/// registries and containers, who could clear the screen, retitle the window or type.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    visible(text, |letter| letter == '\n')
}

/// As [`harmless`], for what stands in one line with others: ends of lines and tabs are spaces.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        false => Cow::Borrowed(text),
        true => {
            let spaced = text.replace(['\n', '\t', '\r'], " ");
            Cow::Owned(visible(&spaced, |_| false).into_owned())
        }
    }
}

/// As [`harmless`], for text in columns: tabs stay, too.
#[must_use]
pub fn harmless_columns(text: &str) -> Cow<'_, str> {
    visible(text, |letter| letter == '\n' || letter == '\t')
}

/// Whether `text` can be one word of a file of lines and words, such as `/etc/hosts`: it is not
/// empty, and has no blank, end of line or other control character.
#[must_use]
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

fn visible(text: &str, is_fine: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(|letter: char| letter.is_control() && !is_fine(letter)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if !letter.is_control() || is_fine(letter) => shown.push(letter),
            '\t' => shown.push(' '),
            '\x7f' => shown.push_str("^?"),
            '\0'..='\x1f' => {
                shown.push('^');
                shown.push(char::from(letter as u8 + b'@'));
            }
            // Writing to a string does not fail.
            other => drop(write!(shown, "<{:02x}>", u32::from(other))),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// words-with-lines.
    #[test]
    fn a_word_brings_no_line_of_its_own() {
        for text in ["", "a b", "a\nnameserver 6.6.6.6", "a\tb", "a\u{2028}b", "\x1b[2J"] {
            assert!(!is_word(text), "{text:?}");
        }
        assert!(["web", "host.example", "ndots:1", "::1"].into_iter().all(is_word));
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(
            harmless("\x1b]0;title\x07 a\tb\r\nc\x7f\u{9b}2J"),
            "^[]0;title^G a b^M\nc^?<9b>2J"
        );
        assert_eq!(one_line("a\nb\t\x1b[2Jc"), "a b ^[[2Jc");
        for plain in ["", "Ümläute, 日本 and 🐳", "two\nlines"] {
            assert!(matches!(harmless(plain), Cow::Borrowed(same) if same == plain));
        }
    }
}
