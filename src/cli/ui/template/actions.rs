//! A template's text made fit for the engine: what stands in `{{…}}`, and what stands around it.

/// What `\t` and `\n` around actions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// A tab and a line break (Docker: lists).
    Read,
    /// These two characters (Docker: `inspect`, `info`, `version`, `events`).
    Kept,
}

/// The same template without what the engine does not know.
///
/// It has no methods with arguments, so that `.Label "x"` becomes a function, and prints nothing
/// as `<no value>` where Go prints `<nil>`, so that a field by itself goes through `shown`.
pub fn prepare(template: &str, escapes: Escapes) -> String {
    let mut blocks: Vec<bool> = Vec::new();
    let mut prepared = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let end = end_of(after);
        let (action, after) = after.split_at(end);
        prepared.push_str(&around(before, escapes));
        prepared.push_str("{{");
        // Within `range` and `with` a dot is no longer the whole thing.
        prepared.push_str(&reworded(action, !blocks.contains(&true)));
        follow(&mut blocks, action);
        rest = after;
    }
    prepared.push_str(&around(rest, escapes));
    prepared
}

fn around(text: &str, escapes: Escapes) -> String {
    match escapes {
        Escapes::Read => text.replace("\\t", "\t").replace("\\n", "\n"),
        Escapes::Kept => text.to_owned(),
    }
}

/// Where an action ends: at the first `}}` outside of quotes, or with the text.
fn end_of(text: &str) -> usize {
    let mut quote = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (None, '}') if text[at..].starts_with("}}") => return at,
            (None, '"' | '`') => quote = Some(letter),
            (Some('"'), '\\') => drop(letters.next()),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// Notes which blocks are open after this action, and which of them have a dot of their own.
fn follow(blocks: &mut Vec<bool>, action: &str) {
    match words(action).next() {
        Some("range" | "with" | "block" | "define") => blocks.push(true),
        Some("if") => blocks.push(false),
        Some("end") => drop(blocks.pop()),
        _ => {}
    }
}

/// An action's words, without the dashes that trim what is around it.
fn words(action: &str) -> impl Iterator<Item = &str> {
    let inner = action.trim();
    let inner = inner.strip_prefix("- ").unwrap_or(inner);
    inner.strip_suffix(" -").unwrap_or(inner).split_whitespace()
}

fn reworded(action: &str, dot_is_whole: bool) -> String {
    let mut all = words(action);
    let is_field = |word: &str| word.len() > 1 && (word.starts_with(['.', '$'])) && is_path(word);
    if let (Some(word), None) = (all.next(), all.next())
        && is_field(word)
    {
        return action.replacen(word, &format!("shown {word}"), 1);
    }
    // `$` is the whole row, also within a range.
    let action = action.replace(".Label \"", "label $ \"");
    if dot_is_whole { with_originals(&action) } else { action }
}

/// `json .A.B` asks for what was JSON there: in Go an empty list and none differ only as JSON.
fn with_originals(action: &str) -> String {
    let mut text = String::new();
    let mut rest = action;
    while let Some((before, after)) = rest.split_once("json .") {
        let end = after.find(|letter| !is_path_letter(letter)).unwrap_or(after.len());
        let (path, after) = after.split_at(end);
        let is_word = before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        text.push_str(before);
        text.push_str(&match is_word {
            true => format!("json .{path}"),
            false => format!("json_at $ \"{path}\""),
        });
        rest = after;
    }
    text + rest
}

fn is_path(word: &str) -> bool {
    word.chars().all(|letter| is_path_letter(letter) || letter == '$')
}

fn is_path_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '_')
}
