//! Publishing: documents that are no image, as an artifact in a repository.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::base::{Context, Digest, Error, Kind, Result};

use super::manifest::media;
use super::registry::{Access, Registry, Sent, Settings, Upload};
use super::{Reference, hash};

/// A document of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is, as in `application/json`.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What is said about it, as names and values.
    pub annotations: Vec<(String, String)>,
}

/// Version of the OCI image specification that an artifact is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// What the artifact is stands in its configuration's media type.
    V1_0,
    /// What it is stands in `artifactType`.
    V1_1,
}

/// What is not there is written as this (OCI: manifest.md#guidance-for-an-empty-descriptor).
const EMPTY: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// Publishes documents under a name; `kind` says what they are together. Returns the digest of the
/// manifest.
///
/// # Errors
/// The registry cannot be reached, or refuses it; a name with a digest cannot be published to.
pub async fn publish(
    settings: &Arc<Settings>,
    reference: &Reference,
    kind: &str,
    version: Version,
    documents: &[Document],
) -> Result<Digest> {
    let reference = reference.clone().or_latest();
    let Some(tag) = reference.tag() else {
        return Err(Error::new(Kind::Invalid, "cannot publish to a digest"));
    };
    let registry = Registry::connect(settings, &reference, Access::Push).await?;
    let bytes = manifest(kind, version, documents).to_string();
    let place_all = async |anew| {
        place(&registry, EMPTY, anew).await?;
        for document in documents {
            place(&registry, &document.bytes, anew).await?;
        }
        Ok(())
    };
    registry.put_manifest(tag, (bytes.as_bytes(), media::OCI_MANIFEST), place_all).await
}

fn manifest(kind: &str, version: Version, documents: &[Document]) -> Value {
    let config = match version {
        Version::V1_0 => kind,
        Version::V1_1 => EMPTY_TYPE,
    };
    let layers: Vec<Value> = documents
        .iter()
        .map(|document| {
            let mut layer = descriptor(&document.media_type, &document.bytes);
            let notes = document.annotations.iter();
            layer["annotations"] =
                notes.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
            layer
        })
        .collect();
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "config": descriptor(config, EMPTY),
        "layers": layers,
    });
    if version == Version::V1_1 {
        manifest["artifactType"] = kind.into();
    }
    manifest
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({
        "mediaType": media_type,
        "digest": hash::sha256(bytes).to_string(),
        "size": bytes.len(),
    })
}

async fn place(registry: &Registry, bytes: &[u8], anew: bool) -> Result<()> {
    // Uploads are of files; this one has no name on disk.
    let cannot = || "cannot make a file in memory".to_owned();
    let file = rustix::fs::memfd_create("document", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(std::io::Error::from)
        .context(cannot)?;
    let mut file = std::fs::File::from(file);
    file.write_all(bytes).context(cannot)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let digest = hash::sha256(bytes);
    let size = bytes.len() as u64;
    let upload = Upload { digest: &digest, size, file: &path, sources: &[], anew };
    let unheard: Arc<dyn Sent> = Arc::new(Unheard);
    registry.place_blob(&upload, &unheard).await.map(drop)
}

/// Documents are small: nobody needs to see them go.
#[derive(Debug)]
struct Unheard;

impl Sent for Unheard {
    fn sent(&self, _: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_stands_where_the_version_has_it() {
        let document = Document {
            media_type: "text/x".to_owned(),
            bytes: b"hi".to_vec(),
            annotations: vec![("name".to_owned(), "a".to_owned())],
        };
        let new = manifest("application/x", Version::V1_1, std::slice::from_ref(&document));
        assert_eq!(new["artifactType"], "application/x");
        assert_eq!(new["config"]["mediaType"], EMPTY_TYPE);
        assert_eq!(
            (&new["layers"][0]["size"], &new["layers"][0]["annotations"]["name"]),
            (&json!(2), &json!("a"))
        );
        let old = manifest("application/x", Version::V1_0, &[document]);
        assert_eq!(old["config"]["mediaType"], "application/x");
        assert!(old.get("artifactType").is_none());
    }
}
