//! Go templates, as `--format` takes them.

use std::collections::{BTreeMap, HashMap};

use gtmpl_ng::{Context, Func, FuncError, Template, Value};
use serde_json::Value as Json;

use crate::base::{Error, Kind, Result};

/// Name of the hidden field that `.Label "x"` looks into; no user can write it.
const LABELS: &str = "\0labels";

/// What Go prints as `{}`: being a member says all (Docker: `map[string]struct{}`).
const MEMBER: &str = "\0{}";

/// A template, ready to be filled in.
pub struct Format(Template);

impl Format {
    /// Reads a template. `\t` and `\n` in it stand for what they stand for in Go.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with what the parser says.
    pub fn parse(text: &str) -> Result<Format> {
        let mut template = Template::default();
        template.add_funcs(&FUNCTIONS);
        let text = text.replace("\\t", "\t").replace("\\n", "\n");
        // The engine has no methods with arguments; `$` is the whole row, also within a range.
        let text = text.replace(".Label \"", "label $ \"");
        template.parse(text).map_err(|error| invalid(&error.to_string()))?;
        Ok(Format(template))
    }

    /// Fills it in with an object's fields, and the labels that `.Label "x"` finds.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a function that was called wrongly.
    pub fn render(&self, fields: &Json, labels: &BTreeMap<String, String>) -> Result<String> {
        let mut value = to_value(fields);
        if let Value::Object(fields) = &mut value {
            let labels = labels.iter().map(|(key, text)| (key.clone(), Value::from(text.as_str())));
            fields.insert(LABELS.to_owned(), Value::Map(labels.collect()));
        }
        let text = self.0.render(&Context::from(value));
        let text = text.map_err(|error| invalid(&error.to_string()))?;
        Ok(text.replace(MEMBER, "{}"))
    }
}

fn invalid(cause: &str) -> Error {
    // Behind the name of a field that there is not stand all those that there are, with values.
    let cause = cause.to_string();
    let short = cause.split_once("` in map[").map_or(cause.as_str(), |(start, _)| start);
    let tick = if short.len() < cause.len() { "`" } else { "" };
    Error::new(Kind::Invalid, format!("template parsing error: {short}{tick}"))
        .hint("--format takes `table`, `json` or a Go template such as '{{.Name}}'")
}

fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::Array(items.iter().map(to_value).collect()),
        Json::Object(fields) => {
            let value = |key: &String, value: &Json| match (key.as_str(), value) {
                ("ExposedPorts" | "Volumes", Json::Object(set)) => members(set),
                _ => to_value(value),
            };
            Value::Object(fields.iter().map(|(key, it)| (key.clone(), value(key, it))).collect())
        }
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Number(number.into()),
            (None, Some(number)) => Value::Number(number.into()),
            _ => Value::Number(number.as_f64().unwrap_or(f64::NAN).into()),
        },
    }
}

/// A set: the keys are all there is.
fn members(set: &serde_json::Map<String, Json>) -> Value {
    let value = |value: &Json| match value {
        Json::Object(fields) if fields.is_empty() => Value::from(MEMBER),
        value => to_value(value),
    };
    Value::Object(set.iter().map(|(key, it)| (key.clone(), value(it))).collect())
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::String(text) if text == MEMBER => Json::Object(serde_json::Map::new()),
        Value::String(text) => Json::String(text.clone()),
        Value::Array(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Object(fields) | Value::Map(fields) => {
            let shown = fields.iter().filter(|(key, _)| *key != LABELS);
            // Go prints a map's keys in order.
            let sorted: BTreeMap<_, _> = shown.map(|(key, value)| (key, to_json(value))).collect();
            Json::Object(sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            _ => Json::Null,
        },
        Value::NoValue | Value::Nil | Value::Function(_) => Json::Null,
    }
}

/// JSON as Go writes it: safe to put into HTML.
#[must_use]
pub fn go_json(value: &Json) -> String {
    // The three letters can only be inside strings.
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Docker's additions to Go's functions.
const FUNCTIONS: [(&str, Func); 9] = [
    ("json", |args| Ok(Value::from(go_json(&to_json(argument(args, 0, "json")?))))),
    ("label", label),
    ("join", join),
    ("split", |args| {
        let (text, separator) = (text(args, 0, "split")?, text(args, 1, "split")?);
        Ok(Value::Array(text.split(separator.as_str()).map(Value::from).collect()))
    }),
    ("lower", |args| Ok(Value::from(text(args, 0, "lower")?.to_lowercase()))),
    ("upper", |args| Ok(Value::from(text(args, 0, "upper")?.to_uppercase()))),
    ("title", |args| {
        let text = text(args, 0, "title")?;
        let words = text.split(' ').map(|word| {
            let mut letters = word.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            first.chain(letters).collect::<String>()
        });
        Ok(Value::from(words.collect::<Vec<_>>().join(" ")))
    }),
    ("pad", |args| {
        let pad = |index| " ".repeat(number(args, index).min(1000));
        Ok(Value::from(format!("{}{}{}", pad(1), text(args, 0, "pad")?, pad(2))))
    }),
    ("truncate", |args| {
        let text = text(args, 0, "truncate")?;
        Ok(Value::from(text.chars().take(number(args, 1)).collect::<String>()))
    }),
];

fn argument<'a>(args: &'a [Value], index: usize, name: &str) -> Result<&'a Value, FuncError> {
    args.get(index).ok_or_else(|| FuncError::AtLeastXArgs(name.to_owned(), index + 1))
}

