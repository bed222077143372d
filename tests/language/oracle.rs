//! What Docker Compose printed for hundreds of files, compared with what we print.
//!
//! `fixtures/compose/README.md` says how the recordings were made, how both sides are normalised,
//! and which differences are meant, each with its reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::{fixtures, load_files, walk};
use compose::compose::config::project_json;
use compose::diag::{Severity, Style, render};
use serde_json::Value;

/// One recording: what was loaded, and what came of it.
struct Case {
    /// Path below the fixtures, as the README names it.
    name: String,
    files: Vec<PathBuf>,
    json: PathBuf,
    err: PathBuf,
}

fn cases(folder: &str) -> Vec<Case> {
    let (root, mut files) = (fixtures(), Vec::new());
    walk(&root.join(folder), &mut files);
    let mut cases = Vec::new();
    for path in files {
        let text = path.to_string_lossy().into_owned();
        let recorded = [text.strip_suffix(".golden.json"), text.strip_suffix(".golden.err")];
        let Some(source) = recorded.into_iter().flatten().next().map(PathBuf::from) else {
            continue;
        };
        let relative = source.strip_prefix(&root).unwrap().display().to_string();
        if cases.iter().any(|case: &Case| case.name == relative) {
            continue;
        }
        let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", source.display()));
        let (json, err) = (beside(".golden.json"), beside(".golden.err"));
        cases.push(Case { name: relative, files: vec![source], json, err });
    }
    cases
}

fn merges() -> Vec<Case> {
    let root = fixtures();
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root.join("merges")).unwrap().map(|it| it.unwrap().path()).collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| Case {
            name: folder.strip_prefix(&root).unwrap().display().to_string(),
            files: vec![folder.join("base.yaml"), folder.join("override.yaml")],
            json: folder.join("golden.json"),
            err: folder.join("golden.err"),
        })
        .collect()
}

/// Both sides in the form of the README: placeholders replaced, empty mappings as null.
fn normalised(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries: BTreeMap<&String, Value> =
                map.iter().map(|(key, value)| (key, normalised(value))).collect();
            let map: serde_json::Map<String, Value> =
                entries.into_iter().map(|(key, value)| (key.clone(), value)).collect();
            Value::Object(map)
        }
        Value::Array(items) => Value::Array(items.iter().map(normalised).collect()),
        Value::Number(number) => serde_json::json!(number.as_f64()),
        other => other.clone(),
    }
}

fn expected(case: &Case) -> Option<Value> {
    let text = std::fs::read_to_string(&case.json).ok()?;
    let directory = case.files[0].parent().unwrap().display().to_string();
    // The folder of the cases had another name when they were recorded.
    let text = text.replace("${ROOT}/inline", &fixtures().join("cases").display().to_string());
    let text = text.replace("${PROJECT_DIR}", &directory).replace("${ROOT}", &root_of(case));
    let mut value: Value = serde_json::from_str(&text).unwrap();
    undouble(&mut value);
    Some(normalised(&value))
}

/// The root of the recorded files that a case belongs to.
fn root_of(case: &Case) -> String {
    let first: PathBuf = Path::new(&case.name).components().take(1).collect();
    fixtures().join(first).display().to_string()
}

/// `config` writes every `$` twice.
fn undouble(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("$$", "$"),
        Value::Array(items) => items.iter_mut().for_each(undouble),
        Value::Object(map) => map.values_mut().for_each(undouble),
        _ => {}
    }
}

fn rejected(case: &Case) -> Option<String> {
    let text = std::fs::read_to_string(&case.err).ok()?;
    text.starts_with("exit 1").then_some(text)
}

/// Differences that are meant: the name of a case, a colon, and why.
fn meant() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(fixtures().join("README.md")).unwrap();
    let line = |line: &str| {
        let (name, reason) = line.strip_prefix("- `")?.split_once("`: ")?;
        Some((name.to_owned(), reason.to_owned()))
    };
    text.lines().skip_while(|line| !line.starts_with("## Differences")).filter_map(line).collect()
}

fn compare(cases: &[Case]) {
    let meant = meant();
    let mut wrong = Vec::new();
    for case in cases {
        let loaded = load_files(&case.files);
        let said = render(&loaded.diagnostics, &loaded.sources, Style::default());
        let problem = match (&loaded.project, expected(case), rejected(case)) {
            (Some(project), Some(expected), _) => {
                let ours = normalised(&project_json(project));
                (ours != expected).then(|| difference("", &ours, &expected))
            }
            (None, None, Some(_)) => {
                let placed = loaded.diagnostics.iter().any(|it| {
                    it.severity == Severity::Error
                        && (it.span.is_some()
                            || it.code == "no-file"
                            || it.code == "cannot-read"
                            || it.code == "empty-file")
                });
                (!placed).then(|| format!("rejected without a place:\n{said}"))
            }
            (None, Some(_), _) => Some(format!("rejected, but Docker Compose accepts it:\n{said}")),
            (Some(_), None, Some(theirs)) => {
                Some(format!("accepted, but Docker Compose says:\n{theirs}"))
            }
            _ => Some("there is no recording".to_owned()),
        };
        match (problem, meant.get(&case.name)) {
            (Some(problem), None) => wrong.push(format!("=== {}\n{problem}", case.name)),
            (None, Some(_)) => {
                wrong.push(format!("=== {}\nlisted as different, but is not", case.name));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Every path at which two values differ.
fn difference(path: &str, ours: &Value, theirs: &Value) -> String {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let mut keys: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
            keys.sort();
            keys.dedup();
            let none = Value::String("(nothing)".to_owned());
            keys.into_iter()
                .map(|key| {
                    let (a, b) = (ours.get(key).unwrap_or(&none), theirs.get(key).unwrap_or(&none));
                    difference(&format!("{path}.{key}"), a, b)
                })
                .collect()
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => ours
            .iter()
            .zip(theirs)
            .enumerate()
            .map(|(index, (a, b))| difference(&format!("{path}[{index}]"), a, b))
            .collect(),
        _ if ours == theirs => String::new(),
        _ => format!("{path}\n  ours:   {ours}\n  theirs: {theirs}\n"),
    }
}

#[test]
fn sample_stacks_load_as_in_docker_compose() {
    compare(&cases("golden"));
}

#[test]
fn inputs_of_the_specification_load_as_in_docker_compose() {
    compare(&cases("cases"));
}

#[test]
fn pairs_of_files_merge_as_in_docker_compose() {
    compare(&merges());
}
