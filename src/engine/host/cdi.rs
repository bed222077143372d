//! Descriptions of devices on this machine (CDI: SPEC.md#locations).

use std::fs;
use std::path::PathBuf;

use crate::base::{Context, Result};
use crate::engine::bundle::cdi::{Description, parse};

/// Where descriptions are; what is in a later directory wins.
const DIRECTORIES: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// All descriptions, by directory and name.
///
/// # Errors
/// A file is damaged.
pub(super) fn descriptions() -> Result<Vec<Description>> {
    let mut found = Vec::new();
    for directory in DIRECTORIES {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.retain(|file| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("json" | "yaml" | "yml"))
        });
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file);
            let text = text.context(|| format!("cannot read {}", file.display()))?;
            found.push(parse(&text).context(|| file.display().to_string())?);
        }
    }
    Ok(found)
}
