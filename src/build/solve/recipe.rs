//! The Dockerfile and its context, as they are on disk.

use std::path::Path;

use crate::base::{Context, Error, Kind, Result};
use crate::build::dockerfile;
use crate::build::ignore::Ignore;
use crate::build::request::{Recipe, Request};
use crate::build::tree::Tree;

/// A Dockerfile's text, its name for messages, and what its context ignores.
pub(super) struct ReadRecipe {
    pub name: String,
    pub text: String,
    pub ignore: Ignore,
}

/// Reads the Dockerfile and the file of what it ignores.
///
/// # Errors
/// One of them cannot be read.
pub(super) fn read_recipe(request: &Request) -> Result<ReadRecipe> {
    let (name, text) = match &request.dockerfile {
        Recipe::Text(text) => ("Dockerfile".to_owned(), text.clone()),
        // Fetched before the build began.
        Recipe::Url(url) => (url.clone(), String::new()),
        Recipe::File(path) => (path.display().to_string(), read_dockerfile(request, path)?),
    };
    let mut ignore = Ignore::default();
    if let Some(context) = &request.context {
        let own = match &request.dockerfile {
            Recipe::File(path) => Some(context.join(format!("{}.dockerignore", path.display()))),
            Recipe::Text(_) | Recipe::Url(_) => None,
        };
        let usual = context.join(".dockerignore");
        let tree = Tree::open(context, Ignore::default())?;
        for path in own.into_iter().chain([usual]) {
            // In the context it is the context's own: a repository could have a link there to any
            // file or device of this machine (CVE-2014-9356).
            let read = match path.strip_prefix(context) {
                Ok(inner) => tree.text(inner, dockerfile::MAX_SIZE),
                Err(_) => std::fs::read_to_string(&path),
            };
            match read {
                Ok(text) => {
                    ignore = Ignore::parse(&text).map_err(|message| {
                        Error::new(Kind::Invalid, format!("{}: {message}", path.display()))
                    })?;
                    break;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error).context(|| format!("cannot read {}", path.display()));
                }
            }
        }
    }
    Ok(ReadRecipe { name, text, ignore })
}

/// A relative path is walked inside the context: a hostile one has links (CVE-2014-9356).
fn read_dockerfile(request: &Request, path: &Path) -> Result<String> {
    let describe = || format!("cannot read {}", path.display());
    let text = match (&request.context, path.is_absolute()) {
        (Some(context), false) => {
            Tree::open(context, Ignore::default())?.text(path, dockerfile::MAX_SIZE)
        }
        _ => std::fs::read_to_string(path),
    };
    let too_large =
        || Error::new(Kind::Invalid, format!("{} is larger than 16 MiB", path.display()));
    match text {
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Err(too_large()),
        Ok(text) if text.len() > dockerfile::MAX_SIZE => Err(too_large()),
        text => text.context(describe),
    }
}

/// The build context; `None`: there is none.
///
/// # Errors
/// It is no directory.
pub(super) fn context_tree(request: &Request, recipe: &ReadRecipe) -> Result<Option<Tree>> {
    match &request.context {
        Some(path) => Tree::open(path, recipe.ignore.clone()).map(Some),
        None => Ok(None),
    }
}
