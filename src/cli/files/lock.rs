//! `lock`: pin every image of the project by its digest, in a file next to it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use futures_util::{StreamExt as _, stream};

use crate::base::{Context as _, Digest, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::compose::Project;
use crate::compose::lock::{FILE_NAME, Lock};
use crate::engine::Engine;

/// Registries are asked about so many images at once.
const AT_ONCE: usize = 8;

/// Pin images by digest in compose.lock
///
/// Images that are pinned already stay as they are, unless `--update` is given. The file belongs
/// into version control; `up --locked` runs exactly what it says. Images that are built here are
/// not pinned.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose lock                 Pin what is not pinned yet
  compose lock --update web    Pin the image of one service anew
  compose lock --update        Pin everything anew
  compose lock --check         Exit with 1 unless everything is pinned
  compose up --locked          Run what is pinned, or nothing")]
pub struct LockImages {
    /// With `--update`: only the images of these services
    services: Vec<String>,

    /// Pin anew what is pinned already
    #[arg(long)]
    update: bool,

    /// Write nothing; exit with 1 if an image is not pinned
    #[arg(long, conflicts_with = "update")]
    check: bool,
}

impl LockImages {
    /// Writes the file, and says what is new in it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let project = cx.project()?;
        let path = path(project);
        let mut lock = read(&path)?;
        let missing = lock.missing(project);
        if self.check {
            for image in &missing {
                cx.output().print_line(format!("{image} is not pinned"))?;
            }
            return Ok(if missing.is_empty() { Exit::Success } else { Exit::Code(1) });
        }
        let mut wanted: BTreeSet<String> = missing.into_iter().collect();
        if self.update {
            let selected = project.select(&self.services, false)?;
            wanted.extend(Lock::images_of(&selected));
        }
        let resolved = digests(cx, project, wanted).await?;
        for (image, digest) in &resolved {
            if lock.images.get(image) != Some(digest) {
                cx.output().print_line(format!("{image} {digest}"))?;
            }
        }
        lock.renew(project, resolved);
        if !cx.global().dry_run {
            std::fs::write(&path, lock.to_string())
                .context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Exit::Success)
    }
}

/// The lock file is next to the first compose file.
fn path(project: &Project) -> PathBuf {
    let beside = project.files.iter().find(|file| file.as_os_str() != "-");
    let directory = beside.and_then(|file| file.parent()).unwrap_or(&project.working_dir);
    directory.join(FILE_NAME)
}

fn read(path: &PathBuf) -> Result<Lock> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Lock::parse(&text)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => {
            let message = format!("cannot read {}", path.display());
            Err(Error::other(message).with_source(error).into())
        }
    }
}

/// What the registries say that these names stand for. Where one is out of reach, the digest with
/// which the image was fetched serves, with a warning.
pub(in crate::cli) async fn digests(
    cx: &Context<impl Engine>,
    project: &Project,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, Digest>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let engine = cx.engine()?;
    let at_once = cx.parallel()?.map_or(AT_ONCE, NonZeroUsize::get);
    let ask = |name: String| async {
        let digest = engine.resolve(&name).await;
        (name, digest)
    };
    let asked: Vec<_> = stream::iter(names).map(ask).buffered(at_once).collect().await;
    let failed = asked.iter().filter(|(_, digest)| digest.is_err());
    let failed: Vec<String> = failed.map(|(name, _)| name.clone()).collect();
    let known = cx.observe(&project.name, failed).await?.images;
    let mut found = BTreeMap::new();
    for (name, digest) in asked {
        let here = known.get(&name).and_then(|image| image.digests.first());
        let here = here.and_then(|it| it.rsplit_once('@')).map(|(_, digest)| digest.parse());
        let digest = match (digest, here) {
            (Err(error), Some(Ok(digest))) if error.kind() != Kind::NotFound => {
                cx.output().warn(format!("{name} gets the digest that it has here: {error}"))?;
                digest
            }
            (digest, _) => digest?,
        };
        found.insert(name, digest);
    }
    Ok(found)
}

/// Names every image of a project by what compose.lock says (`up --locked`).
///
/// # Errors
/// There is no such file, or it lacks an image.
pub fn apply(project: &mut Project) -> Result<()> {
    let path = path(project);
    Ok(read(&path)?.apply(project)?)
}
