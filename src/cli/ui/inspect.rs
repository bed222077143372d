//! What `inspect` commands print: an array of what was found, and a line for each that was not.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::base;
use crate::cli::Context;
use crate::cli::report::{Exit, Result, line};
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
                // Go's names of fields differ from those in JSON in one place.
                let wants_id = template.contains(".ID");
                let template = Format::parse(template)?;
                for mut shape in self.found {
                    if let (true, Some(fields)) = (wants_id, shape.as_object_mut())
                        && let Some(id) = fields.get("Id").cloned()
                    {
                        fields.entry("ID").or_insert(id);
                    }
                    output.print(template.render(&shape, &BTreeMap::new())? + "\n")?;
                }
            }
        }
        for error in &self.missing {
            output.say_line(line(error, cx.face()))?;
        }
        Ok(if self.missing.is_empty() { Exit::Success } else { Exit::Code(1) })
    }
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
