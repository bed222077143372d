//! What build steps made, by key: a later build with the same step takes its layer from here.
//!
//! A record keeps its layer from being collected. It is a hint and nothing more: one that is torn,
//! or whose layer is gone, is a step that was never built.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{Context, Digest, Result};
use crate::state::{self, Durability};

use super::{Store, layers};

/// What one step made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// The layer; it and those `below` must all exist for the record to be of use.
    pub layer: Digest,
    /// Layers the step was built on, base first.
    pub below: Vec<Digest>,
    /// When it was built.
    pub created: Timestamp,
    /// The instruction, for people.
    pub text: String,
}

impl BuildRecord {
    /// Its layer and all below.
    pub fn layers(self) -> impl Iterator<Item = Digest> {
        self.below.into_iter().chain([self.layer])
    }
}

impl Store {
    /// What the step with this key made; `None` if it was not built here or is gone.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn build_record(&self, key: &Digest) -> Result<Option<BuildRecord>> {
        // A damaged one costs a step that is built again.
        let record: Option<BuildRecord> =
            state::read(&self.paths.build_record(key)).unwrap_or_default();
        let Some(record) = record else { return Ok(None) };
        Ok(self.layer(&record.layer)?.map(|_| record))
    }

    /// Notes what a step made.
    ///
    /// # Errors
    /// The disk is full.
    pub fn keep_build_record(&self, key: &Digest, record: &BuildRecord) -> Result<()> {
        // Losing it in a crash costs a step that is built again.
        state::write(&self.paths.build_record(key), record, Durability::Process)
    }

    /// Every record with its key.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn build_records(&self) -> Result<Vec<(Digest, BuildRecord)>> {
        let dir = self.paths.build_records();
        let entries = fs::read_dir(&dir).context(|| format!("cannot list {}", dir.display()))?;
        let mut records = Vec::new();
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            let Ok(key) = format!("sha256:{name}").parse::<Digest>() else { continue };
            if let Some(record) = state::read(&self.paths.build_record(&key)).unwrap_or_default() {
                records.push((key, record));
            }
        }
        Ok(records)
    }

    /// Forgets every step, and every cache directory; layers that no image needs go with the next
    /// collection. Returns how many steps were forgotten.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn forget_builds(&self) -> Result<usize> {
        let records = self.build_records()?;
        for (key, _) in &records {
            let path = self.paths.build_record(key);
            fs::remove_file(&path).context(|| format!("cannot remove {}", path.display()))?;
        }
        layers::remove(&self.paths.build_caches())?;
        state::roots::make_dir(&self.paths.build_caches())?;
        Ok(records.len())
    }

    /// The directory of a `RUN --mount=type=cache`; its lock is beside it.
    #[must_use]
    pub fn build_cache(&self, name: &Digest) -> PathBuf {
        self.paths.build_cache(name)
    }
}
