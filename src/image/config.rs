//! Image configurations: JSON as images carry it, to and from what containers need of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::base::{Digest, Error, Kind, PortRange, Protocol, Result};
use crate::resource::ImageConfig;
use crate::resource::container::ExposedPort;
use crate::resource::image::ImageHealth;

use super::manifest::MAX_DOCUMENT;

/// An image's configuration (OCI: config.md). Its JSON is kept beside it and never written again
/// from this: unknown keys would be lost, and with them the image's id.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// `amd64`, …; empty when it does not say.
    pub architecture: String,
    /// `linux`, …
    pub os: String,
    /// `v8`, …
    pub variant: Option<String>,
    /// Who made it; empty: it does not say.
    pub author: String,
    /// When it was built.
    pub created: Option<Timestamp>,
    /// Digests of the uncompressed layers, base first.
    pub diff_ids: Vec<Digest>,
    /// How it was made, oldest first.
    pub history: Vec<History>,
    /// What runs in it, and how.
    pub config: ImageConfig,
}

/// One step that made an image.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct History {
    /// When.
    #[serde(deserialize_with = "time")]
    pub created: Option<Timestamp>,
    /// The command.
    #[serde(deserialize_with = "or_default")]
    pub created_by: String,
    /// Who made it.
    #[serde(deserialize_with = "or_default")]
    pub author: String,
    /// A remark.
    #[serde(deserialize_with = "or_default")]
    pub comment: String,
    /// It made no layer.
    #[serde(deserialize_with = "or_default")]
    pub empty_layer: bool,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "or_default")]
    architecture: String,
    #[serde(default, deserialize_with = "or_default")]
    os: String,
    variant: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    author: String,
    #[serde(default, deserialize_with = "time")]
    created: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    config: RawConfig,
    rootfs: RawRootfs,
    #[serde(default, deserialize_with = "or_default")]
    history: Vec<History>,
}

#[derive(Deserialize)]
struct RawRootfs {
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<Digest>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct RawConfig {
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    working_dir: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    exposed_ports: BTreeMap<String, Value>,
    #[serde(deserialize_with = "or_default")]
    volumes: BTreeMap<String, Value>,
    stop_signal: Option<String>,
    healthcheck: Option<RawHealth>,
    #[serde(deserialize_with = "or_default")]
    shell: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    on_build: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    args_escaped: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct RawHealth {
    #[serde(deserialize_with = "or_default")]
    test: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    interval: u64,
    #[serde(deserialize_with = "or_default")]
    timeout: u64,
    #[serde(deserialize_with = "or_default")]
    start_period: u64,
    #[serde(deserialize_with = "or_default")]
    start_interval: u64,
    #[serde(deserialize_with = "or_default")]
    retries: u32,
}

/// `null` is as good as absent: Go writes it for empty lists and maps.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A time nobody can read is no reason to refuse an image.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Reads a configuration.
///
/// # Errors
/// It is larger than 4 MiB or not a configuration.
pub fn parse(bytes: &[u8]) -> Result<Document> {
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(Error::new(Kind::Invalid, "image configuration is larger than 4 MiB"));
    }
    let raw: Raw = serde_json::from_slice(bytes).map_err(|error| {
        Error::new(Kind::Invalid, "image configuration cannot be read").with_source(error)
    })?;
    let exposed_ports = raw.config.exposed_ports.keys();
    let config = ImageConfig {
        exposed_ports: exposed_ports.map(|text| parse_port(text)).collect::<Result<_>>()?,
        user: raw.config.user,
        env: raw.config.env,
        entrypoint: raw.config.entrypoint,
        cmd: raw.config.cmd,
        working_dir: raw.config.working_dir,
        labels: raw.config.labels,
        volumes: raw.config.volumes.into_keys().collect(),
        stop_signal: raw.config.stop_signal.filter(|signal| !signal.is_empty()),
        health: raw.config.healthcheck.filter(|health| !health.test.is_empty()).map(|health| {
            ImageHealth {
                test: health.test,
                interval: health.interval,
                timeout: health.timeout,
                start_period: health.start_period,
                start_interval: health.start_interval,
                retries: health.retries,
            }
        }),
        shell: raw.config.shell,
        on_build: raw.config.on_build,
        args_escaped: raw.config.args_escaped,
    };
    Ok(Document {
        architecture: raw.architecture,
        os: raw.os,
        variant: raw.variant.filter(|variant| !variant.is_empty()),
        author: raw.author,
        created: raw.created,
        diff_ids: raw.rootfs.diff_ids,
        history: raw.history,
        config,
    })
}

/// `80`, `80/tcp` or `8000-8010/udp`.
///
/// # Errors
/// It is none of these.
pub fn parse_port(text: &str) -> Result<ExposedPort> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol: Protocol = protocol.parse()?;
    let ports: PortRange = ports.parse()?;
    Ok(ExposedPort { ports, protocol })
}

