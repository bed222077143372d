//! What to say about text that is not YAML: the parser knows where it stopped, this knows why.

use granit_parser::{ErrorKind, ScanError};

use crate::diag::{Diagnostics, SourceId, Span};

/// What went wrong, where it began, and what to do.
struct Explanation {
    message: &'static str,
    hint: Option<&'static str>,
    /// Where it began, if that is not where the parser stopped.
    cause: Option<(usize, &'static str)>,
}

/// Reports that the text stops making sense at byte `at`.
pub fn report(text: &str, source: SourceId, at: usize, error: &ScanError, out: &mut Diagnostics) {
    let at = at.min(text.len());
    let span =
        |at: usize| Span { source, start: at as u32, end: end_of_character(text, at) as u32 };
    let explanation = explain(text, at, error.kind());
    // Where the cause is known, the place where the parser noticed is of no interest.
    let place = explanation.cause.map_or(at, |(cause, _)| cause);
    let diagnostic = out.error("yaml", span(place), explanation.message);
    if let Some((_, here)) = explanation.cause {
        diagnostic.here(here);
    }
    match explanation.hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic.note(format!("the parser says: {}", error.info())),
    };
}

fn explain(text: &str, at: usize, kind: &ErrorKind) -> Explanation {
    let line = line_at(text, at);
    let indent: &str = &line[..line.len() - line.trim_start().len()];
    let plain = |message, hint| Explanation { message, hint: Some(hint), cause: None };
    if indent.contains('\t') {
        return plain(
            "indentation must be made of spaces, not of tabs",
            "replace the tabs at the start of the line by spaces",
        );
    }
    match kind {
        ErrorKind::RecursionLimitExceeded => plain(
            "values are nested too deeply",
            "the limit is 100 levels; nothing in a compose file is that deep",
        ),
        ErrorKind::UnknownAnchor => plain(
            "this alias names nothing",
            "an anchor `&name` must come before `*name`, in the same file",
        ),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => Explanation {
            message: "a quote is opened and never closed",
            hint: Some("close it at the end of the value"),
            cause: opening_quote(text, at).map(|quote| (quote, "opened here")),
        },
        ErrorKind::MismatchedFlowCollectionEnd { .. } | ErrorKind::MisplacedFlowCollectionEnd => {
            plain("this bracket closes nothing", "remove it, or open it before")
        }
        _ => match open_bracket(text, at) {
            Some(bracket) => Explanation {
                message: "a bracket is opened and not closed before the next key",
                hint: Some("close it at the end of the list or mapping"),
                cause: Some((bracket, "opened here")),
            },
            None => explain_block(text, at, kind, line, indent),
        },
    }
}

/// Mistakes outside of brackets.
fn explain_block(text: &str, at: usize, kind: &ErrorKind, line: &str, indent: &str) -> Explanation {
    let plain = |message, hint| Explanation { message, hint: Some(hint), cause: None };
    match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected => {
            if let Some(colon) = colon_without_blank(text, at) {
                return Explanation {
                    message: "a blank must follow the colon after a key",
                    hint: Some("write `key: value`"),
                    cause: Some((colon, "no blank follows")),
                };
            }
            match line.matches(": ").count() > 1 {
                true => plain(
                    "there is a second `: ` in this line, where one value is expected",
                    "put a value that contains `: ` in quotes",
                ),
                false => plain(
                    "a key and a colon are not expected here",
                    "check the indentation of this line, and the line above it",
                ),
            }
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::BlockSequenceEntryNotAllowed => plain(
            "this line does not fit the lines above it",
            "check its indentation: keys of one mapping, and items of one list, line up",
        ),
        ErrorKind::UnexpectedCharacter { .. } if line[indent.len()..].contains(['@', '`', '%']) => {
            plain("a value cannot start with this character", "put the value in quotes")
        }
        ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => plain(
            "this escape is not known inside double quotes",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        _ => Explanation { message: "this is not valid YAML", hint: None, cause: None },
    }
}

/// The quote that is still open at byte `at`: the last one of the nearest line that has an odd
/// number of them.
fn opening_quote(text: &str, at: usize) -> Option<usize> {
    let mut end = at;
    for line in text[..at].split_inclusive('\n').rev() {
        let start = end - line.len();
        for quote in ['"', '\''] {
            if line.matches(quote).count() % 2 == 1 {
                return line.rfind(quote).map(|found| start + found);
            }
        }
        end = start;
    }
    None
}

/// The innermost bracket that is open at byte `at`; text in quotes and comments does not count.
fn open_bracket(text: &str, at: usize) -> Option<usize> {
    let (mut open, mut quote, mut before) = (Vec::new(), None, '\n');
    let mut comment = false;
    for (place, letter) in text[..at].char_indices() {
        match (comment, quote, letter) {
            (true, ..) => comment = letter != '\n',
            (_, Some(mark), _) => quote = quote.filter(|_| letter != mark),
            (_, None, '#') if before.is_whitespace() => comment = true,
            // A quote in the middle of a word is an apostrophe.
            (_, None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(letter),
            // A bracket starts a value only after a blank or another bracket.
            (_, None, '[' | '{') if before.is_whitespace() || "[{,".contains(before) => {
                open.push(place);
            }
            (_, None, ']' | '}') => {
                open.pop();
            }
            _ => {}
        }
        before = letter;
    }
    open.pop()
}

/// The colon of `key:value` in the line above, or in this one.
fn colon_without_blank(text: &str, at: usize) -> Option<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let above = text[..start.saturating_sub(1)].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[above..start].trim_end();
    let key = line.trim_start();
    let length = key.bytes().take_while(|it| it.is_ascii_alphanumeric() || *it == b'_').count();
    let rest = &key[length..];
    let tight =
        length > 0 && rest.starts_with(':') && !rest[1..].starts_with([' ', '/']) && rest.len() > 1;
    tight.then(|| above + line.len() - key.len() + length)
}

fn line_at(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
    &text[start..end]
}

fn end_of_character(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(at, |letter| at + letter.len_utf8())
}
