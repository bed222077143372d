//! What is done with a built image besides keeping it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::json;

use crate::base::{self, Context as _, Error, Kind};
use crate::build::{Outcome, export};
use crate::cli::console::transfer::{PUSH, transfer};
use crate::cli::image::Printer;
use crate::cli::{Context, Result};
use crate::engine::Engine;
use crate::image::archive::{self, Chosen};
use crate::image::{self, Pushed, Reference};
use crate::resource::Image;

use super::exchange::Destination;

/// Bytes that are written at once.
const PIECE: usize = 256 << 10;

/// Delivers a built image to one place; returns what a registry got.
///
/// # Errors
/// A file cannot be written, or a registry refuses.
pub async fn deliver<E: Engine>(
    cx: &Context<E>,
    to: &Destination,
    outcome: &Outcome,
    names: &[Reference],
    quiet: bool,
) -> Result<Option<Pushed>> {
    let store = cx.images()?;
    let image = &outcome.image;
    let chosen = [Chosen { image: image.clone(), names: names.to_vec() }];
    match to {
        Destination::Directory(path) => export::to_directory(&store, image, path)?,
        Destination::Layout(path) => archive::save_directory(&store, &chosen, path)?,
        Destination::Archive(path) => {
            into(cx, path.as_deref(), |out| export::to_archive(&store, image, out))?;
        }
        Destination::Saved(path) => {
            into(cx, path.as_deref(), |out| archive::save(&store, &chosen, out))?;
        }
        Destination::Image { push: false, .. } | Destination::Cache => {}
        Destination::Image { push: true, .. } => {
            if names.is_empty() {
                let error = Error::new(Kind::Invalid, "an image without a name cannot be pushed");
                return Err(error.hint("give it one with -t").into());
            }
            let settings = cx.registries()?;
            let mut pushed = None;
            for name in names {
                let sent = transfer(cx, &name.familiar(), PUSH, quiet, async |progress| {
                    image::push(&store, name, &settings, progress).await
                })
                .await?;
                pushed = Some(sent);
            }
            return Ok(pushed);
        }
    }
    Ok(None)
}

/// An image that was built for its files only does not stay (Docker: the same).
///
/// # Errors
/// The store cannot be written.
pub fn forget_unwanted<E: Engine>(
    cx: &Context<E>,
    outputs: &[Destination],
    outcome: &Outcome,
    names: &[Reference],
) -> Result<()> {
    let keeps = |it: &Destination| matches!(it, Destination::Image { .. });
    let only_files = !outputs.is_empty() && !outputs.iter().any(keeps);
    if only_files && names.is_empty() && outcome.is_new {
        cx.images()?.withdraw(&outcome.image.id, &[])?;
    }
    Ok(())
}

/// Writes to a file, which is whole or absent, or to standard output.
fn into<E: Engine>(
    cx: &Context<E>,
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> base::Result<()>,
) -> Result<()> {
    let Some(path) = path else {
        if cx.output().out_is_terminal() {
            let error = Error::new(Kind::Invalid, "an archive is nothing for a terminal");
            return Err(error.hint("write it to a file with dest=FILE, or redirect it").into());
        }
        return Ok(write(&mut BufWriter::with_capacity(PIECE, Printer(cx.output())))?);
    };
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".part{}", std::process::id()));
    let failed = || format!("cannot write {}", path.display());
    let file = File::create(&part).context(failed)?;
    let written = write(&mut BufWriter::with_capacity(PIECE, file))
        .and_then(|()| std::fs::rename(&part, path).context(failed));
    if let Err(error) = written {
        // The first failure is the one to tell.
        let _ = std::fs::remove_file(&part);
        return Err(error.into());
    }
    Ok(())
}

/// Docker: `--metadata-file`. Where no registry got it, the image's digest is its id.
///
/// # Errors
/// The file cannot be written.
pub fn metadata(
    path: &Path,
    image: &Image,
    names: &[Reference],
    pushed: Option<&Pushed>,
) -> Result<()> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut text = json!({"containerimage.config.digest": image.id});
    match pushed {
        None => text["containerimage.digest"] = json!(image.id),
        Some(Pushed { digest, size, media_type }) => {
            text["containerimage.descriptor"] =
                json!({"mediaType": media_type, "digest": digest, "size": size});
            text["containerimage.digest"] = json!(digest);
        }
    }
    if !names.is_empty() {
        text["image.name"] = json!(names.join(","));
    }
    let text = serde_json::to_string_pretty(&text).unwrap_or_default();
    Ok(std::fs::write(path, text + "\n").context(|| format!("cannot write {}", path.display()))?)
}
