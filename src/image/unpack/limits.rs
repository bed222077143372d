//! How much one layer may cost.

use std::path::Path;

use crate::base::{Error, Kind, Result};

/// Bounds against archives that grow without end (CVE-2023-25153 and its kin).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the archive after inflating.
    pub inflated: u64,
    /// Bytes that one compressed byte may become, once [`RATIO_FREE`] bytes came out.
    pub ratio: u64,
    /// Files, directories and links.
    pub entries: u64,
}

/// So much may come of anything: a short archive of zeros is no attack.
pub const RATIO_FREE: u64 = 64 << 20;

/// Memory for the names and attributes of directories.
const MAX_MEMORY: usize = 64 << 20;

/// Largest layer, inflated.
const MAX_INFLATED: u64 = 64 << 30;

impl Default for Limits {
    fn default() -> Limits {
        Limits { inflated: MAX_INFLATED, ratio: 1000, entries: 4_000_000 }
    }
}

impl Limits {
    /// The usual ones, and at most nine tenths of what is free on the disk that `dir` is on.
    #[must_use]
    pub fn for_disk(dir: &Path) -> Limits {
        let usual = Limits::default();
        let free = rustix::fs::statvfs(dir).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        let free = free.map_or(usual.inflated, |free| free / 10 * 9);
        Limits { inflated: usual.inflated.min(free), ..usual }
    }

    pub(super) fn check_entries(&self, entries: u64) -> Result<()> {
        match entries > self.entries {
            true => Err(over(format!("archive has more than {} entries", self.entries))),
            false => Ok(()),
        }
    }

    pub(super) fn check_memory(&self, bytes: usize) -> Result<()> {
        match bytes > MAX_MEMORY {
            true => Err(over("archive has too many directories".to_owned())),
            false => Ok(()),
        }
    }

    /// Whether `output` bytes may have come of `input` bytes.
    ///
    /// # Errors
    /// They may not.
    pub fn check_inflated(&self, input: u64, output: u64) -> Result<()> {
        if output > self.inflated {
            return Err(over(format!("archive is larger than {} bytes", self.inflated))
                .hint("free some disk space if the image can be trusted"));
        }
        if output > RATIO_FREE && output / self.ratio > input.max(1) {
            return Err(over(format!(
                "archive inflates to more than {} times its size",
                self.ratio
            )));
        }
        Ok(())
    }
}

fn over(message: String) -> Error {
    Error::new(Kind::Invalid, message)
}
