//! Fetches compose files from git repositories and registries into the user's cache.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::base::{Context as _, Digest, Error, Kind, Result};
use crate::build::git::Repository;
use crate::cli::app::environment::Environment;
use crate::compose::Remote;
use crate::image::artifact::{Part, artifact};
use crate::image::{Reference, Settings, hash};

/// What Docker Compose calls the parts of a project in a registry, and their names in it.
const FILE: &str = "application/vnd.docker.compose.file+yaml";
const ENV_FILE: &str = "application/vnd.docker.compose.envfile";
const FILE_NAME: &str = "com.docker.compose.file";
const ENV_FILE_NAME: &str = "com.docker.compose.envfile";
const EXTENDED: &str = "com.docker.compose.extends";

/// The local copy: a compose file, or the directory that has it.
///
/// # Errors
/// It cannot be fetched, or has what no compose file has.
pub fn fetch(environment: &Environment, remote: &Remote) -> io::Result<PathBuf> {
    let fetched = match remote {
        Remote::Git(text) => git(environment, text),
        Remote::Oci(name) => oci(environment, name),
    };
    // The loader's own trait knows the errors of file systems only.
    fetched.map_err(|error| io::Error::other(error.to_string()))
}

/// `$XDG_CACHE_HOME/compose/remote`, or that below `~/.cache`.
fn cache(environment: &Environment) -> Result<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| value.starts_with('/'));
    let cache = match (set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(home).join(".cache"),
        (None, None) => {
            let message = "there is no place for fetched files: HOME is not set";
            return Err(Error::new(Kind::Invalid, message));
        }
    };
    let cache = cache.join("compose/remote");
    std::fs::create_dir_all(&cache).context(|| format!("cannot make {}", cache.display()))?;
    std::fs::canonicalize(&cache).context(|| format!("cannot find {}", cache.display()))
}

/// Fetches every time, since branches move, but for a commit that is there already.
fn git(environment: &Environment, text: &str) -> Result<PathBuf> {
    let (text, file) = without_file(text);
    let repository = Repository::parse(&text)?;
    let cache = cache(environment)?;
    let home = |commit: &str| {
        let name = hash::sha256(format!("{}\n{commit}", repository.remote).as_bytes());
        cache.join(format!("git-{}", &name.hex()[..32]))
    };
    // Found by a walk inside the repository, each time: what its text says may lead out of it.
    let inner =
        |home: &Path| repository.found_in(&home.join("tree"), file.as_deref().unwrap_or_default());
    let wanted = repository.reference.as_deref().filter(|it| is_commit(it));
    if let Some(known) = wanted.map(home).filter(|home| home.is_dir()) {
        return inner(&known);
    }
    let fresh = Fresh::new(&cache)?;
    let agent = environment.get("SSH_AUTH_SOCK").map(PathBuf::from);
    let checkout = repository.fetch(&fresh.0, agent.as_deref())?;
    check_links(&fresh.0.join("tree"))?;
    let home = home(&checkout.commit);
    fresh.publish(&home)?;
    inner(&home)
}

/// Every link in a fetched tree leads to a place in it: what is read or mounted by a path in the
/// tree is the tree's, and not the user's own keys.
///
/// # Errors
/// [`Kind::Invalid`] for the first link that leads out, or cannot be told.
fn check_links(tree: &Path) -> Result<()> {
    let mut directories = vec![(tree.to_owned(), 0)];
    while let Some((directory, depth)) = directories.pop() {
        let failed = || format!("cannot read {}", directory.display());
        for entry in std::fs::read_dir(&directory).context(failed)? {
            let entry = entry.context(failed)?;
            let kind = entry.file_type().context(failed)?;
            if kind.is_dir() {
                directories.push((entry.path(), depth + 1));
            } else if kind.is_symlink() {
                let target = std::fs::read_link(entry.path()).context(failed)?;
                if !stays_in(&target, depth) {
                    let path = entry.path();
                    let path = path.strip_prefix(tree).unwrap_or(&path);
                    let message =
                        format!("{} is a link that leads out of the repository", path.display());
                    return Err(Error::new(Kind::Invalid, message));
                }
            }
        }
    }
    Ok(())
}

