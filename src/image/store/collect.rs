//! Removing images, and what nothing points to any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::base::{Context, Digest, Result};
use crate::state::Lock;

use super::refs::{Removal, familiar, removal, unused};
use super::{Store, Usage, layers};
use crate::image::{chain, manifest};

/// One line of what a removal did, as Docker words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name, in its short form.
    Untagged(String),
    /// An image's id, or the chain id of a layer that went with it.
    Deleted(Digest),
}

/// What a prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// What went.
    pub removed: Vec<Removed>,
    /// Bytes of the files that went.
    pub bytes: u64,
}

impl Store {
    /// Removes a name, or an image with all its names; the rules are Docker's. Layers that nothing
    /// needs any more are deleted, unless a pull is under way: then the next removal does it.
    ///
    /// # Errors
    /// The image does not exist, or is in use ([`Kind::Conflict`](crate::base::Kind::Conflict)).
    pub fn remove(&self, text: &str, force: bool, usage: &Usage) -> Result<Vec<Removed>> {
        let layers_before = self.find(text)?.map(|image| image.diff_ids).unwrap_or_default();
        let plan = self.change(|refs| {
            let plan = removal(refs, text, force, usage)?;
            refs.apply(&plan);
            Ok(plan)
        })?;
        let mut removed = lines(&plan);
        if !plan.delete.is_empty() {
            let gone = self.collect(usage)?.0;
            removed.extend(
                chain::ids(&layers_before)
                    .into_iter()
                    .zip(&layers_before)
                    .rev()
                    .filter(|(_, diff_id)| gone.contains(diff_id))
                    .map(|(chain_id, _)| Removed::Deleted(chain_id)),
            );
        }
        self.announce_all(&removed);
        Ok(removed)
    }

    /// Removes images without a tag, or with `all` every image that no container uses, except
    /// those that `keep` says stay; then everything that nothing points to.
    ///
    /// # Errors
    /// The store cannot be changed.
    pub fn prune(
        &self,
        all: bool,
        usage: &Usage,
        keep: impl Fn(&Digest) -> bool,
    ) -> Result<Reclaimed> {
        let plan = self.change(|refs| {
            let plan = unused(refs, all, usage, keep);
            refs.apply(&plan);
            Ok(plan)
        })?;
        let (_, bytes) = self.collect(usage)?;
        let removed = lines(&plan);
        self.announce_all(&removed);
        Ok(Reclaimed { removed, bytes })
    }

    fn announce_all(&self, removed: &[Removed]) {
        for removed in removed {
            match removed {
                Removed::Untagged(name) => self.announce("untag", name, name),
                Removed::Deleted(id) => self.announce("delete", &id.to_string(), &id.to_string()),
            }
        }
    }

    /// Deletes what nothing needs: layers, blobs, and what interrupted pulls left. Returns the
    /// diff ids and the bytes of what went; nothing while somebody adds or uses layers.
    fn collect(&self, usage: &Usage) -> Result<(BTreeSet<Digest>, u64)> {
        let mut gone = BTreeSet::new();
        let Some(_alone) = Lock::try_take(&self.roots.lock("image-use"))? else {
            return Ok((gone, 0));
        };
        let (needed_layers, needed_blobs) = self.needed(usage)?;
        let mut bytes = 0;
        for diff_id in digests_in(&self.paths.layers())? {
            if !needed_layers.contains(&diff_id) {
                bytes += self.layer(&diff_id)?.map_or(0, |record| record.size);
                self.discard_layer(&diff_id)?;
                gone.insert(diff_id);
            }
        }
        for digest in digests_in(&self.paths.blobs())? {
            if !needed_blobs.contains(&digest) {
                let path = self.paths.blob(&digest);
                bytes += path.metadata().map_or(0, |metadata| metadata.len());
                fs::remove_file(&path).context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        self.clear_staging()?;
        Ok((gone, bytes))
    }

    /// Layers and blobs that an image or a container needs.
    fn needed(&self, usage: &Usage) -> Result<(BTreeSet<Digest>, BTreeSet<Digest>)> {
        let refs = self.refs()?;
        let mut layers = usage.layers.clone();
        layers.extend(self.build_records()?.into_iter().flat_map(|(_, it)| it.layers()));
        let mut blobs = BTreeSet::new();
        for (id, entry) in &refs.images {
            blobs.insert(id.clone());
            layers.extend(self.config(id)?.diff_ids);
            if let Some(digest) = &entry.manifest {
                blobs.insert(digest.clone());
                if let Ok(manifest::Document::Manifest(manifest)) =
                    self.blob(digest).and_then(|bytes| manifest::parse(&bytes, None))
                {
                    blobs.extend(manifest.layers.into_iter().map(|layer| layer.digest));
                }
            }
        }
        for diff_id in &layers {
            blobs.extend(self.layer(diff_id)?.and_then(|record| record.blob).map(|b| b.digest));
        }
        Ok((layers, blobs))
    }

    /// Invisible by one rename, deleted after: a crash in between leaves no half layer.
    fn discard_layer(&self, diff_id: &Digest) -> Result<()> {
        let aside = self.roots.gc().join(format!("layer-{}", diff_id.hex()));
        layers::remove(&aside)?;
        fs::rename(self.paths.layer(diff_id), &aside)
            .context(|| format!("cannot remove layer {}", diff_id.short()))?;
        layers::remove(&aside)
    }

    /// Deletes what crashed pulls left. Partly downloaded blobs stay for a day, to be resumed.
    fn clear_staging(&self) -> Result<()> {
        for name in names_in(&self.paths.staging())? {
            if let Some(_stale) = Lock::try_take(&self.staging_lock(&name))? {
                let path = self.paths.staging().join(&name);
                match path.is_dir() {
                    true => layers::remove(&path)?,
                    false => fs::remove_file(&path)
                        .context(|| format!("cannot remove {}", path.display()))?,
                }
            }
        }
        for name in names_in(&self.paths.partials())? {
            let path = self.paths.partials().join(name);
            let age = path.metadata().and_then(|metadata| metadata.modified()).ok();
            let age = age.and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age > PARTIAL_LIFE) {
                fs::remove_file(&path).context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// How long a partly downloaded blob is worth keeping.
const PARTIAL_LIFE: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Names first, then ids.
fn lines(plan: &Removal) -> Vec<Removed> {
    let untagged = plan.untag.iter().map(|name| Removed::Untagged(familiar(name)));
    untagged.chain(plan.delete.iter().cloned().map(Removed::Deleted)).collect()
}

fn names_in(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).context(|| format!("cannot list {}", dir.display()))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// The digests that files in `dir` are named after.
fn digests_in(dir: &Path) -> Result<Vec<Digest>> {
    let names = names_in(dir)?;
    Ok(names.iter().filter_map(|name| format!("sha256:{name}").parse().ok()).collect())
}