/// A new configuration's JSON.
#[must_use]
pub fn print(document: &Document) -> Vec<u8> {
    let mut root = Map::new();
    let created = document.created.map(|time| time.to_string());
    root.insert("created".to_owned(), json!(created));
    if !document.author.is_empty() {
        root.insert("author".to_owned(), json!(document.author));
    }
    root.insert("architecture".to_owned(), json!(document.architecture));
    if let Some(variant) = &document.variant {
        root.insert("variant".to_owned(), json!(variant));
    }
    root.insert("os".to_owned(), json!(document.os));
    root.insert("config".to_owned(), container_config(&document.config));
    root.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": document.diff_ids}));
    let history: Vec<Value> = document.history.iter().map(print_history).collect();
    root.insert("history".to_owned(), Value::Array(history));
    Value::Object(root).to_string().into_bytes()
}

fn print_history(step: &History) -> Value {
    let mut entry = Map::new();
    if let Some(created) = step.created {
        entry.insert("created".to_owned(), json!(created.to_string()));
    }
    for (key, text) in
        [("created_by", &step.created_by), ("author", &step.author), ("comment", &step.comment)]
    {
        if !text.is_empty() {
            entry.insert(key.to_owned(), json!(text));
        }
    }
    if step.empty_layer {
        entry.insert("empty_layer".to_owned(), json!(true));
    }
    Value::Object(entry)
}

/// The `config` object in Docker's spelling; keys that say nothing are left out, but for `Cmd`
/// and `Env`, which old readers expect.
#[must_use]
pub fn container_config(config: &ImageConfig) -> Value {
    let set = |keys: Vec<String>| -> Value {
        Value::Object(keys.into_iter().map(|key| (key, json!({}))).collect())
    };
    let ports = config.exposed_ports.iter();
    let ports = ports.map(|port| format!("{}/{}", port.ports, port.protocol)).collect();
    let entries = [
        ("User", json!(config.user)),
        ("ExposedPorts", set(ports)),
        ("Env", json!(config.env)),
        ("Entrypoint", json!(config.entrypoint)),
        ("Cmd", json!(config.cmd)),
        ("Healthcheck", config.health.as_ref().map_or(Value::Null, print_health)),
        ("Volumes", set(config.volumes.clone())),
        ("WorkingDir", json!(config.working_dir)),
        ("Labels", json!(config.labels)),
        ("StopSignal", json!(config.stop_signal)),
        ("Shell", json!(config.shell)),
        ("OnBuild", json!(config.on_build)),
        ("ArgsEscaped", json!(config.args_escaped)),
    ];
    let says_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        Value::Bool(set) => !set,
        Value::Number(_) => false,
    };
    let kept = entries
        .into_iter()
        .filter(|(key, value)| matches!(*key, "Cmd" | "Env") || !says_nothing(value));
    Value::Object(kept.map(|(key, value)| (key.to_owned(), value)).collect())
}

fn print_health(health: &ImageHealth) -> Value {
    let mut entry = Map::new();
    entry.insert("Test".to_owned(), json!(health.test));
    for (key, number) in [
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
        ("StartInterval", health.start_interval),
        ("Retries", u64::from(health.retries)),
    ] {
        if number > 0 {
            entry.insert(key.to_owned(), json!(number));
        }
    }
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_as_good_as_absent() {
        let text = r#"{"architecture":"amd64","os":"linux","created":"never",
            "config":{"Env":null,"Cmd":null,"Labels":null,"ExposedPorts":null,"Healthcheck":{"Test":null}},
            "rootfs":{"type":"layers","diff_ids":null},"history":null}"#;
        let document = parse(text.as_bytes()).unwrap();
        assert_eq!((document.config, document.created), (ImageConfig::default(), None));
        assert!(parse(br#"{"config":null,"rootfs":{}}"#).is_ok());
        assert!(parse(b"{}").is_err(), "no rootfs");
    }

    #[test]
    fn a_printed_configuration_reads_back() {
        let text = r#"{"architecture":"arm64","variant":"v8","os":"linux","created":"2024-01-02T03:04:05.6Z",
            "config":{"User":"www","Env":["A=b"],"Entrypoint":["/e"],"Cmd":["c"],"WorkingDir":"/w","Labels":{"k":"v"},
              "ExposedPorts":{"80/tcp":{},"90-91/udp":{}},"Volumes":{"/data":{}},"StopSignal":"SIGQUIT","Shell":["/bin/bash","-c"],
              "Healthcheck":{"Test":["CMD","true"],"Interval":1000000000,"Retries":3}},
            "rootfs":{"type":"layers","diff_ids":["sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]},
            "history":[{"created":"2024-01-02T03:04:05Z","created_by":"x","empty_layer":true}]}"#;
        let document = parse(text.as_bytes()).unwrap();
        let again = parse(&print(&document)).unwrap();
        assert_eq!(document.config, again.config);
        assert_eq!(document.history, again.history);
        assert_eq!((document.variant, document.diff_ids), (again.variant, again.diff_ids));
    }
}