/// Whether a link in a directory so deep in a tree stays in it, whatever other links, which stay in
/// it themselves, are on the way: only at its beginning it may go up.
fn stays_in(target: &Path, depth: usize) -> bool {
    let mut parts = target.components().filter(|part| *part != Component::CurDir).peekable();
    let mut up = 0;
    while parts.next_if_eq(&Component::ParentDir).is_some() {
        up += 1;
    }
    up <= depth && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// `…#main:deploy/compose.yaml` names a file, and git fetches directories.
fn without_file(text: &str) -> (String, Option<String>) {
    let parts = text.split_once('#').and_then(|(remote, fragment)| {
        let (reference, path) = fragment.split_once(':')?;
        let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
        let is_yaml = file.ends_with(".yaml") || file.ends_with(".yml");
        is_yaml.then(|| (format!("{remote}#{reference}:{directory}"), Some(file.to_owned())))
    });
    parts.unwrap_or_else(|| (text.to_owned(), None))
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|it| it.is_ascii_hexdigit())
}

fn oci(environment: &Environment, name: &str) -> Result<PathBuf> {
    let reference: Reference = name.parse()?;
    let settings = Settings::load(|name| environment.get(name).map(str::to_owned))?;
    let (digest, parts) = apart(async move { artifact(&Arc::new(settings), &reference).await })?;
    let cache = cache(environment)?;
    let home = cache.join(format!("oci-{}", &digest.hex()[..32]));
    if home.is_dir() {
        return Ok(home);
    }
    let fresh = Fresh::new(&cache)?;
    for (name, bytes) in files(name, &digest, parts)? {
        let path = fresh.0.join(&name);
        std::fs::write(&path, bytes).context(|| format!("cannot write {}", path.display()))?;
    }
    fresh.publish(&home)?;
    Ok(home)
}

/// Loading is not asynchronous, and happens inside of what is: the request gets a thread.
fn apart<T: Send>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.context(|| "cannot begin to fetch".to_owned())?.block_on(work)
    };
    std::thread::scope(|scope| {
        let worker = scope.spawn(run);
        worker.join().unwrap_or_else(|_| Err(Error::other("fetching came to a sudden end")))
    })
}

/// The files of a project: its compose files as documents of one, and what these name.
fn files(name: &str, digest: &Digest, parts: Vec<Part>) -> Result<Vec<(String, Vec<u8>)>> {
    let (mut main, mut others) = (Vec::new(), Vec::new());
    for part in parts {
        let notes = &part.descriptor.annotations;
        let own = match part.descriptor.media_type.as_str() {
            FILE if notes.get(EXTENDED).is_none_or(|it| it != "true") => {
                if !main.is_empty() {
                    main.extend_from_slice(b"\n---\n");
                }
                main.extend_from_slice(&part.bytes);
                continue;
            }
            FILE => notes.get(FILE_NAME),
            ENV_FILE => notes.get(ENV_FILE_NAME),
            _ => continue,
        };
        let own = own.map(String::as_str).unwrap_or_default();
        // The name comes from the registry, and must not lead anywhere else (CVE-2025-62725).
        if !is_plain_name(own) {
            let message = format!("{name} has a file with the name {own:?}, which is none");
            return Err(Error::new(Kind::Invalid, message));
        }
        others.push((own.to_owned(), part.bytes));
    }
    if main.is_empty() {
        let message = format!("{name} ({digest}) has no compose file");
        return Err(Error::new(Kind::Invalid, message).hint("an image is no project"));
    }
    others.push(("compose.yaml".to_owned(), main));
    Ok(others)
}

fn is_plain_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && name != "compose.yaml"
        && name.chars().all(plain)
        || name.starts_with(".env") && name.chars().all(plain)
}

