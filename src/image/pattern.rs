//! Patterns that people write for names of images.

/// Whether `name`, as in `team/app:1.2`, fits `pattern`: in whole, or without its tag and digest
/// (Docker: distribution/reference FamiliarMatch, with the patterns of Go's `path.Match`).
///
/// `*` stands for any part without a slash, `?` for one letter, `[a-z]` for one of these, and a
/// backslash takes the meaning from what follows.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let fits = |text: &str| glob(&pattern, &text.chars().collect::<Vec<_>>());
    let bare = name.split('@').next().unwrap_or_default();
    // A colon before the last slash belongs to a registry's port.
    let bare = bare.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(bare, |it| it.0);
    fits(name) || fits(bare)
}

fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where the last `*` is, and what it has taken so far: the only place to try again from.
    let mut star = None;
    loop {
        let step = match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, read));
                at += 1;
                continue;
            }
            Some(_) => text.get(read).and_then(|letter| one(&pattern[at..], *letter)),
            None if read == text.len() => return true,
            None => None,
        };
        match (step, star) {
            (Some(length), _) => (at, read) = (at + length, read + 1),
            (None, Some((after, taken))) if text.get(taken).is_some_and(|it| *it != '/') => {
                star = Some((after, taken + 1));
                (at, read) = (after, taken + 1);
            }
            (None, _) => return false,
        }
    }
}

/// How much of the pattern stands for this letter; `None`: it does not fit.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    match pattern {
        ['?', ..] => (letter != '/').then_some(1),
        ['[', ..] => class(pattern, letter),
        ['\\', next, ..] => (*next == letter).then_some(2),
        [next, ..] => (*next == letter).then_some(1),
        [] => None,
    }
}

/// The same for `[a-z]` and `[^a-z]`.
fn class(pattern: &[char], letter: char) -> Option<usize> {
    let end = pattern.iter().skip(1).position(|it| *it == ']')? + 1;
    let (negated, mut inside) = match &pattern[1..end] {
        ['^', rest @ ..] => (true, rest),
        inside => (false, inside),
    };
    let mut found = false;
    while let [first, rest @ ..] = inside {
        (found, inside) = match rest {
            ['-', last, rest @ ..] => (found || (*first..=*last).contains(&letter), rest),
            rest => (found || *first == letter, rest),
        };
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_with_and_without_their_tag() {
        for (pattern, name, fits) in [
            ("nginx", "nginx:1.28", true),
            ("nginx:1.*", "nginx:1.28", true),
            ("nginx:1.?8", "nginx:1.28", true),
            ("nginx:2*", "nginx:1.28", false),
            ("*", "nginx:1.28", true),
            ("*", "team/app:1", false),
            ("team/*", "team/app:1", true),
            ("*/*", "team/app@sha256:00", true),
            ("team/a[a-q]p:[^2]", "team/app:1", true),
            ("team/a[^a-q]p", "team/app:1", false),
            ("team/a[p", "team/app:1", false),
            ("127.0.0.1:5000/*", "127.0.0.1:5000/app:1", true),
            ("127.0.0.1", "127.0.0.1:5000/app:1", false),
            ("*a*b*c", "aXbXbXc", true),
            ("*a*b*c", "aXbXbXd", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
