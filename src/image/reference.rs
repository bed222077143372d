//! Image references: `nginx`, `localhost:5000/app:1.2`, `redis@sha256:…`.

use std::fmt;
use std::str::FromStr;

use crate::base::{Digest, Error, Kind, Result};

/// The registry of names that do not say one.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// The tag of names that have neither tag nor digest.
pub const DEFAULT_TAG: &str = "latest";

/// Longest repository path in bytes (Docker: reference.NameTotalLengthMax).
const MAX_PATH: usize = 255;

/// A name of an image in its full form: registry, repository path, and a tag, a digest or both.
///
/// Parsing fills in what people leave out, so that two spellings of one name are equal:
/// `nginx` is `docker.io/library/nginx`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Host of the registry with its port if any, as in `docker.io` or `localhost:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path of the repository in its registry, as in `library/nginx`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag as written; `None` when none was.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that pins the content.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same with the tag `latest` if it has neither tag nor digest.
    #[must_use]
    pub fn or_latest(mut self) -> Reference {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository, pinned to `digest` and without a tag.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Reference {
        Reference { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository with another tag and no digest.
    ///
    /// # Errors
    /// `tag` is not one.
    pub fn tagged(&self, tag: &str) -> Result<Reference> {
        match is_tag(tag) {
            true => Ok(Reference { tag: Some(tag.to_owned()), digest: None, ..self.clone() }),
            false => Err(invalid("tag has invalid characters")),
        }
    }

    /// Registry and path, as in `docker.io/library/nginx`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// The name without what parsing would fill in, as in `nginx`.
    #[must_use]
    pub fn familiar_name(&self) -> String {
        if self.registry != DEFAULT_REGISTRY {
            return self.name();
        }
        match self.path.strip_prefix("library/") {
            // `library/a/b` without its prefix would be another image.
            Some(rest) if !rest.contains('/') => rest.to_owned(),
            // `docker.io/a.b/c` without its registry would be in another one.
            _ if self.path.split_once('/').is_some_and(|(first, _)| is_host(first)) => self.name(),
            _ => self.path.clone(),
        }
    }

    /// The short form people see, as in `nginx:1.27` or `nginx@sha256:…`.
    #[must_use]
    pub fn familiar(&self) -> String {
        self.familiar_name() + &self.suffix()
    }

    /// `:tag`, `@digest`, both or nothing.
    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}"));
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}"));
        tag.unwrap_or_default() + &digest.unwrap_or_default()
    }
}

/// The full form: `docker.io/library/nginx:latest`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.registry, self.path, self.suffix())
    }
}

