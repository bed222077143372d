//! The process environment, read once, so that tests can bring their own.

use std::collections::BTreeMap;

/// Variables by name.
///
/// Names and values that are not UTF-8 are left out: no variable that we read or hand on to a
/// compose file can have them.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Environment {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// A variable's value; `None` if it is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A variable is set, and not to the empty text.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty())
    }

    /// The terminal understands no escape sequences (terminfo: `dumb`).
    #[must_use]
    pub fn is_dumb(&self) -> bool {
        self.get("TERM") == Some("dumb")
    }

    /// A variable that switches something, as Go reads it: `1`, `t`, `true` in any case.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        let value = self.get(name).unwrap_or_default().to_ascii_lowercase();
        matches!(value.as_str(), "1" | "t" | "true")
    }

    /// All variables, sorted by name.
    #[must_use]
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Environment {
        Environment(variables.into_iter().collect())
    }
}
