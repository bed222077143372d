//! Checks of `FROM`, and of the arguments before it.

use std::collections::BTreeMap;

use crate::build::dockerfile::{Argument, Stage, expand};
use crate::diag::{Diagnostics, Span};
use crate::image::{Platform, Reference};

use super::Subject;
use super::rules::DESCRIPTION;

/// Arguments that exist without being declared, before the first `FROM`.
const PREDEFINED: [&str; 9] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

pub(super) fn check(subject: &Subject<'_>, out: &mut Diagnostics) {
    let defaults = defaults(subject);
    for argument in &subject.file.globals {
        let line = subject.line_of(argument.name.span);
        described(subject, "ARG", line, &[argument], out);
    }
    for stage in &subject.file.stages {
        casing(subject, stage, out);
        platform(subject, stage, &defaults, out);
        base(subject, stage, &defaults, out);
        if let Some(name) = &stage.name {
            description(subject, "FROM", stage.span, &[subject.written(name)], out);
        }
        for step in &stage.steps {
            if let crate::build::dockerfile::Instruction::Arg(list) = &step.instruction {
                let list: Vec<&Argument> = list.iter().collect();
                described(subject, "ARG", step.span, &list, out);
            }
        }
    }
}

/// Values of the arguments before the first `FROM` when nobody gives others.
fn defaults(subject: &Subject<'_>) -> BTreeMap<String, Option<String>> {
    let mut values: BTreeMap<String, Option<String>> =
        PREDEFINED.iter().map(|name| ((*name).to_owned(), Some("x".to_owned()))).collect();
    let escape = subject.file.directives.escape;
    for argument in &subject.file.globals {
        let value = argument.default.as_ref().and_then(|word| {
            let lookup = |name: &str| values.get(name).cloned().flatten();
            Some(expand::expand(&word.text, escape, &lookup).ok()?.text)
        });
        values.insert(argument.name.text.clone(), value);
    }
    values
}

fn casing(subject: &Subject<'_>, stage: &Stage, out: &mut Diagnostics) {
    let Some(name) = &stage.name else { return };
    let written = subject.written(name);
    if written.chars().any(char::is_uppercase) {
        let message = format!("Stage name '{written}' should be lowercase");
        out.warning("StageNameCasing", name.span, message);
    }
    let from = subject.keyword_at(stage.span.start);
    let between = subject.slice(stage.base.span.end, name.span.start);
    let as_word = between.split_whitespace().find(|word| word.eq_ignore_ascii_case("as"));
    let is_upper = |word: &str| word.chars().all(char::is_uppercase);
    if let Some(word) = as_word.filter(|word| is_upper(word) != is_upper(from)) {
        let message = format!("'{word}' and '{from}' keywords' casing do not match");
        out.warning("FromAsCasing", stage.span, message);
    }
}

fn platform(
    subject: &Subject<'_>,
    stage: &Stage,
    defaults: &BTreeMap<String, Option<String>>,
    out: &mut Diagnostics,
) {
    let Some(word) = &stage.platform else { return };
    undeclared(subject, &word.text, word.span, defaults, out);
    if matches!(word.text.as_str(), "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
        let message = format!(
            "Setting platform to predefined {} in FROM is redundant as this is the default behavior",
            word.text
        );
        out.warning("RedundantTargetPlatform", word.span, message);
    }
    // A stage that is called after its platform means it so.
    let is_named_so = |platform: &Platform| {
        let name = stage.name.as_ref().map_or("", |name| name.text.as_str());
        name.contains(&platform.os) || name.contains(&platform.architecture)
    };
    if !word.text.contains('$') && !word.text.parse().is_ok_and(|it| is_named_so(&it)) {
        let text = &word.text;
        let message = format!("FROM --platform flag should not use constant value \"{text}\"");
        out.warning("FromPlatformFlagConstDisallowed", word.span, message);
    }
}

fn base(
    subject: &Subject<'_>,
    stage: &Stage,
    defaults: &BTreeMap<String, Option<String>>,
    out: &mut Diagnostics,
) {
    let base = &stage.base;
    undeclared(subject, &base.text, base.span, defaults, out);
    let lookup = |name: &str| Some(defaults.get(name).cloned().flatten().unwrap_or_default());
    let expanded = expand::expand(&base.text, subject.file.directives.escape, &lookup);
    let is_good = expanded.is_ok_and(|it| it.text.parse::<Reference>().is_ok());
    if base.text.contains('$') && !is_good {
        let message = format!(
            "Default value for ARG {} results in empty or invalid base image name",
            base.text
        );
        out.warning("InvalidDefaultArgInFrom", base.span, message);
    }
}

fn undeclared(
    subject: &Subject<'_>,
    text: &str,
    span: Span,
    defaults: &BTreeMap<String, Option<String>>,
    out: &mut Diagnostics,
) {
    let lookup = |name: &str| defaults.contains_key(name).then(String::new);
    let Ok(expanded) = expand::expand(text, subject.file.directives.escape, &lookup) else {
        return;
    };
    for name in expanded.unset {
        let message = format!("FROM argument '{name}' is not declared");
        let warning = out.warning("UndefinedArgInFrom", span, message);
        warning.suggest(&name, defaults.keys().map(String::as_str));
    }
}

fn described(
    subject: &Subject<'_>,
    keyword: &str,
    span: Span,
    arguments: &[&Argument],
    out: &mut Diagnostics,
) {
    let names: Vec<&str> = arguments.iter().map(|it| it.name.text.as_str()).collect();
    description(subject, keyword, span, &names, out);
}

/// A comment right above a definition begins with what it defines.
fn description(
    subject: &Subject<'_>,
    keyword: &str,
    span: Span,
    names: &[&str],
    out: &mut Diagnostics,
) {
    let Some(comment) = subject.comment_above(span) else { return };
    let first = comment.split_whitespace().next().unwrap_or_default();
    if first.is_empty() || names.contains(&first) {
        return;
    }
    let example = match names {
        [one] => one,
        _ => "<arg_key>",
    };
    let message =
        format!("Comment for {keyword} should follow the format: `# {example} <description>`");
    out.warning(DESCRIPTION, span, message);
}