/// Docker: distribution/reference ParseNormalizedNamed, down to the texts of its errors.
impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Reference> {
        if text.len() == 64 && text.bytes().all(is_lower_hex) {
            let message = format!(
                "invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            );
            return Err(Error::new(Kind::Invalid, message));
        }
        let (registry, remainder) = split_registry(text);
        let (named, digest) = match remainder.split_once('@') {
            Some((named, digest)) => (named, Some(parse_digest(digest)?)),
            None => (remainder.as_str(), None),
        };
        let (path, tag) = match named.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (named, None),
        };
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(invalid(&format!("repository name ({path}) must be lowercase")));
        }
        if !is_registry(&registry) || !path.split('/').all(is_path_component) {
            return Err(Error::new(Kind::Invalid, "invalid reference format")
                .hint(format!("`{text}` should look like [registry/]name[:tag][@digest]")));
        }
        if path.len() > MAX_PATH {
            let message = format!("repository name must not be more than {MAX_PATH} characters");
            return Err(Error::new(Kind::Invalid, message));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(Error::new(Kind::Invalid, "invalid reference format")
                .hint("a tag has letters, digits, `_`, `.` and `-`, at most 128 of them"));
        }
        Ok(Reference { registry, path: path.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

/// Whether a first component is a registry.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':'])
        || first == "localhost"
        || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Separates the registry: the first component is one if it could not be a path's
/// (Docker: splitDockerDomain).
fn split_registry(text: &str) -> (String, String) {
    let (registry, path) = match text.split_once('/') {
        Some((first, rest)) if is_host(first) => (first, rest),
        _ => (DEFAULT_REGISTRY, text),
    };
    let registry = if registry == "index.docker.io" { DEFAULT_REGISTRY } else { registry };
    let path = match registry == DEFAULT_REGISTRY && !path.contains('/') {
        true => format!("library/{path}"),
        false => path.to_owned(),
    };
    (registry.to_owned(), path)
}

/// `host`, `host:port`, `1.2.3.4:port` or `[::1]:port`.
fn is_registry(text: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok() && !port.starts_with('+');
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let port_fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return address.parse::<std::net::Ipv6Addr>().is_ok() && port_fits;
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

/// Lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_path_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edges =
        text.bytes().next().is_some_and(is_word) && text.bytes().last().is_some_and(is_word);
    let mut separators = text.split(|letter: char| letter.is_ascii() && is_word(letter as u8));
    let is_separator = |separator: &str| {
        matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
    };
    edges && separators.all(is_separator)
}

/// At most 128 of `[A-Za-z0-9_.-]`, not beginning with `.` or `-`.
fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// The algorithm is checked first: a `sha512` digest is well-formed, but not one we can verify.
fn parse_digest(text: &str) -> Result<Digest> {
    match text.split_once(':') {
        Some((algorithm, _)) if algorithm != "sha256" => {
            Err(Error::new(Kind::Invalid, format!("unsupported digest algorithm `{algorithm}`")))
        }
        _ => text.parse().map_err(|_| invalid("not a digest after `@`")),
    }
}

fn invalid(why: &str) -> Error {
    Error::new(Kind::Invalid, format!("invalid reference format: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn what_people_leave_out_is_filled_in() {
        for (text, full, familiar) in [
            ("nginx", "docker.io/library/nginx", "nginx"),
            ("nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"),
            ("u/app", "docker.io/u/app", "u/app"),
            ("docker.io/nginx", "docker.io/library/nginx", "nginx"),
            ("index.docker.io/u/app:x", "docker.io/u/app:x", "u/app:x"),
            ("localhost/app", "localhost/app", "localhost/app"),
            ("localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c"),
            ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
            ("ghcr.io/a/b", "ghcr.io/a/b", "ghcr.io/a/b"),
            ("UPPER/app", "UPPER/app", "UPPER/app"),
            ("library/a/b", "docker.io/library/a/b", "library/a/b"),
            ("docker.io/a.b/c", "docker.io/a.b/c", "docker.io/a.b/c"),
            ("a--b__c.d_e", "docker.io/library/a--b__c.d_e", "a--b__c.d_e"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), full);
            assert_eq!(reference.familiar(), familiar);
        }
    }

    #[test]
    fn a_reference_may_have_tag_and_digest() {
        let text = format!("nginx:1@sha256:{HEX}");
        let reference: Reference = text.parse().unwrap();
        assert_eq!((reference.tag(), reference.digest().unwrap().hex()), (Some("1"), HEX));
        assert_eq!(reference.familiar(), text);
        assert_eq!(reference.or_latest().tag(), Some("1"));
        assert_eq!("nginx".parse::<Reference>().unwrap().or_latest().tag(), Some("latest"));
    }

    #[test]
    fn errors_read_as_dockers() {
        let error = |text: &str| text.parse::<Reference>().unwrap_err().to_string();
        assert_eq!(
            error("User/App"),
            "invalid reference format: repository name (App) must be lowercase"
        );
        assert_eq!(
            error("user/App:x"),
            "invalid reference format: repository name (user/App) must be lowercase"
        );
        assert!(error(HEX).contains("cannot specify 64-byte hexadecimal strings"));
        assert_eq!(error("a@sha512:00"), "unsupported digest algorithm `sha512`");
        for text in [
            "",
            ":",
            "a:",
            "a:.b",
            "a/",
            "/a",
            "a//b",
            "a..b",
            "a___b",
            "-a",
            "a b",
            "a@",
            "a@sha256:12",
            "h:x/a",
            "h.:5/a",
            "[::1/a",
            "é",
            "a:b:c",
            "../a",
            "a/../b",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_has_at_most_255_letters() {
        assert!(format!("x.y/{}", "a".repeat(255)).parse::<Reference>().is_ok());
        assert!(format!("x.y/{}", "a".repeat(256)).parse::<Reference>().is_err());
    }
}
