//! `.dockerignore`: which files of a context do not exist for the build.
//!
//! Docker: moby/patternmatcher. Not git's rules: patterns start at the root, the last one that
//! matches decides, and `!` brings back what lies below an excluded directory. Pure.

use super::glob::Glob;

/// A list of patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    glob: Glob,
    /// With `!` in front: brings back.
    negated: bool,
}

impl Ignore {
    /// Reads a file's text.
    ///
    /// # Errors
    /// A pattern is malformed.
    pub fn parse(text: &str) -> Result<Ignore, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ignore::new(lines)
    }

    /// From patterns.
    ///
    /// # Errors
    /// A pattern is malformed.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Ignore, String> {
        let mut rules = Vec::new();
        for line in patterns {
            let line = line.trim();
            let (negated, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            if pattern.is_empty() {
                match negated {
                    true => return Err("illegal exclusion pattern: `!`".to_owned()),
                    false => continue,
                }
            }
            let clean = clean(pattern);
            rules.push(Rule { glob: Glob::new(&clean, true)?, negated });
        }
        Ok(Ignore { rules })
    }

    /// Whether this path (relative, without `.` and `..`) does not exist for the build: the path
    /// itself or a directory above it matches.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        let mut excluded = false;
        for rule in &self.rules {
            // Only a rule that would change something needs to be looked at.
            if rule.negated == excluded && rule.matches(path) {
                excluded = !rule.negated;
            }
        }
        excluded
    }

    /// Whether something below this excluded directory may have been brought back.
    #[must_use]
    pub fn may_bring_back(&self) -> bool {
        self.rules.iter().any(|rule| rule.negated)
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        parents.chain([path]).any(|path| self.glob.matches(path))
    }
}

/// Without `.`, `..`, doubled and outer slashes (Go: filepath.Clean).
#[must_use]
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // Above the root is the root.
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    match parts.is_empty() {
        true => ".".to_owned(),
        false => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let ignore = Ignore::parse(
            "# all markdown\n*.md\n!README*.md\nREADME-secret.md\n\n/node_modules\n**/*.log\n docs/../tmp/ \n",
        )
        .unwrap();
        for (path, expected) in [
            ("a.md", true),
            ("README.md", false),
            ("README-secret.md", true),
            ("sub/a.md", false),
            ("node_modules", true),
            ("node_modules/x/y", true),
            ("sub/node_modules", false),
            ("x.log", true),
            ("a/b/x.log", true),
            ("tmp/x", true),
            ("# all markdown", false),
        ] {
            assert_eq!(ignore.excludes(path), expected, "{path}");
        }
    }

    #[test]
    fn what_lies_below_an_excluded_directory_can_come_back() {
        let ignore = Ignore::parse("*\n!src\n!a/b/c\nsrc/x\n").unwrap();
        for (path, expected) in [
            ("Dockerfile", true),
            ("src", false),
            ("src/y", false),
            ("src/x/z", true),
            ("a/b", true),
            ("a/b/c/d", false),
        ] {
            assert_eq!(ignore.excludes(path), expected, "{path}");
        }
        assert!(Ignore::parse("!\n").is_err());
        assert!(Ignore::parse("[a\n").is_err());
    }
}
