//! Options with `key=value` fields that say what else a build reads or writes: `--cache-from`,
//! `--cache-to` and `--output`.

use std::path::{Path, PathBuf};

use crate::base::{Error, Kind};
use crate::build::{CachePlace, CacheTarget};
use crate::cli::Result;

/// What else is done with a built image (Docker: `--output`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// It stays in the store.
    Image {
        /// Further names, in one text between commas.
        name: Option<String>,
        /// It is sent to the registry of each of its names.
        push: bool,
    },
    /// Its files as a directory.
    Directory(PathBuf),
    /// Its files as a tar archive; `None`: on standard output.
    Archive(Option<PathBuf>),
    /// The image as an archive that `image load` reads; `None`: on standard output.
    Saved(Option<PathBuf>),
    /// The image as an OCI layout in a directory.
    Layout(PathBuf),
    /// Nowhere: only its steps are kept.
    Cache,
}

/// Caches of services that only exist on their own machines: builds elsewhere go without.
const FOREIGN: [&str; 3] = ["gha", "s3", "azblob"];

/// `type=KIND` and other fields; without `type=`, `None` and the text itself.
fn fields(text: &str) -> Option<(String, Vec<(String, String)>)> {
    if !text.contains('=') {
        return None;
    }
    let mut kind = String::new();
    let mut others = Vec::new();
    for field in text.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        match key.trim() {
            "type" => value.clone_into(&mut kind),
            key => others.push((key.to_owned(), value.to_owned())),
        }
    }
    Some((kind, others))
}

fn take(fields: &mut Vec<(String, String)>, key: &str) -> Option<String> {
    let at = fields.iter().position(|(found, _)| found == key)?;
    Some(fields.remove(at).1)
}

fn invalid(option: &str, text: &str, why: &str) -> crate::cli::Failure {
    Error::new(Kind::Invalid, format!("{option} {text}: {why}")).into()
}

/// One `--cache-from`, or one line of `cache_from`; `None`: a cache that is not for this machine.
/// Paths are seen from `directory`.
///
/// # Errors
/// It is of no kind that we know, or lacks a field.
pub fn cache_from(text: &str, directory: &Path) -> Result<Option<CachePlace>> {
    let Some((kind, mut fields)) = fields(text) else {
        return Ok(Some(CachePlace::Registry(text.parse()?)));
    };
    if FOREIGN.contains(&kind.as_str()) {
        return Ok(None);
    }
    let missing = |what: &str| invalid("--cache-from", text, &format!("`{what}=` is missing"));
    match kind.as_str() {
        "registry" => {
            let name = take(&mut fields, "ref").ok_or_else(|| missing("ref"))?;
            Ok(Some(CachePlace::Registry(name.parse()?)))
        }
        "local" => {
            let path = take(&mut fields, "src").ok_or_else(|| missing("src"))?;
            Ok(Some(CachePlace::Local(directory.join(path))))
        }
        _ => Err(invalid("--cache-from", text, "the type is registry or local")),
    }
}

/// One `--cache-to`, or one line of `cache_to`; `None`: a cache that is not for this machine.
///
/// # Errors
/// As [`cache_from`].
pub fn cache_to(text: &str, directory: &Path) -> Result<Option<CacheTarget>> {
    let Some((kind, mut fields)) = fields(text) else {
        return Ok(Some(CacheTarget { place: CachePlace::Registry(text.parse()?), all: false }));
    };
    if FOREIGN.contains(&kind.as_str()) {
        return Ok(None);
    }
    let all = match take(&mut fields, "mode").as_deref() {
        None | Some("min") => false,
        Some("max") => true,
        Some(_) => return Err(invalid("--cache-to", text, "the mode is min or max")),
    };
    let missing = |what: &str| invalid("--cache-to", text, &format!("`{what}=` is missing"));
    let place = match kind.as_str() {
        "inline" => CachePlace::Inline,
        "registry" => {
            let name = take(&mut fields, "ref").ok_or_else(|| missing("ref"))?;
            CachePlace::Registry(name.parse()?)
        }
        "local" => {
            let path = take(&mut fields, "dest").ok_or_else(|| missing("dest"))?;
            CachePlace::Local(directory.join(path))
        }
        _ => return Err(invalid("--cache-to", text, "the type is registry, local or inline")),
    };
    Ok(Some(CacheTarget { place, all }))
}

