//! Networks, volumes, secrets and configs of the project.

use crate::diag::list;

use super::Check;

pub fn check(check: &mut Check) {
    let project = check.project;
    for (name, secret) in &project.secrets {
        let sources =
            [("file", secret.file.is_some()), ("environment", secret.environment.is_some())];
        source(check, "secrets", name, &sources, secret.external);
    }
    for (name, config) in &project.configs {
        let sources = [
            ("file", config.file.is_some()),
            ("environment", config.environment.is_some()),
            ("content", config.content.is_some()),
        ];
        source(check, "configs", name, &sources, config.external);
    }
    for name in project.volumes.iter().filter(|(_, it)| it.external).map(|(name, _)| name) {
        external(check, "volumes", name);
    }
    for (kind, names) in [
        (
            "secrets",
            project.secrets.iter().filter(|(_, it)| it.external).map(|it| it.0).collect::<Vec<_>>(),
        ),
        ("configs", project.configs.iter().filter(|(_, it)| it.external).map(|it| it.0).collect()),
    ] {
        names.into_iter().for_each(|name| external(check, kind, name));
    }
    missing_values(check);
}

/// What it holds comes from exactly one place (Spec: 08-configs.md, 09-secrets.md).
fn source(check: &mut Check, kind: &str, name: &str, sources: &[(&str, bool)], elsewhere: bool) {
    let given: Vec<&str> = sources.iter().filter(|it| it.1).map(|it| it.0).collect();
    let what = kind.trim_end_matches('s');
    let choice = list(sources.iter().map(|it| it.0));
    let path = [kind, name];
    match given.as_slice() {
        [] if !elsewhere && !check.is_broken(&path) => {
            let place = check.project.document.key_place(&path);
            let message = format!("the {what} `{name}` comes from nowhere");
            check.out.error("missing-key", place, message).hint(format!("give it {choice}"));
        }
        [first, second, ..] => {
            let place = check.project.document.key_place(&[kind, name, second]);
            let other = check.project.document.key_place(&[kind, name, first]);
            let message = format!("the {what} `{name}` has several sources");
            check
                .out
                .error("conflict", place, message)
                .label(other, "one source")
                .hint(format!("keep one of {choice}"));
        }
        _ => {}
    }
}

/// What exists already is only named.
fn external(check: &mut Check, kind: &str, name: &str) {
    let Some(mapping) = check.project.document.find(&[kind, name]).and_then(|it| it.as_mapping())
    else {
        return;
    };
    let harmless =
        |key: &str| matches!(key, "name" | "external" | "template_driver") || key.starts_with("x-");
    for (key, entry) in mapping {
        if !harmless(key) {
            let message = format!(
                "the {} `{name}` exists outside of this project, so it cannot have `{key}` here",
                kind.trim_end_matches('s')
            );
            let other = mapping.get("external").and_then(|it| it.key);
            check
                .out
                .error("conflict", entry.key, message)
                .label(other, "declared to exist already")
                .hint(format!("remove `{key}` or `external`"));
        }
    }
}

/// A secret or config from a variable that is not set would be missing when a container starts.
fn missing_values(check: &mut Check) {
    let project = check.project;
    let secrets = project.secrets.iter().filter(|(_, it)| it.value.is_none());
    let secrets = secrets.map(|(name, it)| ("secrets", name, &it.environment));
    let configs = project.configs.iter().filter(|(_, it)| it.value.is_none());
    let configs = configs.map(|(name, it)| ("configs", name, &it.environment));
    for (kind, name, variable) in secrets.chain(configs) {
        let Some(variable) = variable.as_ref().filter(|it| !project.environment.contains_key(*it))
        else {
            continue;
        };
        let place = project.document.place(&[kind, name, "environment"]);
        let message = format!(
            "the {} `{name}` is taken from the variable `{variable}`, which is not set",
            kind.trim_end_matches('s')
        );
        let names: Vec<&str> = project.environment.keys().map(String::as_str).collect();
        check.out.warning("unset-variable", place, message).suggest(variable, names).note(
            "it is a variable of the project, set in `.env` or the environment of the command",
        );
    }
}
