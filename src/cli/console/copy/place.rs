//! Where a copy goes: Docker's rules, which are nearly those of `cp -a`. Pure.

use crate::base::{Error, Kind, Result};

/// One end of a copy, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A path here; `-` is a stream.
    Here(String),
    /// A path in the container of a service, or in a container.
    There(String, String),
}

impl End {
    /// Reads `PATH` or `NAME:PATH`. A path with a colon needs a `/` or `.` in front.
    #[must_use]
    pub fn parse(text: &str) -> End {
        match text.split_once(':') {
            Some((name, path)) if !name.starts_with(['/', '.']) && !name.is_empty() => {
                End::There(name.to_owned(), path.to_owned())
            }
            _ => End::Here(text.to_owned()),
        }
    }
}

/// What is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its last name; `.` for what is in a directory, without the directory itself.
    pub name: String,
    /// It is a directory.
    pub is_directory: bool,
}

impl Source {
    /// Of this path: `a/.` and `/` stand for what is in the directory.
    #[must_use]
    pub fn of(path: &str, is_directory: bool) -> Source {
        let is_content = path.ends_with("/.") || path == "." || last(path).is_empty();
        let name = if is_content && is_directory { "." } else { last(path) };
        Source { name: name.to_owned(), is_directory }
    }
}

/// What is at the destination already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Anything but a directory.
    File,
    /// A directory.
    Directory,
}

/// Where the copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory it is made in, which must exist.
    pub directory: String,
    /// What it is called there; `.`: what it contains goes there.
    pub top: String,
}

/// Where `source` goes when `destination` is asked for (Docker: the table of `docker cp`).
///
/// # Errors
/// [`Kind::Invalid`]: a directory cannot become a file, nor a file a directory.
pub fn place(source: &Source, destination: &str, found: Found) -> Result<Place> {
    let wants_directory = destination.ends_with('/') || destination.ends_with("/.");
    let error = |message: &str| Err(Error::new(Kind::Invalid, message.to_owned()));
    match (found, source.is_directory) {
        (Found::Directory, _) => {
            Ok(Place { directory: destination.to_owned(), top: source.name.clone() })
        }
        (Found::File, true) => error(&format!(
            "cannot copy directory: {destination} is a file, and cannot become a directory"
        )),
        (Found::File, false) if wants_directory => {
            error(&format!("{destination} is not a directory"))
        }
        (Found::Nothing, false) if wants_directory => {
            error(&format!("no such directory: {destination}"))
        }
        (Found::File | Found::Nothing, _) => {
            Ok(Place { directory: parent(destination), top: last(destination).to_owned() })
        }
    }
}

/// The path that a link at `path` leads to.
#[must_use]
pub fn beside(path: &str, target: &str) -> String {
    match target.starts_with('/') {
        true => target.to_owned(),
        false => format!("{}/{target}", parent(path).trim_end_matches('/')),
    }
}

/// The last name of a path, without a slash or `/.` behind it.
#[must_use]
pub fn last(path: &str) -> &str {
    trimmed(path).rsplit('/').next().unwrap_or_default()
}

fn parent(path: &str) -> String {
    match trimmed(path).rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((parent, _)) => parent.to_owned(),
        None => ".".to_owned(),
    }
}

fn trimmed(path: &str) -> &str {
    path.strip_suffix("/.").unwrap_or(path).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_apart_by_a_colon() {
        let there = |name: &str, path: &str| End::There(name.to_owned(), path.to_owned());
        assert_eq!(End::parse("web:/etc/a"), there("web", "/etc/a"));
        assert_eq!(End::parse("web:a:b"), there("web", "a:b"));
        for here in ["a", "./a:b", "/a:b", "-", ":a"] {
            assert_eq!(End::parse(here), End::Here(here.to_owned()));
        }
    }

    /// Docker's table: source, whether it is a directory, destination, what is there.
    #[test]
    fn copies_go_where_docker_puts_them() {
        use Found::{Directory, File, Nothing};
        for (from, is_directory, to, found, expected) in [
            ("a/f", false, "/d/g", Nothing, Some(("/d", "g"))),
            ("f", false, "/d/", Nothing, None),
            ("f", false, "/d/g", File, Some(("/d", "g"))),
            ("f", false, "/d", Directory, Some(("/d", "f"))),
            ("s", true, "/d/n", Nothing, Some(("/d", "n"))),
            ("s/", true, "/d/n/", Nothing, Some(("/d", "n"))),
            ("s/.", true, "/d/n", Nothing, Some(("/d", "n"))),
            ("s", true, "/d", File, None),
            ("s", true, "/d", Directory, Some(("/d", "s"))),
            ("s/", true, "/d", Directory, Some(("/d", "s"))),
            ("s/.", true, "/d", Directory, Some(("/d", "."))),
            ("/", true, "/d", Directory, Some(("/d", "."))),
            ("f", false, "g", Nothing, Some((".", "g"))),
            ("f", false, "/g", Nothing, Some(("/", "g"))),
        ] {
            let placed = place(&Source::of(from, is_directory), to, found).ok();
            let placed = placed.as_ref().map(|it| (it.directory.as_str(), it.top.as_str()));
            assert_eq!(placed, expected, "{from} to {to}, {found:?}");
        }
    }

    #[test]
    fn links_lead_on_from_where_they_lie() {
        assert_eq!(beside("/a/b", "c"), "/a/c");
        assert_eq!(beside("/a/b", "/c"), "/c");
        assert_eq!(beside("/b", "../c"), "/../c");
    }
}
