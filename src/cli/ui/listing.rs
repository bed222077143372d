//! Lists of things: as a table, as JSON, or as the user's own template says.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::base::Result;
use crate::base::text::harmless_columns;
use crate::cli::ui::table::Columns;
use crate::cli::ui::template::Format;
use crate::docker::go_json;

/// A list that `--format` can show in several ways.
pub struct Listing {
    /// Columns of the table: heading, and the field below it.
    pub columns: Vec<(&'static str, &'static str)>,
    /// What is listed.
    pub rows: Vec<Row>,
    /// How wide the table's columns are.
    pub layout: Columns,
    /// How JSON is written.
    pub json: JsonStyle,
}

/// One thing in a list.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its fields, in the order in which JSON has them.
    pub fields: Map<String, Json>,
    /// What `.Label "x"` finds.
    pub labels: BTreeMap<String, String>,
    /// Cells of the table where they differ from the fields, by field.
    pub cells: BTreeMap<&'static str, String>,
}

/// Shapes of JSON output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonStyle {
    /// One object a line.
    Lines,
    /// One array in one line.
    Array,
}

impl Listing {
    /// The whole list as `format` says: empty or `table`, `json`, `table TEMPLATE` or a template.
    ///
    /// # Errors
    /// The template is wrong.
    pub fn text(&self, format: &str) -> Result<String> {
        match format {
            "" | "table" => Ok(self.table()),
            "json" => Ok(self.json()),
            _ => match format.strip_prefix("table ") {
                Some(template) => self.custom_table(template),
                None => self.lines(&Format::parse(format)?),
            },
        }
    }

    /// The whole list as a table.
    #[must_use]
    pub fn table(&self) -> String {
        let header = self.columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        let rows = self.rows.iter().map(|row| {
            let cells = self.columns.iter().map(|(_, field)| row.cell(field));
            cells.collect()
        });
        self.layout.align(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
    }

    fn json(&self) -> String {
        let objects = self.rows.iter().map(|row| Json::Object(row.fields.clone()));
        match self.json {
            JsonStyle::Lines => objects.map(|row| go_json(&row) + "\n").collect(),
            JsonStyle::Array => go_json(&Json::Array(objects.collect())) + "\n",
        }
    }

    /// One line for each thing.
    fn lines(&self, template: &Format) -> Result<String> {
        let line = |row: &Row| {
            let text = template.render(&row.shown(), &row.labels)?;
            Ok(harmless_columns(&text).into_owned() + "\n")
        };
        self.rows.iter().map(line).collect()
    }

    /// A table with the user's columns, which tabs separate.
    fn custom_table(&self, template: &str) -> Result<String> {
        let template = Format::parse(template)?;
        let header = template.render(&self.headings(), &BTreeMap::new())?;
        let lines = self.rows.iter().map(|row| template.render(&row.shown(), &row.labels));
        let lines: Vec<String> = std::iter::once(Ok(header)).chain(lines).collect::<Result<_>>()?;
        let cells = |line: &String| harmless_columns(line).split('\t').map(str::to_owned).collect();
        Ok(self.layout.align(&lines.iter().map(cells).collect::<Vec<_>>()))
    }

    /// Each field's heading, as a thing of its own: `RunningFor` is `RUNNING FOR` unless the table
    /// calls it otherwise.
    fn headings(&self) -> Json {
        let fields = self.rows.iter().flat_map(|row| row.fields.keys().map(String::as_str));
        let fields = fields.chain(self.columns.iter().map(|(_, field)| *field));
        let heading = |field: &str| match self.columns.iter().find(|(_, of)| *of == field) {
            Some((heading, _)) => (*heading).to_owned(),
            // Docker: images have this field twice.
            None if field == "VirtualSize" => "SIZE".to_owned(),
            None => spaced(field),
        };
        Json::Object(fields.map(|field| (field.to_owned(), Json::from(heading(field)))).collect())
    }
}

/// The format that `raw` stands for, or what was asked for (Docker: a line for each field, and
/// an empty one behind each thing).
#[must_use]
pub fn unless_raw<'a>(format: &'a str, raw: &'a str) -> &'a str {
    if format == "raw" { raw } else { format }
}

impl Row {
    /// Sets a field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Json>) -> Row {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// Sets what the table shows for a field.
    #[must_use]
    pub fn showing(mut self, field: &'static str, text: impl Into<String>) -> Row {
        self.cells.insert(field, text.into());
        self
    }

    fn cell(&self, field: &str) -> String {
        match (self.cells.get(field), self.fields.get(field)) {
            (Some(text), _) => text.clone(),
            (None, Some(Json::String(text))) => text.clone(),
            (None, Some(Json::Null) | None) => String::new(),
            (None, Some(value)) => value.to_string(),
        }
    }

    /// The fields, as the table shows them.
    fn shown(&self) -> Json {
        let mut fields = self.fields.clone();
        for (field, text) in &self.cells {
            fields.insert((*field).to_owned(), Json::from(text.as_str()));
        }
        Json::Object(fields)
    }
}

/// `RunningFor` to `RUNNING FOR`.
fn spaced(field: &str) -> String {
    let mut heading = String::new();
    let mut lower = false;
    for letter in field.chars() {
        if letter.is_uppercase() && lower {
            heading.push(' ');
        }
        lower = letter.is_lowercase();
        heading.extend(letter.to_uppercase());
    }
    heading
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        let row = |name: &str, state: &str| {
            Row::default().with("Name", name).with("RunningFor", "2 hours").with("State", state)
        };
        Listing {
            columns: vec![("NAME", "Name"), ("STATUS", "State")],
            rows: vec![row("web-1", "running").showing("State", "UP"), row("db-1", "exited")],
            layout: Columns::DOCKER,
            json: JsonStyle::Lines,
        }
    }

    #[test]
    fn one_list_in_four_shapes() {
        for (format, expected) in [
            ("table", "NAME      STATUS\nweb-1     UP\ndb-1      exited\n"),
            (
                "table {{.RunningFor}}\\t{{.Name}}",
                "RUNNING FOR   NAME\n2 hours       web-1\n2 hours       db-1\n",
            ),
            ("{{.Name}}", "web-1\ndb-1\n"),
            (
                "json",
                "{\"Name\":\"web-1\",\"RunningFor\":\"2 hours\",\"State\":\"running\"}\n\
                 {\"Name\":\"db-1\",\"RunningFor\":\"2 hours\",\"State\":\"exited\"}\n",
            ),
        ] {
            assert_eq!(listing().text(format).unwrap(), expected);
        }
    }
}
