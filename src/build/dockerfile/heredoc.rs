//! Here-documents: `<<EOF`, `<<-EOF`, `<<"EOF"`.

use crate::diag::Span;

use super::text::Text;

/// A here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, and the name of the file it becomes in `COPY`.
    pub name: String,
    /// Variables in it are expanded: no part of its name was quoted.
    pub expand: bool,
    /// Tabs at the start of its lines are dropped: `<<-`.
    pub chomp: bool,
    /// A file descriptor stands before the mark, as in `3<<EOF`.
    pub descriptor: Option<u32>,
    /// The mark, as in `<<EOF`.
    pub mark: String,
    /// Where the mark stands.
    pub span: Span,
    /// Its lines as they are, each with its line break.
    pub content: String,
}

impl Heredoc {
    /// Its lines as a file has them.
    #[must_use]
    pub fn body(&self) -> String {
        match self.chomp {
            false => self.content.clone(),
            true => {
                let lines = self.content.split_inclusive('\n');
                lines.map(|line| line.trim_start_matches('\t')).collect()
            }
        }
    }
}

/// The marks in an instruction's text, without content yet.
#[must_use]
pub fn marks(body: &Text) -> Vec<Heredoc> {
    let text = body.as_str();
    if !text.contains("<<") {
        return Vec::new();
    }
    words(text)
        .into_iter()
        .filter_map(|range| {
            let span = body.span(&range);
            mark(&text[range], span)
        })
        .collect()
}

/// Shell words with their quotes: where each starts and ends.
fn words(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => {
                found.extend(start.take().map(|start| start..at));
                continue;
            }
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (None | Some('"'), '\\') => {
                letters.next();
            }
            _ => {}
        }
        start.get_or_insert(at);
    }
    found.extend(start.map(|start| start..text.len()));
    found
}

/// `[digits]<<[-]name`. Its content comes later.
fn mark(word: &str, span: Span) -> Option<Heredoc> {
    let (descriptor, rest) = word.split_once("<<")?;
    if !descriptor.bytes().all(|byte| byte.is_ascii_digit()) || rest.contains('<') {
        return None;
    }
    let (chomp, quoted) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let name = unquote(quoted)?;
    Some(Heredoc {
        expand: name == quoted,
        name,
        chomp,
        descriptor: descriptor.parse().ok(),
        mark: word.to_owned(),
        span,
        content: String::new(),
    })
}

/// The word without quotes and escapes; `None` when it is empty or a quote does not end.
fn unquote(word: &str) -> Option<String> {
    let mut name = String::new();
    let mut quote: Option<char> = None;
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (None, '\\') => name.extend(letters.next()),
            (_, letter) => name.push(letter),
        }
    }
    (quote.is_none() && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_words_of_their_own() {
        let source = crate::diag::Sources::default().add("", "");
        let span = Span { source, start: 0, end: 0 };
        for (word, expected) in [
            ("<<EOF", Some(("EOF", true, false, None))),
            ("<<-END", Some(("END", true, true, None))),
            ("<<'E F'", Some(("E F", false, false, None))),
            ("3<<\"X\"", Some(("X", false, false, Some(3)))),
            ("<<<text", None),
            ("<<", None),
            ("a<<b", None),
            ("1<2", None),
        ] {
            let found = mark(word, span);
            let found =
                found.as_ref().map(|it| (it.name.as_str(), it.expand, it.chomp, it.descriptor));
            assert_eq!(found, expected, "{word}");
        }
    }

    #[test]
    fn a_quoted_mark_is_text() {
        assert_eq!(words("cat <<EOF \"<<X y\" z").len(), 4);
    }
}
