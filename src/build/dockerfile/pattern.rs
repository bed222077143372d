//! Shell patterns in substitutions: `*`, `?` and escapes, nothing else (Docker: no brackets).

/// One part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Letter(char),
    One,
    Any,
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut letters = pattern.chars();
    let mut parts = Vec::new();
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            '*' => Part::Any,
            '?' => Part::One,
            '\\' => Part::Letter(letters.next().unwrap_or('\\')),
            letter => Part::Letter(letter),
        });
    }
    parts
}

/// How many letters at the start of `text` the pattern can match, each possibility, ascending.
fn prefixes(text: &[char], parts: &[Part]) -> Vec<usize> {
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for part in parts {
        let mut next = vec![false; text.len() + 1];
        match part {
            Part::Any => {
                let first = ends.iter().position(|end| *end).unwrap_or(ends.len());
                next[first.min(text.len() + 1)..].fill(true);
            }
            Part::One => next[1..].copy_from_slice(&ends[..text.len()]),
            Part::Letter(letter) => {
                for (at, found) in text.iter().enumerate() {
                    next[at + 1] = ends[at] && found == letter;
                }
            }
        }
        ends = next;
    }
    (0..ends.len()).filter(|at| ends[*at]).collect()
}

fn pick(lengths: &[usize], longest: bool) -> Option<usize> {
    if longest { lengths.last().copied() } else { lengths.first().copied() }
}

/// Letters compared with parts of a pattern in one substitution: less than a second's work.
const MAX_WORK: usize = 1 << 28;

/// `value` without the shortest or longest start that matches; `None`: that is too much work.
#[must_use]
pub fn without_prefix(value: &str, pattern: &str, longest: bool) -> Option<String> {
    let text: Vec<char> = value.chars().collect();
    let length = trimmed(&text, &parts(pattern), longest)?;
    Some(text[length..].iter().collect())
}

/// `value` without the shortest or longest end that matches; `None`: that is too much work.
#[must_use]
pub fn without_suffix(value: &str, pattern: &str, longest: bool) -> Option<String> {
    let text: Vec<char> = value.chars().rev().collect();
    let mut parts = parts(pattern);
    parts.reverse();
    let length = trimmed(&text, &parts, longest)?;
    Some(text[length..].iter().rev().collect())
}

fn trimmed(text: &[char], parts: &[Part], longest: bool) -> Option<usize> {
    let work = text.len().checked_mul(parts.len()).filter(|work| *work <= MAX_WORK);
    work.map(|_| pick(&prefixes(text, parts), longest).unwrap_or(0))
}

/// `value` with the first or every longest match replaced; `None`: that is too much work, or would
/// be longer than `room` bytes.
#[must_use]
pub fn replace(
    value: &str,
    pattern: &str,
    replacement: &str,
    all: bool,
    room: usize,
) -> Option<String> {
    let text: Vec<char> = value.chars().collect();
    let parts = parts(pattern);
    // A pattern without stars needs no more letters than it has.
    let width = if parts.contains(&Part::Any) { text.len() } else { parts.len() };
    let mut work: usize = 0;
    let mut out = String::new();
    let mut at = 0;
    let mut done = false;
    while at < text.len() {
        let begins = match parts.first() {
            Some(Part::Letter(letter)) => text[at] == *letter,
            _ => true,
        };
        let found = if begins && (all || !done) {
            let window = &text[at..text.len().min(at.saturating_add(width))];
            work = work.checked_add(window.len().checked_mul(parts.len())?)?;
            if work > MAX_WORK {
                return None;
            }
            prefixes(window, &parts).last().copied().filter(|length| *length > 0)
        } else {
            None
        };
        match found {
            Some(length) => {
                out.push_str(replacement);
                at += length;
                done = true;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
        if out.len() > room {
            return None;
        }
    }
    Some(out)
}
