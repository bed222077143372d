//! Artifacts: what is in a registry and is no image, such as compose files.

use std::sync::Arc;

use serde::Deserialize;

use crate::base::{Digest, Error, Kind, Result};

use super::Reference;
use super::manifest::{Descriptor, MAX_DOCUMENT};
use super::registry::{Registry, Settings};

/// More parts than this no artifact has that we know.
const MAX_PARTS: usize = 100;

/// One part of an artifact: what it is, and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its media type, digest and annotations.
    pub descriptor: Descriptor,
    /// The content, verified.
    pub bytes: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Fetches a small artifact: its digest, and its parts in order.
///
/// # Errors
/// There is none; it has more than 100 parts, or one of more than 4 MiB; something of it is not
/// what its digest says.
pub async fn artifact(
    settings: &Arc<Settings>,
    reference: &Reference,
) -> Result<(Digest, Vec<Part>)> {
    let (registry, found) = Registry::find(settings, reference).await?;
    let invalid = |reason: &str| Error::new(Kind::Invalid, format!("{reference} {reason}"));
    let manifest: Manifest = serde_json::from_slice(&found.bytes)
        .map_err(|error| invalid("has no manifest that can be read").with_source(error))?;
    if manifest.layers.len() > MAX_PARTS {
        return Err(invalid("has too many parts"));
    }
    let mut parts = Vec::new();
    for descriptor in manifest.layers {
        if descriptor.size > MAX_DOCUMENT {
            return Err(invalid("has a part of more than 4 MiB"));
        }
        let bytes = registry.small_blob(&descriptor.digest, descriptor.size).await?;
        parts.push(Part { descriptor, bytes });
    }
    Ok((found.digest, parts))
}
