//! The project's name (Spec: 04-version-and-name.md).

/// The name that text is made into: lower case, and only `a-z`, `0-9`, `_` and `-`, starting with
/// a letter or digit. May be empty.
#[must_use]
pub fn normalized(text: &str) -> String {
    let kept = |letter: &char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-')
    };
    let name: String = text.to_lowercase().chars().filter(kept).collect();
    name.trim_start_matches(['_', '-']).to_owned()
}

/// Whether a name needs no normalisation.
#[must_use]
pub fn is_normal(name: &str) -> bool {
    !name.is_empty() && normalized(name) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_few_characters() {
        for (text, name) in [
            ("My.App", "myapp"),
            ("www.my.project", "wwwmyproject"),
            ("_-a_b-c", "a_b-c"),
            ("ÄÖ", ""),
        ] {
            assert_eq!(normalized(text), name);
        }
        assert!(is_normal("a-b_1") && !is_normal("A") && !is_normal("") && !is_normal("-a"));
    }
}
