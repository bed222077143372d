//! How a single value is written: with quotes only where something would read it as another.

use granit_parser::ScalarStyle;

use super::super::node::ScalarKind;
use super::super::yaml::resolve;
use super::tree::{Collection, Node, Scalar};

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind a key or a dash.
    Block,
    /// Between brackets.
    Flow,
    /// In front of a colon.
    Key,
}

/// How quotes are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// They go where they change nothing.
    AsNeeded,
    /// They stay.
    Kept,
}

/// The text of a scalar that is not a block; lines after the first begin at `indent`.
pub fn write(scalar: &Scalar, place: Place, quotes: Quotes, indent: usize) -> String {
    if scalar.raw.contains('\n') {
        return fold(&scalar.raw, indent);
    }
    if !scalar.is_quoted() {
        // At the left edge it would begin or end a document.
        let is_marker = scalar.raw.starts_with("---") || scalar.raw.starts_with("...");
        return match place == Place::Key && is_marker {
            true => format!("{:?}", scalar.value),
            false => scalar.raw.clone(),
        };
    }
    match quotes {
        Quotes::AsNeeded if goes_without(&scalar.value, place) => scalar.value.clone(),
        _ if scalar.style == ScalarStyle::SingleQuoted && is_simple(&scalar.value) => {
            format!("\"{}\"", scalar.value)
        }
        _ => scalar.raw.clone(),
    }
}

/// Items of one list are alike: if one needs its quotes, the others keep theirs.
pub fn quotes_of_items(list: &Collection) -> Quotes {
    let place = if list.flow { Place::Flow } else { Place::Block };
    let needed = |node: &Node| {
        node.scalar().is_some_and(|it| {
            it.is_quoted() && (it.raw.contains('\n') || !goes_without(&it.value, place))
        })
    };
    match list.items.iter().any(|item| needed(&item.value)) {
        true => Quotes::Kept,
        false => Quotes::AsNeeded,
    }
}

/// Whether a text is the same without quotes, as a value or as a key in a block.
pub fn goes_without_quotes(text: &str, key: bool) -> bool {
    goes_without(text, if key { Place::Key } else { Place::Block })
}

/// Double quotes need no escapes around it.
fn is_simple(value: &str) -> bool {
    !value.contains(['"', '\\']) && !value.chars().any(char::is_control)
}

/// A value that takes several lines: blanks at their ends mean nothing.
fn fold(raw: &str, indent: usize) -> String {
    let mut lines = raw.split('\n').peekable();
    let mut text = lines.next().unwrap_or_default().trim_end().to_owned();
    while let Some(line) = lines.next() {
        let line = line.trim_start_matches([' ', '\t', '\r']);
        let line = match lines.peek() {
            // The escaped blank in front of a line break is one.
            Some(_) if !line.trim_end().ends_with('\\') => line.trim_end(),
            _ => line,
        };
        text.push('\n');
        if !line.is_empty() {
            text.push_str(&" ".repeat(indent));
            text.push_str(line);
        }
    }
    text
}

/// Whether it is the same text without quotes, for readers of YAML 1.2 and of YAML 1.1.
fn goes_without(value: &str, place: Place) -> bool {
    let inside = |forbidden: &[char]| value.contains(forbidden);
    let outside = value.starts_with(|letter: char| {
        letter.is_whitespace() || "-?:,[]{}#&*!|>'\"%@`=<~".contains(letter)
    });
    let is_split = value.contains(": ") || value.contains(" #") || value.contains("\t#");
    let fits = match place {
        Place::Block => true,
        Place::Flow => !inside(&[',', '[', ']', '{', '}', ':', '?', '#']),
        Place::Key => !inside(&[':', '#']),
    };
    let ends_well = !value.ends_with(|letter: char| letter.is_whitespace() || letter == ':');
    let is_printable = |letter: char| {
        !letter.is_control() && !matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
    };
    !value.is_empty()
        && !outside
        && !is_split
        && fits
        && ends_well
        && value.chars().all(is_printable)
        && value != "..."
        && resolve(value) == Some(ScalarKind::Text)
        && !is_something_else_in_old_yaml(value)
}

/// YAML 1.1, which many tools still read, has more words for booleans and more numbers: `22:22`
/// is 1342 there.
fn is_something_else_in_old_yaml(value: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let begins =
        value.starts_with(|letter: char| letter.is_ascii_digit() || "+-.".contains(letter));
    let number = |letter: char| letter.is_ascii_hexdigit() || "xXoO_.:+-,".contains(letter);
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
        || (begins && value.chars().all(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_stay_where_they_mean_something() {
        for kept in [
            "",
            "yes",
            "No",
            "1.10",
            "0444",
            "true",
            "null",
            "~",
            "22:22",
            "8080:80",
            "127.0.0.1",
            "a: b",
            "a #b",
            "a:",
            " a",
            "a ",
            "- a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "{a",
            "[a",
            "|",
            "> a",
            "2024-01-01",
            "1e3",
            "0x1f",
            "=",
            "<<",
            "a\tb\n",
            "...",
            "---",
        ] {
            assert!(!goes_without(kept, Place::Block), "{kept:?}");
        }
        for plain in
            ["nginx:1.27", "./data:/data", "8080:80/tcp", "FOO=bar", "a#b", "ä", "a b", "10s"]
        {
            assert!(goes_without(plain, Place::Block), "{plain:?}");
        }
        assert!(!goes_without("a,b", Place::Flow) && goes_without("a,b", Place::Block));
        assert!(!goes_without("a:b", Place::Key) && goes_without("a.b/c", Place::Key));
    }
}
