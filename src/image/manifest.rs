//! Manifests and indexes: what an image consists of, in OCI's and Docker's dialect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{Digest, Error, Kind, Result};

use super::platform::Platform;

/// Media types of both dialects (OCI: media-types.md, Docker: image manifest version 2, schema 2).
pub mod media {
    #![allow(missing_docs, reason = "the names say it")]
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    /// What we ask registries for, the list of platforms first.
    pub const ACCEPTED: [&str; 4] = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST];
}

/// Largest manifest, index or configuration we read (OCI distribution: registries should accept
/// manifests of 4 MiB).
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// More layers than overlay can stack are refused early.
const MAX_LAYERS: usize = 500;

/// Points to content (OCI: descriptor.md). `urls` are never followed, so they are not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Bytes of the content.
    pub size: u64,
    /// Only in an index: which machines it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Notes; `org.opencontainers.image.ref.name` is a tag in archives.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
}

/// `null` where a map is expected: some tools write it.
fn nullable<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A manifest: configuration and layers, base first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The image's configuration; its digest is the image's id.
    pub config: Descriptor,
    /// Compressed layers, base first.
    pub layers: Vec<Descriptor>,
}

/// A manifest or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// One image for several platforms.
    Index(Vec<Descriptor>),
    /// One image for one platform.
    Manifest(Manifest),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<u32>,
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

/// Reads a manifest or index. `content_type` is what the registry said it is.
///
/// # Errors
/// It is neither, both at once (CVE-2021-41190), something else than `content_type` says, or not
/// an image.
pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Document> {
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(invalid("manifest is larger than 4 MiB"));
    }
    let raw: Raw = serde_json::from_slice(bytes)
        .map_err(|error| invalid("manifest cannot be read").with_source(error))?;
    match raw.schema_version {
        Some(2) => {}
        Some(1) => {
            return Err(invalid("manifest has the obsolete schema 1")
                .hint("push the image again with a current tool"));
        }
        _ => return Err(invalid("manifest does not say that it has schema 2")),
    }
    let served = content_type.map(|text| text.split(';').next().unwrap_or(text).trim());
    let document = match (raw.manifests, raw.layers) {
        (Some(_), Some(_)) => return Err(invalid("manifest claims to be an index as well")),
        (Some(manifests), None) => {
            same_type(&raw.media_type, served, &[media::OCI_INDEX, media::DOCKER_INDEX])?;
            Document::Index(manifests)
        }
        (None, Some(layers)) => {
            same_type(&raw.media_type, served, &[media::OCI_MANIFEST, media::DOCKER_MANIFEST])?;
            let config = raw.config.ok_or_else(|| invalid("manifest has no configuration"))?;
            Document::Manifest(image_manifest(config, layers)?)
        }
        (None, None) => return Err(invalid("manifest has neither layers nor manifests")),
    };
    Ok(document)
}

/// What the document and the registry say it is must agree with what it looks like. Registries
/// that serve everything as plain JSON or bytes say nothing.
fn same_type(own: &Option<String>, served: Option<&str>, fitting: &[&str]) -> Result<()> {
    let vague = ["", "application/json", "application/octet-stream", "text/plain"];
    let served = served.filter(|served| !vague.contains(served));
    for claim in [own.as_deref(), served].into_iter().flatten() {
        if !fitting.contains(&claim) {
            return Err(invalid(&format!("manifest does not look like `{claim}`, its media type")));
        }
    }
    match (own.as_deref(), served) {
        (Some(own), Some(served)) if own != served => {
            Err(invalid(&format!("manifest says it is `{own}`, the registry says `{served}`")))
        }
        _ => Ok(()),
    }
}

/// Refuses what is not an image of layers we can unpack.
fn image_manifest(config: Descriptor, layers: Vec<Descriptor>) -> Result<Manifest> {
    if ![media::OCI_CONFIG, media::DOCKER_CONFIG].contains(&config.media_type.as_str()) {
        let message = format!("this is not an image but an artifact of `{}`", config.media_type);
        return Err(invalid(&message));
    }
    if config.size > MAX_DOCUMENT {
        return Err(invalid("image configuration is larger than 4 MiB"));
    }
    if layers.len() > MAX_LAYERS {
        return Err(invalid(&format!("image has more than {MAX_LAYERS} layers")));
    }
    let strange = layers.iter().find(|layer| !is_layer(&layer.media_type));
    match strange {
        Some(layer) => {
            Err(invalid(&format!("cannot unpack a layer of type `{}`", layer.media_type)))
        }
        None => Ok(Manifest { config, layers }),
    }
}

/// Tar archives of either dialect, of "foreign" ones too: those are asked of the registry like any
/// other. How they are compressed is seen from their first bytes.
fn is_layer(media_type: &str) -> bool {
    let oci = media_type.strip_prefix("application/vnd.oci.image.layer.");
    let docker = media_type.strip_prefix("application/vnd.docker.image.rootfs.");
    let kind =
        oci.map(|rest| rest.trim_start_matches("nondistributable.").trim_start_matches("v1."));
    let kind =
        kind.or(docker.map(|rest| rest.trim_start_matches("foreign.").trim_start_matches("diff.")));
    matches!(kind, Some("tar" | "tar+gzip" | "tar+zstd" | "tar.gzip" | "tar.zstd"))
}

fn invalid(message: &str) -> Error {
    Error::new(Kind::Invalid, message)
}

/// Writes a manifest in OCI's dialect.
#[must_use]
pub fn print(manifest: &Manifest) -> Vec<u8> {
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "config": manifest.config,
        "layers": manifest.layers,
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn descriptor(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{HEX}","size":1,"annotations":null}}"#)
    }

    fn error(text: &str, served: Option<&str>) -> String {
        parse(text.as_bytes(), served).unwrap_err().to_string()
    }

    #[test]
    fn a_printed_manifest_reads_back() {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{},{}]}}"#,
            descriptor(media::DOCKER_CONFIG),
            descriptor(media::DOCKER_LAYER_GZIP),
            descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
        );
        let Document::Manifest(manifest) = parse(text.as_bytes(), None).unwrap() else {
            panic!("it is a manifest")
        };
        let again = parse(&print(&manifest), Some(media::OCI_MANIFEST)).unwrap();
        assert_eq!(again, Document::Manifest(manifest));
    }

    #[test]
    fn a_document_that_is_two_things_is_refused() {
        let both = r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#;
        assert_eq!(error(both, None), "manifest claims to be an index as well");
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        assert!(error(index, Some(media::OCI_MANIFEST)).contains("does not look like"));
        let lying =
            format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, media::OCI_INDEX);
        assert!(error(&lying, Some(media::DOCKER_INDEX)).contains("the registry says"));
        assert!(parse(index.as_bytes(), Some("application/json; charset=utf-8")).is_ok());
    }

    #[test]
    fn what_is_not_an_image_is_named() {
        let with = |config: &str, layer: &str| {
            let (config, layer) = (descriptor(config), descriptor(layer));
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#)
        };
        assert_eq!(
            error(&with("application/vnd.helm", media::OCI_LAYER), None),
            "this is not an image but an artifact of `application/vnd.helm`"
        );
        assert!(error(&with(media::OCI_CONFIG, "text/html"), None).contains("text/html"));
        assert!(error(r#"{"schemaVersion":1}"#, None).contains("schema 1"));
        assert!(error("[]", None).contains("cannot be read"));
        let escape = with(media::OCI_CONFIG, media::OCI_LAYER).replace("sha256:", "sha256:../");
        assert!(error(&escape, None).contains("is not a sha256 digest"));
    }
}