/// A new directory in the cache, which is gone unless it is published.
struct Fresh(PathBuf);

impl Fresh {
    fn new(cache: &Path) -> Result<Fresh> {
        let mut bytes = [0; 8];
        let random = getrandom::fill(&mut bytes).map_err(io::Error::other);
        random.context(|| "cannot choose a name".to_owned())?;
        let path = cache.join(format!("tmp-{:016x}", u64::from_ne_bytes(bytes)));
        std::fs::create_dir(&path).context(|| format!("cannot make {}", path.display()))?;
        Ok(Fresh(path))
    }

    /// Gives it its name. Somebody else may have published the same in between.
    fn publish(&self, home: &Path) -> Result<()> {
        match std::fs::rename(&self.0, home) {
            Err(error) if !home.is_dir() => {
                Err(error).context(|| format!("cannot make {}", home.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // It is not there any more if it was published; else nothing needs it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(media_type: &str, notes: &[(&str, &str)], text: &str) -> Part {
        let bytes = text.as_bytes().to_vec();
        let digest = hash::sha256(&bytes);
        let notes = notes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let descriptor = crate::image::manifest::Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size: bytes.len() as u64,
            platform: None,
            annotations: notes.collect(),
        };
        Part { descriptor, bytes }
    }

    #[test]
    fn files_of_a_project_are_documents_of_one() {
        let extended = [(EXTENDED, "true"), (FILE_NAME, "abc.yaml")];
        let parts = vec![
            part(FILE, &[(FILE_NAME, "compose.yaml")], "a: 1"),
            part(FILE, &[(FILE_NAME, "override.yaml")], "b: 2"),
            part(FILE, &extended, "c: 3"),
            part("text/plain", &[], "d"),
        ];
        let files = files("x/y", &hash::sha256(b""), parts).unwrap();
        assert_eq!(files[0], ("abc.yaml".to_owned(), b"c: 3".to_vec()));
        assert_eq!(files[1], ("compose.yaml".to_owned(), b"a: 1\n---\nb: 2".to_vec()));
    }

    #[test]
    fn cve_2025_62725_names_from_a_registry_lead_nowhere() {
        for name in ["../x", "/etc/x", "a/b", "..", ".", "", "compose.yaml", "a\0b", ".git"] {
            let notes = [(EXTENDED, "true"), (FILE_NAME, name)];
            let parts = vec![part(FILE, &[], "a: 1"), part(FILE, &notes, "b")];
            assert!(files("x/y", &hash::sha256(b""), parts).is_err(), "{name}");
            let notes = [(ENV_FILE_NAME, name)];
            let parts = vec![part(FILE, &[], "a: 1"), part(ENV_FILE, &notes, "b")];
            assert!(files("x/y", &hash::sha256(b""), parts).is_err(), "{name}");
        }
        assert!(is_plain_name(".env") && is_plain_name("0a1b.env"));
    }

    /// remote-link-out: `./keys` of a fetched project is a link to `/root/.ssh`, and is mounted.
    #[test]
    fn no_link_leads_out_of_a_fetched_tree() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        for target in ["../../c", "x/y", "../b/z", ".", "./d"] {
            symlink(target, deep.join("link")).unwrap();
            check_links(dir.path()).unwrap();
            std::fs::remove_file(deep.join("link")).unwrap();
        }
        for target in ["/root/.ssh", "../../../c", "x/../../../../c", "x/.."] {
            symlink(target, deep.join("link")).unwrap();
            assert!(check_links(dir.path()).is_err(), "{target}");
            std::fs::remove_file(deep.join("link")).unwrap();
        }
    }

    #[test]
    fn a_file_in_a_repository_can_be_named() {
        let (text, file) = without_file("https://x/a.git#main:b/c.yaml");
        assert_eq!((text.as_str(), file.as_deref()), ("https://x/a.git#main:b", Some("c.yaml")));
        assert_eq!(without_file("https://x/a.git#main:b").1, None);
    }
}
