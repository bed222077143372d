//! Contexts that are elsewhere: fetched before the build begins, gone when it is over.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::base::{Context, Digest, Error, Kind, Result};
use crate::image::Store;
use crate::image::archive::Layout;
use crate::image::store::NewLayer;
use crate::image::unpack::{self, Limits};
use crate::resource::Image;

use super::archive;
use super::dockerfile::MAX_SIZE;
use super::git::{Repository, is_git};
use super::request::{NamedContext, Recipe, Remote, Request, World};

/// A request in which everything is on this machine.
pub(super) struct Fetched {
    pub request: Request,
    /// What was fetched lies in these, and goes with them.
    _staging: Vec<NewLayer>,
    /// Images that are here for the build only.
    images: Vec<Digest>,
}

impl Fetched {
    /// Takes away what the build alone needed.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(super) fn forget(&self, store: &Store) -> Result<()> {
        self.images.iter().try_for_each(|id| store.withdraw(id, &[]))
    }
}

/// Bytes of a tar header.
const HEADER: usize = 512;

/// Fetches what a request has elsewhere.
///
/// # Errors
/// It cannot be fetched, or is nothing to build from.
pub(super) fn fetch(request: &Request, world: &dyn World, store: &Store) -> Result<Fetched> {
    let mut fetched =
        Fetched { request: request.clone(), _staging: Vec::new(), images: Vec::new() };
    let mut fetcher = Fetcher { request, world, store, staging: &mut fetched._staging };
    let target = &mut fetched.request;
    if let Some(remote) = &request.remote {
        match fetcher.context(remote)? {
            Found::Directory(path) => target.context = Some(path),
            Found::Dockerfile(text) => {
                (target.context, target.dockerfile) = (None, Recipe::Text(text));
            }
        }
    }
    if let Recipe::Url(url) = &request.dockerfile {
        target.dockerfile = Recipe::Text(fetcher.dockerfile(url)?);
    }
    for (name, context) in &request.contexts {
        let found = match context {
            NamedContext::Remote(url) => fetcher.named(name, url)?,
            NamedContext::Layout(path) => {
                let before = store.refs()?;
                let image = layout(store, path)?;
                if !before.images.contains_key(&image.id) {
                    fetched.images.push(image.id.clone());
                }
                NamedContext::Image(image.id.to_string())
            }
            _ => continue,
        };
        target.contexts.insert(name.clone(), found);
    }
    Ok(fetched)
}

/// What an address led to.
enum Found {
    Directory(PathBuf),
    Dockerfile(String),
}

struct Fetcher<'a> {
    request: &'a Request,
    world: &'a dyn World,
    store: &'a Store,
    staging: &'a mut Vec<NewLayer>,
}

impl Fetcher<'_> {
    fn context(&mut self, remote: &Remote) -> Result<Found> {
        match remote {
            Remote::Url(url) if is_git(url) => self.repository(url).map(Found::Directory),
            Remote::Url(url) => {
                let staging = self.store.begin_unknown_layer("context")?;
                let file = staging.beside("download");
                let most = Limits::for_disk(&staging.files()).inflated;
                self.world.download(url, &file, most)?;
                self.stream(staging, &file, url)
            }
            Remote::Stream(path) => {
                let staging = self.store.begin_unknown_layer("context")?;
                self.stream(staging, path, "standard input")
            }
        }
    }

    fn named(&mut self, name: &str, url: &str) -> Result<NamedContext> {
        match self.context(&Remote::Url(url.to_owned()))? {
            Found::Directory(path) => Ok(NamedContext::Directory(path)),
            Found::Dockerfile(_) => {
                let message = format!("context `{name}` is neither an archive nor a repository");
                Err(Error::new(Kind::Invalid, message))
            }
        }
    }

    fn repository(&mut self, url: &str) -> Result<PathBuf> {
        let mut repository = Repository::parse(url)?;
        let keep = self.request.args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR");
        repository.keep_git |= keep.is_some_and(|value| matches!(value.as_str(), "1" | "true"));
        let staging = self.store.begin_unknown_layer("context")?;
        let agent = self.request.ssh.get("default").map(PathBuf::as_path);
        let checkout = repository.fetch(&staging.files(), agent)?;
        self.staging.push(staging);
        Ok(checkout.path)
    }

    /// An archive becomes a directory, whatever else is a Dockerfile (Docker).
    fn stream(&mut self, staging: NewLayer, path: &Path, name: &str) -> Result<Found> {
        let failed = || format!("cannot read {name}");
        let (mut reader, _) = File::open(path).and_then(unpack::inflating).context(failed)?;
        let mut head = Vec::new();
        reader.by_ref().take(HEADER as u64).read_to_end(&mut head).context(failed)?;
        if archive::is_header(&head) {
            let files = staging.files();
            let mut whole = io::Cursor::new(head).chain(reader);
            unpack::unpack(&mut whole, &files, &Limits::for_disk(&files), |_| Ok(()))
                .context(|| format!("cannot unpack {name}"))?;
            self.staging.push(staging);
            return Ok(Found::Directory(files));
        }
        reader.take(MAX_SIZE as u64).read_to_end(&mut head).context(failed)?;
        if head.len() > MAX_SIZE {
            let message = format!("{name} is no archive, and larger than a Dockerfile: 16 MiB");
            return Err(Error::new(Kind::Invalid, message));
        }
        let text = String::from_utf8(head).map_err(|_| {
            let message = format!("{name} is neither an archive nor a Dockerfile");
            Error::new(Kind::Invalid, message)
        })?;
        Ok(Found::Dockerfile(text))
    }

    fn dockerfile(&self, url: &str) -> Result<String> {
        let staging = self.store.begin_unknown_layer("dockerfile")?;
        let file = staging.beside("download");
        self.world.download(url, &file, MAX_SIZE as u64)?;
        let text = std::fs::read_to_string(&file);
        text.context(|| "cannot read the downloaded Dockerfile".to_owned())
    }
}

/// The image of an OCI layout: `PATH`, `PATH:TAG` or `PATH@DIGEST`.
fn layout(store: &Store, text: &str) -> Result<Image> {
    let cut = text.rsplit_once('@').or_else(|| text.rsplit_once(':'));
    let (path, name) = match cut {
        Some((path, name)) if !name.contains('/') && !Path::new(text).is_dir() => {
            (path, Some(name))
        }
        _ => (text, None),
    };
    Layout::open(Path::new(path), name)?.load(store)
}
