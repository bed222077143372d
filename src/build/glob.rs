//! Patterns for paths: `*`, `?`, `[a-z]`, escapes, and where asked for `**`.
//!
//! Go: path/filepath.Match; Docker: moby/patternmatcher for `**`. Pure.

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Letter(char),
    /// One letter but `/`.
    One,
    /// Any letters but `/`.
    Any,
    /// `**/`: any directories, or none.
    Directories,
    /// `**` at the end: everything.
    Everything,
    /// `[a-z]`, or negated.
    Class(bool, Vec<(char, char)>),
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Part>);

impl Glob {
    /// Compiles a pattern; with `deep`, `**` matches across directories.
    ///
    /// # Errors
    /// A bracket does not end, or the pattern ends in an escape: `syntax error in pattern`.
    pub fn new(pattern: &str, deep: bool) -> Result<Glob, String> {
        let bad = || format!("syntax error in pattern `{pattern}`");
        let letters: Vec<char> = pattern.chars().collect();
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            at += 1;
            parts.push(match letter {
                '*' if deep && letters.get(at) == Some(&'*') => {
                    at += 1;
                    at += usize::from(letters.get(at) == Some(&'/'));
                    match at < letters.len() {
                        true => Part::Directories,
                        false => Part::Everything,
                    }
                }
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => {
                    at += 1;
                    Part::Letter(*letters.get(at - 1).ok_or_else(bad)?)
                }
                '[' => class(&letters, &mut at).ok_or_else(bad)?,
                letter => Part::Letter(*letter),
            });
        }
        Ok(Glob(parts))
    }

    /// Whether the pattern has anything but letters.
    #[must_use]
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '[', '\\'])
    }

    /// Whether it stands for one text only.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Letter(_)))
    }

    /// Whether all of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let letters: Vec<char> = text.chars().collect();
        let mut ends = vec![false; letters.len() + 1];
        ends[0] = true;
        for part in &self.0 {
            ends = part.step(&letters, &ends);
        }
        ends[letters.len()]
    }
}

impl Part {
    /// Where matches can end after this part, given where those before it can.
    fn step(&self, letters: &[char], ends: &[bool]) -> Vec<bool> {
        let mut next = vec![false; ends.len()];
        for (at, _) in ends.iter().enumerate().filter(|(_, end)| **end) {
            match self {
                Part::Everything => next[at..].fill(true),
                Part::Any => {
                    let stop = letters[at..].iter().position(|letter| *letter == '/');
                    let stop = stop.map_or(letters.len(), |length| at + length);
                    next[at..=stop].fill(true);
                }
                Part::Directories => {
                    next[at] = true;
                    for (offset, letter) in letters[at..].iter().enumerate() {
                        next[at + offset + 1] |= *letter == '/';
                    }
                }
                single => {
                    if letters.get(at).is_some_and(|letter| single.fits(*letter)) {
                        next[at + 1] = true;
                    }
                }
            }
        }
        next
    }

    fn fits(&self, letter: char) -> bool {
        match self {
            Part::Letter(wanted) => *wanted == letter,
            Part::One => letter != '/',
            Part::Class(negated, ranges) => {
                let inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&letter));
                letter != '/' && inside != *negated
            }
            Part::Any | Part::Directories | Part::Everything => false,
        }
    }
}

/// After `[`: ranges up to `]`, of which there is at least one.
fn class(letters: &[char], at: &mut usize) -> Option<Part> {
    let negated = letters.get(*at) == Some(&'^');
    *at += usize::from(negated);
    let mut ranges = Vec::new();
    while ranges.is_empty() || letters.get(*at) != Some(&']') {
        let low = class_letter(letters, at)?;
        let mut high = low;
        if letters.get(*at) == Some(&'-') {
            *at += 1;
            high = class_letter(letters, at)?;
        }
        ranges.push((low, high));
    }
    *at += 1;
    Some(Part::Class(negated, ranges))
}

fn class_letter(letters: &[char], at: &mut usize) -> Option<char> {
    let letter = *letters.get(*at)?;
    *at += 1;
    match letter {
        '-' | ']' => None,
        '\\' => {
            *at += 1;
            letters.get(*at - 1).copied()
        }
        letter => Some(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_gos_do() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^b-d]", "abe", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a?b", "a/b", false),
            ("[\\]a]", "]", true),
            ("*x", "xxx", true),
            ("**", "a/b", false),
        ] {
            assert_eq!(
                Glob::new(pattern, false).unwrap().matches(text),
                expected,
                "{pattern} {text}"
            );
        }
        for pattern in ["[]a]", "[-]", "[x-]", "[^", "a[", "\\", "[a-b-c]x["] {
            assert!(Glob::new(pattern, false).is_err(), "{pattern}");
        }
    }

    #[test]
    fn two_stars_cross_directories() {
        for (pattern, text, expected) in [
            ("**", "a/b", true),
            ("**/x", "x", true),
            ("**/x", "a/b/x", true),
            ("**/x", "ax", false),
            ("a/**", "a/b/c", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("**/*.go", "cmd/main.go", true),
            ("a**", "abc/d", true),
        ] {
            assert_eq!(
                Glob::new(pattern, true).unwrap().matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
