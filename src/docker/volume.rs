//! Volumes in Docker's shape.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::resource::Volume;

/// Docker: the Volume object of the Engine API. Its content lies at `mountpoint`.
#[must_use]
pub fn shape(volume: &Volume, mountpoint: &Path) -> Json {
    let spec = &volume.spec;
    let null_if_empty = |value: Json| match value.as_object().is_some_and(serde_json::Map::is_empty)
    {
        true => Json::Null,
        false => value,
    };
    json!({
        "CreatedAt": volume.created_at.to_string(),
        "Driver": "local",
        "Labels": null_if_empty(json!(spec.labels)),
        "Mountpoint": mountpoint,
        "Name": spec.name,
        "Options": null_if_empty(json!(spec.driver_opts)),
        "Scope": "local",
    })
}