/// One `--output`.
///
/// # Errors
/// As [`cache_from`].
pub fn output(text: &str, directory: &Path) -> Result<Destination> {
    let Some((kind, mut fields)) = fields(text) else {
        return Ok(match text {
            "-" => Destination::Archive(None),
            path => Destination::Directory(directory.join(path)),
        });
    };
    let path = take(&mut fields, "dest").filter(|path| path != "-");
    let path = path.map(|path| directory.join(path));
    let missing = || invalid("--output", text, "`dest=` is missing");
    let is_true = |value: Option<String>| matches!(value.as_deref(), Some("" | "true" | "1"));
    let (push, name) = (is_true(take(&mut fields, "push")), take(&mut fields, "name"));
    let as_archive = !matches!(take(&mut fields, "tar").as_deref(), Some("false" | "0"));
    Ok(match kind.as_str() {
        "local" => Destination::Directory(path.ok_or_else(missing)?),
        "tar" => Destination::Archive(path),
        "oci" if !as_archive => Destination::Layout(path.ok_or_else(missing)?),
        "oci" => Destination::Saved(path),
        // Without a file, Docker's `docker` exporter loads the image into the store.
        "docker" => {
            path.map_or(Destination::Image { name, push }, |it| Destination::Saved(Some(it)))
        }
        "image" => Destination::Image { name, push },
        "registry" => Destination::Image { name, push: true },
        "cacheonly" => Destination::Cache,
        _ => {
            let known = "the type is local, tar, oci, docker, image, registry or cacheonly";
            return Err(invalid("--output", text, known));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> &'static Path {
        Path::new("/here")
    }

    #[test]
    fn outputs_are_directories_archives_and_images() {
        let it = |text: &str| output(text, here()).unwrap();
        assert_eq!(it("out"), Destination::Directory("/here/out".into()));
        assert_eq!(it("-"), Destination::Archive(None));
        assert_eq!(it("type=tar,dest=/a.tar"), Destination::Archive(Some("/a.tar".into())));
        assert_eq!(it("type=oci,dest=a"), Destination::Saved(Some("/here/a".into())));
        assert_eq!(it("type=oci,tar=false,dest=a"), Destination::Layout("/here/a".into()));
        let image =
            |name: Option<&str>, push| Destination::Image { name: name.map(str::to_owned), push };
        assert_eq!(it("type=registry"), image(None, true));
        assert_eq!(it("type=image,name=a/b,push=true"), image(Some("a/b"), true));
        assert_eq!(it("type=docker"), image(None, false));
        assert_eq!(it("type=cacheonly"), Destination::Cache);
        for wrong in ["type=local", "type=nothing", "dest=x"] {
            assert!(output(wrong, here()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn caches_are_in_registries_directories_and_images() {
        let from = |text: &str| cache_from(text, here()).unwrap();
        assert_eq!(from("type=local,src=c"), Some(CachePlace::Local("/here/c".into())));
        assert_eq!(from("a/b:1"), from("type=registry,ref=a/b:1"));
        assert_eq!(from("type=gha"), None);
        let to = |text: &str| cache_to(text, here()).unwrap().unwrap();
        assert_eq!(to("type=inline").place, CachePlace::Inline);
        assert!(to("type=local,dest=c,mode=max").all && !to("type=registry,ref=a").all);
        for wrong in ["type=local", "type=x,ref=a", "type=registry,ref=a,mode=x"] {
            assert!(cache_to(wrong, here()).is_err(), "{wrong}");
        }
        assert!(cache_from("type=local,dest=x", here()).is_err());
    }
}
