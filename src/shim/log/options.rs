//! A log configuration's text, parsed.

use std::collections::BTreeMap;

use crate::base::{ContainerId, Error, Kind, Result};
use crate::resource::container::{ContainerSpec, LogConfig};

use super::forward::Config;

/// What a log driver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Nothing is kept (`none`).
    pub discard: bool,
    /// A file this large is rotated before the next record; `None`: never.
    pub max_size: Option<u64>,
    /// Files kept, the current one included; at least 1.
    pub max_files: usize,
    /// Rotated files are compressed.
    pub compress: bool,
}

impl Options {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a driver or value we do not have, with Docker's options' names.
    pub fn parse(config: &LogConfig) -> Result<Options> {
        let mut options = match config.driver.as_str() {
            "" | "json-file" => {
                Options { discard: false, max_size: None, max_files: 1, compress: false }
            }
            // Docker: 20 MB, five files, compressed.
            "local" => {
                Options { discard: false, max_size: Some(20_000_000), max_files: 5, compress: true }
            }
            "none" => Options { discard: true, max_size: None, max_files: 1, compress: false },
            // What is sent on is kept here, too, so that it can be read (Docker: the same sizes).
            "syslog" | "journald" => return Options::cache(config),
            other => {
                let message = format!("there is no log driver `{other}`");
                return Err(Error::new(Kind::Invalid, message)
                    .hint("the log drivers are json-file, local, none, journald and syslog"));
            }
        };
        if options.discard {
            return Ok(options);
        }
        for (key, value) in &config.options {
            options.set(key, value)?;
        }
        if options.compress && config.driver != "local" && options.max_files < 2 {
            let message = "log option `compress` needs `max-file` of at least 2 and `max-size`";
            return Err(Error::new(Kind::Invalid, message));
        }
        Ok(options)
    }

    /// Of the local file beside a driver that sends output on.
    fn cache(config: &LogConfig) -> Result<Options> {
        Config::parse(config)?;
        let mut options =
            Options { discard: false, max_size: Some(20_000_000), max_files: 5, compress: true };
        for (key, value) in &config.options {
            match key.strip_prefix("cache-") {
                Some("disabled") => options.discard = value == "true",
                Some(key) => options.set(key, value)?,
                None => {}
            }
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let invalid =
            || Error::new(Kind::Invalid, format!("`{value}` is not a value of log option `{key}`"));
        match key {
            "max-size" if value == "-1" => self.max_size = None,
            "max-size" => self.max_size = Some(size(value).ok_or_else(invalid)?),
            "max-file" => {
                self.max_files =
                    value.parse().ok().filter(|&count| count > 0).ok_or_else(invalid)?;
            }
            "compress" => self.compress = value.parse().map_err(|_| invalid())?,
            "mode" if !matches!(value, "blocking" | "non-blocking") => return Err(invalid()),
            // A container never waits for its log, so both modes are the same.
            "mode" | "max-buffer-size" => (),
            "labels" | "env" | "tag" => (),
            _ => {
                let message = format!("there is no log option `{key}`");
                return Err(Error::new(Kind::Invalid, message)
                    .hint("options: max-size, max-file, compress, labels, env, tag, mode"));
            }
        }
        Ok(())
    }

    /// The member `"attrs"` that the options `labels`, `env` and `tag` ask for, with its comma;
    /// empty when there is nothing to say.
    #[must_use]
    pub fn attributes(spec: &ContainerSpec, id: &ContainerId) -> String {
        let mut found = extra(spec);
        if let Some(template) = spec.log.options.get("tag") {
            found.insert("tag", tag(template, spec, id));
        }
        match found.is_empty() {
            true => String::new(),
            // A map of strings can always be encoded.
            false => serde_json::to_string(&found)
                .map_or(String::new(), |text| format!("\"attrs\":{text},")),
        }
    }
}

/// What the options `labels` and `env` ask for, by name.
pub(super) fn extra(spec: &ContainerSpec) -> BTreeMap<&str, String> {
    let options = &spec.log.options;
    let names = |key: &str| options.get(key).map_or("", String::as_str).split(',');
    let mut found = BTreeMap::new();
    for name in names("labels") {
        found.extend(spec.labels.get(name).map(|value| (name, value.clone())));
    }
    for name in names("env") {
        let variable = spec.process.env.iter().find_map(|entry| {
            entry.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value)
        });
        found.extend(variable.map(|value| (name, value.to_owned())));
    }
    found
}

/// What a container is called in other logs: its short id unless a template is given.
pub(super) fn tag_of(spec: &ContainerSpec, id: &ContainerId) -> String {
    match spec.log.options.get("tag") {
        Some(template) => tag(template, spec, id),
        None => id.short().to_owned(),
    }
}

/// The fields of Docker's tag templates that say which container it is.
fn tag(template: &str, spec: &ContainerSpec, id: &ContainerId) -> String {
    let image_id = spec.image_id.as_ref().map_or(String::new(), ToString::to_string);
    let short: String = image_id.trim_start_matches("sha256:").chars().take(12).collect();
    template
        .replace("{{.ID}}", id.short())
        .replace("{{.FullID}}", id.as_str())
        .replace("{{.Name}}", &spec.name)
        .replace("{{.ImageName}}", &spec.image)
        .replace("{{.ImageID}}", &short)
        .replace("{{.ImageFullID}}", &image_id)
}

/// A size with decimal units, as in `10m` (Docker: units of 1000 for log sizes).
pub(super) fn size(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let factor = match unit.trim() {
        "" => 1_u64,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    (bytes >= 1.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(driver: &str, options: &[(&str, &str)]) -> LogConfig {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LogConfig { driver: driver.to_owned(), options }
    }

    #[test]
    fn sizes_are_decimal() {
        for (text, bytes) in
            [("10m", 10_000_000), ("1.5k", 1_500), ("200", 200), ("2GB", 2_000_000_000)]
        {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "m", "-1", "5x", "0"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_drivers_and_values_are_refused_with_their_names() {
        let error = |driver, options: &[(&str, &str)]| {
            Options::parse(&config(driver, options)).unwrap_err().to_string()
        };
        assert_eq!(error("gelf", &[]), "there is no log driver `gelf`");
        assert_eq!(
            error("json-file", &[("max-file", "0")]),
            "`0` is not a value of log option `max-file`"
        );
        assert_eq!(error("json-file", &[("colour", "red")]), "there is no log option `colour`");
    }

    #[test]
    fn attributes_name_what_was_asked_for() {
        let mut spec = ContainerSpec {
            name: "web-1".to_owned(),
            log: config(
                "json-file",
                &[("labels", "a,b"), ("env", "E"), ("tag", "{{.Name}}/{{.ID}}")],
            ),
            ..ContainerSpec::default()
        };
        spec.labels.insert("a".to_owned(), "1\"".to_owned());
        spec.process.env.push("E=x=y".to_owned());
        let id: ContainerId = "ab".repeat(32).parse().unwrap();
        assert_eq!(
            Options::attributes(&spec, &id),
            r#""attrs":{"E":"x=y","a":"1\"","tag":"web-1/abababababab"},"#
        );
    }
}
