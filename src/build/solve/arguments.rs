//! Build arguments before any step: for `FROM` lines, and those that nothing takes.

use std::collections::BTreeMap;

use crate::build::dockerfile::{Dockerfile, Instruction, Word, expand};
use crate::build::request::Request;
use crate::diag::Diagnostics;
use crate::image::Platform;

/// Values for `FROM` lines: `ARG`s before the first one, and the platforms; and the expanded words.
pub(super) fn globals(
    file: &Dockerfile,
    request: &Request,
    out: &mut Diagnostics,
) -> (BTreeMap<String, String>, Vec<String>) {
    let mut values = platform_args(file, request);
    let escape = file.directives.escape;
    for argument in &file.globals {
        let given = request.args.get(&argument.name.text).cloned();
        let value = given.or_else(|| {
            let word = argument.default.as_ref()?;
            expand_or_report(word, escape, &values, out)
        });
        if let Some(value) = value {
            values.insert(argument.name.text.clone(), value);
        }
    }
    let mut bases = Vec::new();
    for stage in &file.stages {
        let word = expand_or_report(&stage.base, escape, &values, out).unwrap_or_default();
        if word.is_empty() && !out.has_errors() {
            let message =
                format!("`{}` is empty: there is no image to begin with", stage.base.text);
            let mistake = out.error("empty-from", stage.base.span, message);
            mistake
                .hint("give the ARG a default before the first FROM, or a value with --build-arg");
        }
        bases.push(word);
        if let Some(word) = &stage.platform {
            let text = expand_or_report(word, escape, &values, out).unwrap_or_default();
            if let Err(error) = text.parse::<Platform>() {
                let message = format!("FROM needs a platform, not `{text}`: {error}");
                out.error("bad-platform", word.span, message);
            }
        }
    }
    (values, bases)
}

/// Given arguments that no `ARG` takes are probably misspelt.
pub(super) fn unused_arguments(file: &Dockerfile, request: &Request, out: &mut Diagnostics) {
    let steps = file.stages.iter().flat_map(|stage| &stage.steps);
    let of_stages = steps.filter_map(|step| match &step.instruction {
        Instruction::Arg(list) => Some(list),
        _ => None,
    });
    let declared: Vec<&str> = of_stages
        .chain([&file.globals])
        .flatten()
        .map(|argument| argument.name.text.as_str())
        .collect();
    let predefined = |name: &str| {
        let upper = name.to_ascii_uppercase();
        upper.ends_with("_PROXY") || upper.starts_with("BUILDKIT_") || upper == "SOURCE_DATE_EPOCH"
    };
    for name in request.args.keys() {
        if !declared.contains(&name.as_str()) && !predefined(name) {
            let message = format!("no ARG takes the build argument `{name}`");
            let mistake = out.warning("unused-argument", None, message);
            mistake.suggest(name, declared.iter().copied());
        }
    }
}

fn expand_or_report(
    word: &Word,
    escape: char,
    values: &BTreeMap<String, String>,
    out: &mut Diagnostics,
) -> Option<String> {
    match expand::expand(&word.text, escape, &|name| values.get(name).cloned()) {
        Ok(expanded) => Some(expanded.text),
        Err(message) => {
            out.error("bad-substitution", word.span, message);
            None
        }
    }
}

/// The arguments that name platforms (Docker: automatic platform ARGs in the global scope).
fn platform_args(file: &Dockerfile, request: &Request) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let host = Platform::host();
    for (prefix, platform) in [("TARGET", &request.platform), ("BUILD", &host)] {
        let variant = platform.variant.clone().unwrap_or_default();
        values.insert(format!("{prefix}PLATFORM"), platform.to_string());
        values.insert(format!("{prefix}OS"), platform.os.clone());
        values.insert(format!("{prefix}ARCH"), platform.architecture.clone());
        values.insert(format!("{prefix}VARIANT"), variant);
    }
    let last = file.stages.last().and_then(|stage| stage.name.as_ref());
    let target = request.target.clone().or_else(|| Some(last?.text.clone()));
    values.insert("TARGETSTAGE".to_owned(), target.unwrap_or_else(|| "default".to_owned()));
    values
}
