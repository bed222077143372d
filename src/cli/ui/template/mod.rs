//! Go templates, as `--format` takes them.

mod actions;
mod functions;
mod values;

use std::collections::BTreeMap;

use gtmpl_ng::{Context, Template, Value};
use serde_json::Value as Json;

use crate::base::{Error, Kind, Result};

use actions::{Escapes, prepare};
use functions::FUNCTIONS;
use values::to_value;

/// Name of the hidden field that `.Label "x"` looks into; no user can write it.
const LABELS: &str = "\0labels";

/// Name of the hidden field that has the whole thing as it was in JSON.
const ORIGINAL: &str = "\0original";

/// What Go prints as `{}`: being a member says all (Docker: `map[string]struct{}`).
const MEMBER: &str = "\0{}";

/// A template, ready to be filled in.
pub struct Format(Template);

impl Format {
    /// Reads the template of a list. `\t` and `\n` in it stand for what they stand for in Go.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with what the parser says.
    pub fn parse(text: &str) -> Result<Format> {
        Format::read(&prepare(text, Escapes::Read))
    }

    /// Reads a template whose text is printed as it is, `\t` and `\n` too.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with what the parser says.
    pub fn verbatim(text: &str) -> Result<Format> {
        Format::read(&prepare(text, Escapes::Kept))
    }

    fn read(text: &str) -> Result<Format> {
        let mut template = Template::default();
        template.add_funcs(&FUNCTIONS);
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

    fn inspected(template: &str) -> String {
        let shape = serde_json::json!({
            "State": { "Status": "running", "Health": null },
            "HostConfig": { "CapAdd": null, "Dns": [], "PidsLimit": null, "Binds": ["/a:/b"] },
            "Config": { "Labels": { "a": "1" }, "Volumes": null },
            "NetworkSettings": { "Ports": { "80/tcp": [{ "HostPort": "8080" }], "81/tcp": null } },
            "Mounts": [{ "Type": "bind", "Destination": "/b" }],
        });
        let text = Format::verbatim(template).unwrap().render(&shape, &BTreeMap::new());
        text.unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn nothing_is_printed_as_go_prints_it() {
        for (template, expected) in [
            ("{{.HostConfig.CapAdd}} {{json .HostConfig.CapAdd}}", "[] null"),
            ("{{.HostConfig.Dns}} {{json .HostConfig.Dns}}", "[] []"),
            ("{{len .HostConfig.CapAdd}}{{range .HostConfig.CapAdd}}x{{else}}none{{end}}", "0none"),
            ("{{.Config.Volumes}} {{json .Config.Volumes}}", "map[] null"),
            ("{{.HostConfig.PidsLimit}} {{json .HostConfig.PidsLimit}}", "<nil> null"),
            ("{{with .HostConfig}}{{.PidsLimit}}{{end}}", "<nil>"),
            ("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none"),
            ("{{.Config.Labels.b}} {{.Config.Labels.a}}", "<no value> 1"),
            ("{{index .Config.Labels \"b\"}}|{{index .Config.Labels \"a\"}}", "|1"),
            ("{{index .NetworkSettings.Ports \"82/tcp\"}}", "[]"),
            ("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080"),
            (
                "{{json .NetworkSettings.Ports}}",
                r#"{"80/tcp":[{"HostPort":"8080"}],"81/tcp":null}"#,
            ),
            (
                "{{range $port, $to := .NetworkSettings.Ports}}{{$port}}={{len $to}} {{end}}",
                "80/tcp=1 81/tcp=0 ",
            ),
            ("{{json .Mounts}}", r#"[{"Type":"bind","Destination":"/b"}]"#),
            ("{{- range .Mounts -}} {{json .Type}} {{- end -}}", r#""bind""#),
        ] {
            assert_eq!(inspected(template), expected, "{template}");
        }
        let text = inspected("{{.HostConfig.Nothing}}");
        assert!(text.contains("no field `Nothing`"), "{text}");
        let text = inspected("{{index .HostConfig.Binds 7}}");
        assert!(text.contains("index out of range: 7"), "{text}");
    }

    #[test]
    fn what_stands_in_an_action_is_left_to_it() {
        for (template, list, single) in [
            ("{{.Name}}{{\"\\n\"}}x", "web-1\nx", "web-1\nx"),
            ("{{.Name}}\\tx", "web-1\tx", "web-1\\tx"),
            ("{{printf \"%s}}\" .Name}}", "web-1}}", "web-1}}"),
        ] {
            assert_eq!(render(template), list, "{template}");
            let fields = serde_json::json!({"Name": "web-1"});
            let text = Format::verbatim(template).unwrap().render(&fields, &BTreeMap::new());
            assert_eq!(text.unwrap(), single, "{template}");
        }
    }

    #[test]
    fn a_broken_template_is_the_users_mistake() {
        let error = Format::parse("{{.Name").err().unwrap();
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
