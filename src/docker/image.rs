//! Images in Docker's shape.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::resource::inspection::ImageInspection;

/// The image as Docker's API describes it (Docker: API 1.50, ImageInspect). The configuration
/// is the image's own, unknown keys included.
#[must_use]
pub fn shape(inspection: &ImageInspection) -> Value {
    let ImageInspection { image, document, config, layers } = inspection;
    let text_of = |key: &str| document.get(key).cloned().unwrap_or_else(|| json!(""));

    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("Id", json!(image.id));
    put("RepoTags", json!(image.tags));
    put("RepoDigests", json!(image.digests));
    put("Parent", json!(""));
    // Docker: what was said of the last step.
    let said = document.get("history").and_then(Value::as_array).and_then(|steps| steps.last());
    let said = said.and_then(|step| step.get("comment")).filter(|said| said.is_string());
    put("Comment", said.cloned().unwrap_or_else(|| text_of("comment")));
    put("Created", text_of("created"));
    put("DockerVersion", text_of("docker_version"));
    put("Author", text_of("author"));
    put("Config", merged_config(config.clone(), document.get("config")));
    put("Architecture", json!(image.architecture));
    if let Some(variant) = document.get("variant") {
        put("Variant", variant.clone());
    }
    put("Os", json!(image.os));
    put("Size", json!(image.size));
    put("GraphDriver", graph_driver(layers));
    put("RootFS", json!({"Type": "layers", "Layers": image.diff_ids}));
    let tagged_at = image.tagged_at.map(|time| time.to_string());
    let tagged_at = tagged_at.unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned());
    put("Metadata", json!({"LastTagTime": tagged_at}));
    Value::Object(out)
}

/// Docker: the GraphDriver object. The layers' directories come topmost first.
fn graph_driver(layers: &[PathBuf]) -> Value {
    let Some((upper, lower)) = layers.split_first() else {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::resource::{Image, image::ImageConfig};

    #[test]
    fn an_image_has_dockers_keys_and_its_own() {
        let image = Image {
            id: Digest::from_sha256(&[1; 32]),
            tags: vec!["app:2".to_owned(), "app:latest".to_owned()],
            digests: Vec::new(),
            created_at: None,
            tagged_at: None,
            size: 4,
            diff_ids: vec![Digest::from_sha256(&[2; 32])],
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            config: ImageConfig::default(),
        };
        let document = json!({"config": {"OnBuild": ["RUN x"]}, "created": "2026-01-01T00:00:00Z"});
        let shown = shape(&ImageInspection {
            document: document.as_object().unwrap().clone(),
            config: json!({"Cmd": ["sh"]}),
            layers: vec!["/top".into(), "/base".into()],
            image: image.clone(),
        });
        assert_eq!(shown["Id"], json!(image.id));
        assert_eq!(shown["RepoTags"], json!(["app:2", "app:latest"]));
        assert_eq!(shown["Config"]["Cmd"], json!(["sh"]));
        assert_eq!(shown["Config"]["OnBuild"], json!(["RUN x"]), "keys that we do not know stay");
        assert_eq!(shown["Created"], "2026-01-01T00:00:00Z");
        assert_eq!(shown["RootFS"]["Layers"][0], json!(image.diff_ids[0]));
        assert_eq!(shown["GraphDriver"]["Data"], json!({"LowerDir": "/base", "UpperDir": "/top"}));
    }
}
