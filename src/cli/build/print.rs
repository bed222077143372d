//! `build --print`: what would be built, as a file for `docker buildx bake`.

use serde_json::{Map, Value, json};

use crate::compose::Project;
use crate::compose::model::{Build, Service};
use crate::plan::image_of;

/// Keys that bake calls otherwise, or not at all.
const NAMES: [(&str, &str); 10] = [
    ("additional_contexts", "contexts"),
    ("cache_from", "cache-from"),
    ("cache_to", "cache-to"),
    ("dockerfile_inline", "dockerfile-inline"),
    ("extra_hosts", "extra-hosts"),
    ("no_cache", "no-cache"),
    ("no_cache_filter", "no-cache-filter"),
    ("shm_size", "shm-size"),
    ("secrets", "secret"),
    ("isolation", ""),
];

/// The file for these services.
#[must_use]
pub fn bake(project: &Project, names: &[String], push: bool) -> String {
    let mut targets = Map::new();
    for name in names {
        let Some(service) = project.services.get(name) else { continue };
        if let Some(build) = &service.build {
            targets.insert(name.clone(), target(project, service, build, push));
        }
    }
    let file = json!({"group": {"default": {"targets": names}}, "target": targets});
    serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
}

fn target(project: &Project, service: &Service, build: &Build, push: bool) -> Value {
    let Ok(Value::Object(written)) = serde_json::to_value(build) else { return json!({}) };
    let mut target = Map::new();
    for (key, value) in written {
        let renamed = NAMES.iter().find(|(from, _)| *from == key);
        let value = match key.as_str() {
            "additional_contexts" => contexts(value),
            "extra_hosts" => list(&value, "="),
            "ulimits" => limits(build),
            "secrets" => secrets(project, build),
            _ => value,
        };
        match renamed {
            Some((_, "")) => {}
            Some((_, to)) => drop(target.insert((*to).to_owned(), value)),
            None => drop(target.insert(key, value)),
        }
    }
    if build.dockerfile.is_none() && build.dockerfile_inline.is_none() {
        target.insert("dockerfile".to_owned(), json!("Dockerfile"));
    }
    let mut tags = vec![image_of(project, service)];
    tags.extend(build.tags.iter().cloned());
    target.insert("tags".to_owned(), json!(tags));
    let output = if push { "type=registry" } else { "type=docker" };
    target.insert("output".to_owned(), json!([output]));
    Value::Object(target)
}

/// A service's image is another target of the file.
fn contexts(value: Value) -> Value {
    let Value::Object(mut contexts) = value else { return value };
    for context in contexts.values_mut() {
        if let Some(service) = context.as_str().and_then(|it| it.strip_prefix("service:")) {
            *context = json!(format!("target:{service}"));
        }
    }
    Value::Object(contexts)
}

/// Pairs as `NAME=value`; what is a list stays one.
fn list(value: &Value, separator: &str) -> Value {
    let Value::Object(pairs) = value else { return value.clone() };
    let pair = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) => format!("{name}{separator}{text}"),
        None => format!("{name}{separator}{value}"),
    };
    json!(pairs.iter().map(pair).collect::<Vec<_>>())
}

fn limits(build: &Build) -> Value {
    let limit = |(name, it): (&String, &crate::compose::model::Ulimit)| match it.soft == it.hard {
        true => format!("{name}={}", it.soft),
        false => format!("{name}={}:{}", it.soft, it.hard),
    };
    json!(build.ulimits.iter().map(limit).collect::<Vec<_>>())
}

fn secrets(project: &Project, build: &Build) -> Value {
    let secret = |wanted: &crate::compose::model::FileMount| {
        let id = wanted.target.as_ref().unwrap_or(&wanted.source);
        let found = project.secrets.get(&wanted.source)?;
        Some(match (&found.file, &found.environment) {
            (Some(file), _) => format!("id={id},type=file,src={file}"),
            (None, name) => format!("id={id},type=env,env={}", name.as_deref()?),
        })
    };
    json!(build.secrets.iter().filter_map(secret).collect::<Vec<_>>())
}
