//! Names in archives, made harmless.

use crate::base::Result;

use super::header::invalid;

/// Longest name in an archive (Linux: `PATH_MAX`).
const MAX_PATH: usize = 4096;

/// A path below the layer's root: no `.`, no `..`, no empty component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// Everything before the last component; empty: the root.
    pub parent: Vec<u8>,
    /// The last component; empty: the root itself.
    pub name: Vec<u8>,
}

impl Below {
    /// Reads a name from an archive. A leading slash is the layer's root.
    ///
    /// # Errors
    /// It climbs up, contains NUL, or is too long.
    pub fn parse(path: &[u8]) -> Result<Below> {
        let shown = || String::from_utf8_lossy(&path[..path.len().min(256)]).into_owned();
        if path.len() > MAX_PATH || path.contains(&0) {
            return Err(invalid(format!("impossible name `{}` in the archive", shown())));
        }
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in path.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    let message = format!("`{}` in the archive leads out of it", shown());
                    return Err(invalid(message));
                }
                part => parts.push(part),
            }
        }
        let name = parts.pop().unwrap_or_default().to_vec();
        Ok(Below { parent: parts.join(&b'/'), name })
    }

    /// The same below another directory.
    #[must_use]
    pub fn within(mut self, directory: &[u8]) -> Below {
        self.parent = match (directory.is_empty(), self.parent.is_empty()) {
            (true, _) => self.parent,
            (false, true) => directory.to_vec(),
            (false, false) => [directory, b"/", &self.parent].concat(),
        };
        self
    }

    /// The whole path.
    pub fn full(&self) -> Vec<u8> {
        match self.parent.is_empty() {
            true => self.name.clone(),
            false => [&self.parent[..], b"/", &self.name].concat(),
        }
    }

    /// For messages.
    pub fn shown(&self) -> String {
        format!("/{}", String::from_utf8_lossy(&self.full()))
    }
}

/// What a name says about lower layers (OCI: layer.md#whiteouts).
#[derive(Debug, PartialEq, Eq)]
pub enum Whiteout<'a> {
    /// This name disappears.
    Name(&'a [u8]),
    /// Everything in the directory disappears.
    Opaque,
    /// Left by a storage driver; means nothing.
    Nothing,
}

/// Whether the last component is a whiteout; `None`: it is an ordinary name.
///
/// # Errors
/// It hides nothing, or a directory's own dots.
pub fn whiteout(name: &[u8]) -> Result<Option<Whiteout<'_>>> {
    let Some(hidden) = name.strip_prefix(b".wh.") else { return Ok(None) };
    match hidden {
        b".wh..opq" => Ok(Some(Whiteout::Opaque)),
        b"" | b"." | b".." => {
            Err(invalid(format!("whiteout `{}` hides nothing", String::from_utf8_lossy(name))))
        }
        hidden if hidden.starts_with(b".wh.") => Ok(Some(Whiteout::Nothing)),
        hidden => Ok(Some(Whiteout::Name(hidden))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_root() {
        for (path, parent, name) in [
            ("a", "", "a"),
            ("./a//b/", "a", "b"),
            ("/etc/passwd", "etc", "passwd"),
            ("./", "", ""),
            ("a/...", "a", "..."),
        ] {
            let below = Below::parse(path.as_bytes()).unwrap();
            assert_eq!((&below.parent[..], &below.name[..]), (parent.as_bytes(), name.as_bytes()));
        }
        for path in ["..", "../a", "a/../b", "a\0b", &"a/".repeat(2049)] {
            assert!(Below::parse(path.as_bytes()).is_err(), "{path}");
        }
    }

    #[test]
    fn whiteouts_are_told_from_names() {
        assert_eq!(whiteout(b"a.wh.b").unwrap(), None);
        assert_eq!(whiteout(b".wh.a").unwrap(), Some(Whiteout::Name(b"a")));
        assert_eq!(whiteout(b".wh..wh..opq").unwrap(), Some(Whiteout::Opaque));
        assert_eq!(whiteout(b".wh..wh.plnk").unwrap(), Some(Whiteout::Nothing));
        for name in [&b".wh."[..], b".wh..", b".wh..."] {
            assert!(whiteout(name).is_err());
        }
    }
}
