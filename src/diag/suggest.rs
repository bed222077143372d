//! "Did you mean": the closest of the words that are known.

/// Nobody has more names to choose from than this; hostile files do.
const MOST_WORDS: usize = 10_000;

/// The word of `known` that `word` was probably meant to be. `None` if none is close.
#[must_use]
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may be wrong; very short words must be very close.
    let letters = word.chars().count();
    // …but of a single one, none would be left.
    let limit = if letters < 2 { 0 } else { (letters.max(3) / 3).min(3) };
    known
        .into_iter()
        .take(MOST_WORDS)
        .map(|known| (distance(word, known), known))
        .filter(|(distance, known)| *distance <= limit || only_dressed_differently(word, known))
        .min()
        .map(|(_, known)| known)
}

/// `Env-File` for `env_file`: the same letters, but for case and separators.
fn only_dressed_differently(a: &str, b: &str) -> bool {
    let bare = |text: &str| -> String {
        let letters = text.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    !bare(a).is_empty() && bare(a) == bare(b)
}

/// Number of letters to insert, delete, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 3 || a.len() > 64 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(left != right);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *right && *left == b[j - 1] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

/// Words as a sentence has them: `a, b or c`.
#[must_use]
pub fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_probably_meant() {
        let known = ["image", "volumes", "env_file", "environment", "ports"];
        for (word, meant) in [
            ("imgae", Some("image")),
            ("volume", Some("volumes")),
            ("envFile", Some("env_file")),
            ("enviroment", Some("environment")),
            ("port", Some("ports")),
            ("zebra", None),
            ("p", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), meant, "{word}");
        }
    }
}
