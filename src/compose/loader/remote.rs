//! Files that are elsewhere become files on disk, once a load, and keep the name they are known by.

use std::path::{Path, PathBuf};

use crate::diag::Span;

use super::super::discover::main_file;
use super::super::paths::absolute;
use super::super::remote::Remote;
use super::Loader;

impl Loader<'_> {
    /// The file that a compose file names: a path relative to `base`, or something to be fetched.
    /// `None` after a report.
    pub(super) fn locate(
        &mut self,
        text: &str,
        base: &Path,
        from: Option<Span>,
    ) -> Option<PathBuf> {
        match Remote::of(text) {
            Some(remote) => self.fetch(text, &remote, from),
            None => {
                let home = self.request.environment.get("HOME").map(String::as_str);
                Some(PathBuf::from(absolute(base, text, home)))
            }
        }
    }

    /// The request with every remote file of `-f` replaced by its local copy.
    pub(super) fn fetch_named(&mut self) {
        let mut files = self.request.files.clone();
        for file in &mut files {
            let text = file.to_string_lossy().into_owned();
            if let Some(remote) = Remote::of(&text)
                && let Some(path) = self.fetch(&text, &remote, None)
            {
                *file = path;
            }
        }
        if files != self.request.files {
            self.request.to_mut().files = files;
        }
    }

    fn fetch(&mut self, text: &str, remote: &Remote, from: Option<Span>) -> Option<PathBuf> {
        if let Some(known) = self.fetched.get(text) {
            return known.clone();
        }
        let found = match self.files.fetch(remote) {
            Ok(path) => self.main_file_of(text, path, from),
            Err(error) => {
                let message = format!("cannot fetch `{text}`: {error}");
                self.out.error("cannot-fetch", from, message);
                None
            }
        };
        self.fetched.insert(text.to_owned(), found.clone());
        found
    }

    /// The compose file in what was fetched, which may be that file itself.
    fn main_file_of(&mut self, text: &str, path: PathBuf, from: Option<Span>) -> Option<PathBuf> {
        if !self.files.is_dir(&path) {
            self.known_as.push((path.clone(), text.to_owned()));
            return Some(path);
        }
        self.known_as.push((path.clone(), text.to_owned()));
        let found = main_file(&path, self.files);
        if found.is_none() {
            let message = format!("there is no compose file in `{text}`");
            self.out
                .error("no-file", from, message)
                .note("looked for compose.yaml, compose.yml, docker-compose.yml and docker-compose.yaml")
                .hint("name its directory: …#BRANCH:DIRECTORY");
        }
        found
    }

    /// How a file that was fetched is called in messages.
    pub(super) fn remote_name(&self, path: &Path) -> Option<String> {
        self.known_as.iter().find_map(|(root, text)| {
            let rest = path.strip_prefix(root).ok()?;
            Some(match rest.as_os_str().is_empty() {
                true => text.clone(),
                false => format!("{text}/{}", rest.display()),
            })
        })
    }
}
