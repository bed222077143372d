//! What `inspect` shows of an image, in Docker's shape.

use serde_json::{Map, Value, json};

use crate::base::{Context, Result};

use super::Store;
use crate::image::config::container_config;

impl Store {
    /// The image as Docker's API describes it (Docker: API 1.50, ImageInspect). The configuration
    /// is the image's own, unknown keys included.
    ///
    /// # Errors
    /// There is no such image, or it cannot be read.
    pub fn inspect(&self, text: &str) -> Result<Value> {
        let refs = self.refs()?;
        let missing = || super::refs::missing(text);
        let id = refs.find(text)?.cloned().ok_or_else(missing)?;
        let image = self.image(&refs, &id)?;
        let raw: Map<String, Value> = serde_json::from_slice(&self.config_bytes(&id)?)
            .map_err(std::io::Error::other)
            .context(|| format!("cannot read the configuration of image {}", id.short()))?;
        let text_of = |key: &str| raw.get(key).cloned().unwrap_or_else(|| json!(""));

        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        put("Id", json!(id));
        put("RepoTags", json!(image.tags));
        put("RepoDigests", json!(image.digests));
        put("Parent", json!(""));
        // Docker: what was said of the last step.
        let said = raw.get("history").and_then(Value::as_array).and_then(|steps| steps.last());
        let said = said.and_then(|step| step.get("comment")).filter(|said| said.is_string());
        put("Comment", said.cloned().unwrap_or_else(|| text_of("comment")));
        put("Created", text_of("created"));
        put("DockerVersion", text_of("docker_version"));
        put("Author", text_of("author"));
        put("Config", merged_config(container_config(&image.config), raw.get("config")));
        put("Architecture", json!(image.architecture));
        if let Some(variant) = raw.get("variant") {
            put("Variant", variant.clone());
        }
        put("Os", json!(image.os));
        put("Size", json!(image.size));
        put("GraphDriver", self.graph_driver(&image));
        put("RootFS", json!({"Type": "layers", "Layers": image.diff_ids}));
        let entry = refs.images.get(&id);
        let tagged_at = entry.and_then(|entry| entry.tagged_at).map(|time| time.to_string());
        let tagged_at = tagged_at.unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned());
        put("Metadata", json!({"LastTagTime": tagged_at}));
        Ok(Value::Object(out))
    }

    fn graph_driver(&self, image: &crate::resource::Image) -> Value {
        let dirs = self.lower_dirs(image);
        let Some((upper, lower)) = dirs.split_first() else {
            return json!({"Name": "overlay2", "Data": {}});
        };
        let mut data = Map::new();
        if !lower.is_empty() {
            let lower: Vec<_> = lower.iter().map(|dir| dir.to_string_lossy()).collect();
            data.insert("LowerDir".to_owned(), json!(lower.join(":")));
        }
        data.insert("UpperDir".to_owned(), json!(upper));
        json!({"Name": "overlay2", "Data": data})
    }
}

/// What we know of the configuration, and the image's own keys that we do not.
fn merged_config(known: Value, own: Option<&Value>) -> Value {
    let (Value::Object(mut known), Some(Value::Object(own))) = (known, own) else {
        return json!({});
    };
    for (key, value) in own {
        known.entry(key.clone()).or_insert_with(|| value.clone());
    }
    for (key, absent) in [
        ("User", json!("")),
        ("WorkingDir", json!("")),
        ("Entrypoint", Value::Null),
        ("Labels", Value::Null),
        ("Volumes", Value::Null),
    ] {
        known.entry(key).or_insert(absent);
    }
    Value::Object(known)
}
