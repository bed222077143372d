//! One layout for compose files: `compose fmt`.
//!
//! [`format`] changes indentation, quotes and blank lines, and nothing else: values, their order,
//! comments, anchors, aliases, merge keys and tags stay. The new text is read again and compared
//! with the old one before anybody gets to see it, so that a mistake in here is an error and never
//! another meaning.
//!
//! Asked to, it also replaces what is obsolete: see [`upgrade`].

mod check;
mod comments;
mod parse;
mod print;
mod scalar;
mod tree;
mod upgrade;

use crate::diag::{Diagnostics, SourceId, Sources, Span};

use super::yaml::{MAX_BYTES, report};
use parse::Trouble;
use tree::File;

pub use upgrade::Change;

pub(super) use scalar::goes_without_quotes;

/// A text in the one layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formatted {
    /// The whole text.
    pub text: String,
    /// What was replaced, in order of the text; empty unless asked for.
    pub changes: Vec<Change>,
}

/// Lays out a compose file; with `upgrade` also replaces what is obsolete in it.
///
/// # Errors
/// The text is not YAML, or has something that no compose file has, such as lists for keys.
pub fn format(name: &str, text: &str, upgrade: bool) -> Result<Formatted, (Diagnostics, Sources)> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let (mut out, mut sources) = (Diagnostics::default(), Sources::default());
    let source = sources.add(name, text.as_str());
    if text.len() > MAX_BYTES {
        let message = format!("`{name}` is too large for a compose file");
        out.error("too-large", None, message).note(format!("the limit is {} MiB", MAX_BYTES >> 20));
        return Err((out, sources));
    }
    let mut file = match read(&text) {
        Ok((file, _)) => file,
        Err(trouble) => {
            say(&trouble, &text, source, &mut out);
            return Err((out, sources));
        }
    };
    let changes = if upgrade { upgrade::upgrade(&mut file, &text) } else { Vec::new() };
    let formatted = print::print(&file);
    let comments = |file: Result<(File, Vec<String>), Trouble>| file.ok();
    let (before, after) = (comments(read(&text)), comments(read(&formatted)));
    let is_right = before
        .zip(after)
        .is_some_and(|((_, old), (new, now))| check::means_the_same(&file, &new) && old == now);
    match is_right {
        true => Ok(Formatted { text: formatted, changes }),
        false => {
            out.error(
                "cannot-format",
                None,
                format!("`{name}` has a layout that cannot be changed"),
            )
            .note("laid out anew it would mean something else, so it stays as it is");
            Err((out, sources))
        }
    }
}

/// A text as a tree, and its comments in the order of letters.
fn read(text: &str) -> Result<(File, Vec<String>), Trouble> {
    let (mut file, found) = parse::parse(text)?;
    let mut texts: Vec<String> = found.iter().map(|it| it.text.clone()).collect();
    texts.sort();
    comments::attach(&mut file, text, found);
    Ok((file, texts))
}

fn say(trouble: &Trouble, text: &str, source: SourceId, out: &mut Diagnostics) {
    // Texts are at most 8 MiB.
    let span = |range: &std::ops::Range<usize>| Span {
        source,
        start: range.start as u32,
        end: range.end as u32,
    };
    match trouble {
        Trouble::Scan(error) => {
            let at = error.marker().byte_offset().unwrap_or(text.len());
            report(text, source, at, error, out);
        }
        Trouble::Key(range) => {
            out.error("key-not-text", span(range), "this cannot be the key of a compose file")
                .hint("a key is one word, as in `key: value`");
        }
        Trouble::Root(range) => {
            out.error("wrong-type", span(range), "a compose file is a mapping")
                .hint("begin with a line `services:`");
        }
    }
}

#[cfg(test)]
mod tests;