fn text(args: &[Value], index: usize, name: &str) -> Result<String, FuncError> {
    Ok(argument(args, index, name)?.to_string())
}

/// A number argument; 0 where there is none.
fn number(args: &[Value], index: usize) -> usize {
    match args.get(index) {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0) as usize,
        _ => 0,
    }
}

fn label(args: &[Value]) -> Result<Value, FuncError> {
    let key = text(args, 1, "label")?;
    let Value::Object(fields) = argument(args, 0, "label")? else {
        return Ok(Value::from(""));
    };
    let labels: Option<&HashMap<String, Value>> = match fields.get(LABELS) {
        Some(Value::Map(labels)) => Some(labels),
        _ => None,
    };
    Ok(labels.and_then(|labels| labels.get(&key)).cloned().unwrap_or_else(|| Value::from("")))
}

fn join(args: &[Value]) -> Result<Value, FuncError> {
    let separator = text(args, 1, "join")?;
    Ok(match argument(args, 0, "join")? {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(ToString::to_string).collect();
            Value::from(items.join(&separator))
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> String {
        let fields = serde_json::json!({
            "Name": "web-1", "Size": 3, "Ports": ["80->80", "x"], "Nested": { "Up": true },
        });
        let labels = BTreeMap::from([("role".to_owned(), "front".to_owned())]);
        Format::parse(template).unwrap().render(&fields, &labels).unwrap()
    }

    #[test]
    fn fields_functions_and_pipes() {
        for (template, expected) in [
            ("{{.Name}}\\t{{.Size}}", "web-1\t3"),
            ("{{json .Ports}}", r#"["80-\u003e80","x"]"#),
            ("{{.Name | upper | printf \"%s!\"}}", "WEB-1!"),
            ("{{join .Ports \";\"}}", "80->80;x"),
            ("{{if .Nested.Up}}up{{end}}", "up"),
            ("{{range .Ports}}[{{.}}]{{end}}", "[80->80][x]"),
            ("{{.Label \"role\"}}{{.Label \"none\"}}", "front"),
            ("{{truncate .Name 3}}", "web"),
            ("{{pad .Name 1 2}}|", " web-1  |"),
            ("{{json .Nested}}", r#"{"Up":true}"#),
        ] {
            assert_eq!(render(template), expected, "{template}");
        }
    }

    #[test]
    fn a_set_is_printed_as_go_prints_it() {
        let fields = serde_json::json!({"ExposedPorts": {"80/tcp": {}}, "Other": {"a": {}}});
        for (template, expected) in [
            ("{{.ExposedPorts}} {{.Other}}", "map[80/tcp:{}] map[a:map[]]"),
            ("{{json .ExposedPorts}}", r#"{"80/tcp":{}}"#),
            ("{{range $port, $_ := .ExposedPorts}}{{$port}}{{end}}", "80/tcp"),
        ] {
            let text = Format::parse(template).unwrap().render(&fields, &BTreeMap::new());
            assert_eq!(text.unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn a_broken_template_is_the_users_mistake() {
        let error = Format::parse("{{.Name").err().unwrap();
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
