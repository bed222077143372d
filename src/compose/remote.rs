//! Compose files that are elsewhere: in a git repository, or in a registry.

/// Where such a file is. What `-f`, `include` and `extends` name is one of these or a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// `https://example.com/team/app.git#main:deploy`, as it was written.
    Git(String),
    /// `oci://registry.example.com/team/app:1.2`, without its beginning.
    Oci(String),
}

impl Remote {
    /// What a text names, unless it is a path.
    #[must_use]
    pub fn of(text: &str) -> Option<Remote> {
        const GIT: [&str; 6] = ["git@", "git://", "ssh://", "https://", "http://", "github.com/"];
        match text.strip_prefix("oci://") {
            Some(name) => Some(Remote::Oci(name.to_owned())),
            None => GIT
                .iter()
                .any(|start| text.starts_with(start))
                .then(|| Remote::Git(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_not_remote() {
        for text in ["compose.yaml", "./https.yaml", "../a", "~/b", "/git@c", "oci/d", "-"] {
            assert_eq!(Remote::of(text), None, "{text}");
        }
        assert_eq!(Remote::of("oci://a/b:1"), Some(Remote::Oci("a/b:1".to_owned())));
        let git = "https://x/a.git#main:sub";
        assert_eq!(Remote::of(git), Some(Remote::Git(git.to_owned())));
    }
}
