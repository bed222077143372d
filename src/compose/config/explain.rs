//! `config --explain PATH`: where a value comes from, through every file and variable.

use std::fmt::Write as _;

use crate::base::{Error, Kind, Result};
use crate::diag::{Sources, Span, closest};

use super::super::environment::Environment;
use super::super::node::{Node, Value};
use super::super::request::Loaded;
use super::super::template::{Fallback, FallbackKind, Template, Variable};

/// Explains the value at a path such as `services.web.ports[0]`, and every value below it.
///
/// # Errors
/// [`Kind::NotFound`] when there is nothing at the path, with what is close to it.
pub fn explain(loaded: &Loaded, path: &str) -> Result<String> {
    let steps = steps(path);
    let mut node: &Node = &loaded.document.root;
    let mut key = None;
    for (index, step) in steps.iter().enumerate() {
        let found = match &node.value {
            Value::Mapping(mapping) => mapping.get(step).map(|entry| (&entry.node, entry.key)),
            Value::Sequence(items) => {
                step.parse::<usize>().ok().and_then(|at| items.get(at)).map(|item| (item, None))
            }
            _ => None,
        };
        let Some((next, place)) = found else {
            return Err(missing(node, &steps[..index], step));
        };
        (node, key) = (next, place);
    }
    let mut out = String::new();
    let explain = Explain { sources: &loaded.sources, environment: &loaded.environment };
    explain.node(path, node, key, &mut out);
    Ok(out)
}

/// `a.b[0]."c.d"` as its steps; names with dots can be in double quotes.
fn steps(path: &str) -> Vec<String> {
    let (mut steps, mut step, mut quoted) = (Vec::new(), String::new(), false);
    for letter in path.chars() {
        match letter {
            '"' => quoted = !quoted,
            '.' | '[' | ']' if !quoted => {
                if !step.is_empty() {
                    steps.push(std::mem::take(&mut step));
                }
            }
            _ => step.push(letter),
        }
    }
    if !step.is_empty() {
        steps.push(step);
    }
    steps
}

fn missing(node: &Node, before: &[String], step: &str) -> Error {
    let place = match before {
        [] => "at the top".to_owned(),
        _ => format!("in `{}`", before.join(".")),
    };
    let error = Error::new(Kind::NotFound, format!("there is no `{step}` {place}"));
    let keys = node.as_mapping().into_iter().flat_map(|it| it.keys().map(String::as_str));
    match closest(step, keys.clone()) {
        Some(known) => error.hint(format!("did you mean `{known}`?")),
        None if keys.clone().next().is_some() => {
            error.hint(format!("there are {}", keys.collect::<Vec<_>>().join(", ")))
        }
        None => error,
    }
}

struct Explain<'a> {
    sources: &'a Sources,
    environment: &'a Environment,
}

impl Explain<'_> {
    fn node(&self, path: &str, node: &Node, key: Option<Span>, out: &mut String) {
        match &node.value {
            Value::Mapping(mapping) if !mapping.is_empty() => {
                for (name, entry) in mapping {
                    let dotted = name.contains(['.', '[', ']']);
                    let name = if dotted { format!("\"{name}\"") } else { name.clone() };
                    let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                    self.node(&path, &entry.node, entry.key, out);
                }
            }
            Value::Sequence(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    self.node(&format!("{path}[{index}]"), item, None, out);
                }
            }
            _ => self.leaf(path, node, key, out),
        }
    }

    fn leaf(&self, path: &str, node: &Node, key: Option<Span>, out: &mut String) {
        let value = match &node.value {
            Value::Null => "(no value)".to_owned(),
            Value::Sequence(_) => "[]".to_owned(),
            Value::Mapping(_) => "{}".to_owned(),
            Value::Scalar(scalar) => scalar.text.replace('\n', "\\n"),
        };
        let _ = writeln!(out, "{path} = {value}");
        match node.span.or(key) {
            None => out.push_str("  a default, or implied by other keys\n"),
            Some(span) => {
                let _ = writeln!(out, "  {}: {}", self.sources.describe(span), self.line(span));
                self.variables(span, out);
            }
        }
        for span in node.replaced.iter().flat_map(|it| it.iter().rev()) {
            let line = self.line(*span);
            let _ = writeln!(out, "  replaces {}: {line}", self.sources.describe(*span));
        }
    }

    /// The text of a span, or the first line of it.
    fn line(&self, span: Span) -> &str {
        self.sources.slice(span).lines().next().unwrap_or_default().trim()
    }

    /// The variables that the text of a span uses, and where they have their values from.
    fn variables(&self, span: Span, out: &mut String) {
        let Ok(template) = Template::parse(self.sources.slice(span)) else { return };
        template.variables(&mut |variable| self.variable(variable, out));
    }

    fn variable(&self, variable: &Variable, out: &mut String) {
        let name = &variable.name;
        let _ = match self.environment.variable(name) {
            Some(known) => match known.origin {
                Some(span) => {
                    let place = self.sources.describe(span);
                    writeln!(out, "    {name} = {} ({place})", known.value)
                }
                None => {
                    writeln!(out, "    {name} = {} (the environment of the command)", known.value)
                }
            },
            None => match &variable.fallback {
                Some(Fallback { kind: FallbackKind::Default, .. }) => {
                    writeln!(out, "    {name} is not set, so its default is used")
                }
                _ => writeln!(out, "    {name} is not set"),
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{LoadRequest, Memory, load};

    #[test]
    fn a_value_is_followed_through_files_and_variables() {
        let files = Memory::new()
            .with("/p/compose.yaml", "services:\n  web:\n    image: nginx:1.25\n")
            .with("/p/compose.override.yaml", "services:\n  web:\n    image: nginx:${TAG:-1}\n")
            .with("/p/.env", "TAG=1.27\n");
        let request = LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() };
        let loaded = load(&request, &files);
        assert_eq!(
            explain(&loaded, "services.web.image").unwrap(),
            "services.web.image = nginx:1.27
  compose.override.yaml:3:12: nginx:${TAG:-1}
    TAG = 1.27 (.env:1:1)
  replaces compose.yaml:3:12: nginx:1.25
"
        );
        let error = explain(&loaded, "services.web.imge").unwrap_err();
        assert_eq!(error.hints(), ["did you mean `image`?"]);
        let networks = explain(&loaded, "services.web.networks").unwrap();
        assert!(networks.contains("a default, or implied"), "{networks}");
    }
}
