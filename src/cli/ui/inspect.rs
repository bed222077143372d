//! What `inspect` commands print: an array of what was found, and a line for each that was not.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::base;
use crate::base::text::harmless_columns;
use crate::cli::Context;
use crate::cli::app::report::{Exit, Result, line};
use crate::cli::ui::template::Format;
use crate::engine::Engine;

/// Things that were looked up, in the order they were asked for.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<Json>,
    missing: Vec<base::Error>,
}

impl Findings {
    /// Adds one thing, or the reason why there is none.
    pub fn add(&mut self, finding: base::Result<Json>) {
        match finding {
            Ok(shape) => self.found.push(shape),
            Err(error) => self.missing.push(error),
        }
    }

    /// Prints what was found, then what was not (Docker: an empty array, and exit code 1).
    ///
    /// # Errors
    /// The template is wrong, or nobody reads the output any more.
    pub fn print(self, format: Option<&str>, cx: &Context<impl Engine>) -> Result<Exit> {
        let output = cx.output();
        match format {
            None | Some("json") => output.print(pretty(&Json::Array(self.found)))?,
            Some(template) => {
                let text = template;
                let template = Format::verbatim(text)?;
                for mut shape in self.found {
                    add_named(&mut shape, text);
                    let shown = template.render(&shape, &BTreeMap::new())? + "\n";
                    match output.out_is_terminal() {
                        true => output.print(&*harmless_columns(&shown))?,
                        false => output.print(shown)?,
                    }
                }
            }
        }
        for error in &self.missing {
            output.say_line(line(error, cx.invoked_as()))?;
        }
        Ok(if self.missing.is_empty() { Exit::Success } else { Exit::Code(1) })
    }
}

/// Adds what a template can name and JSON does not have: an id by Go's name of it, and fields of
/// containers that say nothing and are left out. Only those named: `{{json .State}}` is as ever.
fn add_named(shape: &mut Json, template: &str) {
    let named = |field: &str| template.contains(&format!(".{field}"));
    let Some(fields) = shape.as_object_mut() else { return };
    if let Some(id) = fields.get("Id").filter(|_| named("ID")).cloned() {
        fields.entry("ID").or_insert(id);
    }
    if !fields.contains_key("HostConfig") {
        return;
    }
    for (parent, field, nothing) in left_out().into_iter().filter(|(_, field, _)| named(field)) {
        let place = match parent {
            "" => Some(&mut *fields),
            parent => fields.get_mut(parent).and_then(Json::as_object_mut),
        };
        if let Some(place) = place {
            place.entry(field).or_insert(nothing);
        }
    }
}

/// A container's fields that are left out when they say nothing, and what Go has there (Docker:
/// `omitempty`).
fn left_out() -> [(&'static str, &'static str, Json); 13] {
    [
        ("", "SizeRw", Json::Null),
        ("", "SizeRootFs", Json::Null),
        ("State", "Health", Json::Null),
        ("Config", "ExposedPorts", json!({})),
        ("Config", "Healthcheck", Json::Null),
        ("Config", "StopSignal", json!("")),
        ("Config", "StopTimeout", Json::Null),
        ("HostConfig", "Annotations", json!({})),
        ("HostConfig", "Init", Json::Null),
        ("HostConfig", "Mounts", Json::Null),
        ("HostConfig", "StorageOpt", json!({})),
        ("HostConfig", "Sysctls", json!({})),
        ("HostConfig", "Tmpfs", json!({})),
    ]
}

/// JSON with four blanks a level, as Docker prints it.
fn pretty(value: &Json) -> String {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    // Writing a JSON value to memory cannot fail.
    let written = serde::Serialize::serialize(value, &mut serializer);
    debug_assert!(written.is_ok());
    String::from_utf8_lossy(&text).into_owned() + "\n"
}
