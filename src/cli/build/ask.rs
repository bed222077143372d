//! Questions about a Dockerfile that need no build: `--check` and `--call`.

use serde_json::{Value, json};

use crate::base::{Error, Kind};
use crate::build::{Failure as BuildFailure, Outline, Request, Survey, Target, check};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Failure, Result};
use crate::diag::{Style, render, to_json};
use crate::engine::Engine;

/// What is asked for (Docker: `--call`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Check,
    Outline,
    Targets,
}

/// A question, and whether the answer is JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    method: Method,
    json: bool,
}

impl Question {
    /// Whether the Dockerfile keeps the rules.
    pub const CHECK: Question = Question { method: Method::Check, json: false };

    /// Reads `--call`: `METHOD[,format=json]`; `None`: `build`, which is no question.
    ///
    /// # Errors
    /// There is no such method.
    pub fn read(text: &str) -> Result<Option<Question>> {
        let (method, options) = text.split_once(',').unwrap_or((text, ""));
        let method = match method.trim_start_matches("subrequest:") {
            "build" => return Ok(None),
            "check" | "lint" => Method::Check,
            "outline" => Method::Outline,
            "targets" => Method::Targets,
            other => {
                let error = Error::new(Kind::Invalid, format!("--call {other} is not known"));
                return Err(error.hint("it is build, check, outline or targets").into());
            }
        };
        match options {
            "" | "format=text" => Ok(Some(Question { method, json: false })),
            "format=json" => Ok(Some(Question { method, json: true })),
            other => {
                Err(Error::new(Kind::Invalid, format!("--call has no option `{other}`")).into())
            }
        }
    }
}

impl<E: Engine> Context<E> {
    /// Answers a question about the Dockerfile of a request. Of a check that found something, the
    /// exit code is 1.
    ///
    /// # Errors
    /// The Dockerfile is wrong, or breaks a rule that is to be kept.
    pub async fn answer(&self, question: Question, request: &Request) -> Result<Exit> {
        let style = Style { colour: self.output().err_has_colour(), ..Style::default() };
        let survey = match self.engine()?.survey(request).await {
            Ok(survey) => survey,
            Err(BuildFailure::Error(error)) => return Err(error.into()),
            Err(failure @ BuildFailure::Mistakes { .. }) => {
                return Err(Failure::Mistakes(failure.show(style)));
            }
        };
        let text = match (question.method, question.json) {
            (Method::Check, true) => to_json(&survey.warnings, &survey.sources),
            (Method::Check, false) => {
                self.output().say(render(&survey.warnings, &survey.sources, style))?;
                complete(check::violations(&survey.warnings))
            }
            (Method::Outline, true) => pretty(&outline_json(&survey.outline)),
            (Method::Outline, false) => outline(&survey.outline),
            (Method::Targets, true) => pretty(&targets_json(&survey)),
            (Method::Targets, false) => targets(&survey.targets),
        };
        self.output().print(text)?;
        // Docker: where a build goes on, a check says no.
        match question.method == Method::Check && check::violations(&survey.warnings) > 0 {
            true => Ok(Exit::Code(1)),
            false => Ok(Exit::Success),
        }
    }
}

/// Docker: the first line of `docker build --check`.
fn complete(count: usize) -> String {
    match count {
        0 => "Check complete, no warnings found.\n".to_owned(),
        1 => "Check complete, 1 warning has been found!\n".to_owned(),
        count => format!("Check complete, {count} warnings have been found!\n"),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let header = header.iter().map(|title| (*title).to_owned()).collect();
    Columns::DOCKER.align(&[header].into_iter().chain(rows).collect::<Vec<_>>())
}

fn default_mark(target: &Target) -> String {
    let name = if target.name.is_empty() { "(unnamed)" } else { &target.name };
    if target.is_default { format!("{name} (default)") } else { name.to_owned() }
}

fn targets(targets: &[Target]) -> String {
    let row = |target: &Target| vec![default_mark(target), target.description.clone()];
    table(&["TARGET", "DESCRIPTION"], targets.iter().map(row))
}

fn targets_json(survey: &Survey) -> Value {
    let target = |it: &Target| {
        json!({
            "name": it.name,
            "default": it.is_default,
            "description": it.description,
            "base": it.base,
        })
    };
    let default = survey.targets.iter().find(|it| it.is_default).map(|it| it.name.clone());
    let targets: Vec<Value> = survey.targets.iter().map(target).collect();
    json!({"default": default, "targets": targets})
}

fn outline(outline: &Outline) -> String {
    let mut text = String::new();
    for (label, value) in [("TARGET", &outline.name), ("DESCRIPTION", &outline.description)] {
        if !value.is_empty() {
            text += &format!("{:<16}{value}\n", format!("{label}:"));
        }
    }
    if !outline.args.is_empty() {
        let rows = outline.args.iter().map(|(name, value, said)| {
            vec![name.clone(), value.clone().unwrap_or_default(), said.clone()]
        });
        text += &format!("\n{}", table(&["BUILD ARG", "VALUE", "DESCRIPTION"], rows));
    }
    for (title, list) in [("SECRET", &outline.secrets), ("SSH", &outline.agents)] {
        if !list.is_empty() {
            let required = |it: &bool| (if *it { "true" } else { "" }).to_owned();
            let rows = list.iter().map(|(id, it)| vec![id.clone(), required(it)]);
            text += &format!("\n{}", table(&[title, "REQUIRED"], rows));
        }
    }
    text
}

fn outline_json(outline: &Outline) -> Value {
    let args: Vec<Value> = outline
        .args
        .iter()
        .map(|(name, value, said)| json!({"name": name, "value": value, "description": said}))
        .collect();
    let named = |list: &[(String, bool)]| -> Vec<Value> {
        list.iter().map(|(id, required)| json!({"name": id, "required": required})).collect()
    };
    json!({
        "name": outline.name,
        "description": outline.description,
        "args": args,
        "secrets": named(&outline.secrets),
        "ssh": named(&outline.agents),
    })
}
