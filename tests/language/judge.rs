//! The JSON schema of compose files as the judge: what it refuses we refuse, and what we print it
//! accepts.
//!
//! The schema is a crate's to check here and never the product's: it knows no places and no hints.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::support::{fixtures, load_files, properties, schema, walk};
use compose::compose::{LoadRequest, Memory, config, load};
use compose::diag::{Style, render};
use jsonschema::Validator;
use serde_json::{Value, json};

fn judge() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

/// Why the schema refuses a value; nothing if it does not.
fn refusal(judge: &Validator, value: &Value) -> Option<String> {
    let errors: Vec<String> =
        judge.iter_errors(value).map(|it| format!("{}: {it}", it.instance_path())).collect();
    (!errors.is_empty()).then(|| errors.join("\n"))
}

fn recorded() -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(&fixtures(), &mut files);
    files.retain(|path| path.extension().is_some_and(|it| it == "yaml" || it == "yml"));
    files
}

/// A file as any other program reads it; `None` if it takes more than reading to know what it says.
fn plain(path: &PathBuf) -> Option<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let special = ["$", "<<:", "include:", "extends:", "!reset", "!override", "\n---"];
    if special.iter().any(|it| text.contains(it)) {
        return None;
    }
    serde_yaml::from_str(&text).ok()
}

#[test]
fn what_config_prints_fits_the_schema() {
    let (judge, mut count) = (judge(), 0);
    for path in recorded() {
        let Some(project) = load_files(std::slice::from_ref(&path)).project else { continue };
        let printed: Value = serde_yaml::from_str(&config::to_yaml(&project)).unwrap();
        assert_eq!(refusal(&judge, &printed), None, "{}\n{printed:#}", path.display());
        count += 1;
    }
    assert!(count > 250, "{count}");
}

#[test]
fn recorded_files_that_the_schema_refuses_are_refused() {
    let (judge, mut seen) = (judge(), 0);
    for path in recorded() {
        let Some(value) = plain(&path) else { continue };
        // Docker Compose drops equal items of lists before it asks the schema.
        let recording = format!("{}.golden.json", path.display());
        if PathBuf::from(recording).exists() {
            continue;
        }
        if let Some(reason) = refusal(&judge, &value) {
            let loaded = load_files(std::slice::from_ref(&path));
            assert!(loaded.project.is_none(), "{}\n{reason}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// A file in which the value at a path of the schema is `value`, and everything else is right.
fn file_with(path: &str, value: Value) -> Value {
    let mut whole = value;
    let mut names: Vec<&str> = path.split('.').collect();
    while let Some(name) = names.pop() {
        let (name, list) = match name.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (name, false),
        };
        if list {
            whole = json!([whole]);
        }
        let name = if name == "*" { "a" } else { name };
        let above = names.join(".");
        let mut around = neighbours(&above);
        around.insert(name.to_owned(), whole);
        whole = Value::Object(around);
    }
    if whole.get("services").is_none() {
        whole["services"] = json!({"web": {"image": "x"}});
    }
    whole
}

/// What must stand beside a key, so that it is the only one that can be wrong.
fn neighbours(above: &str) -> serde_json::Map<String, Value> {
    let needed = match above {
        "services.*" => json!({"image": "x"}),
        "services.*.blkio_config.weight_device[]" => json!({"path": "/dev/a", "weight": 100}),
        "services.*.build.ulimits.*" | "services.*.ulimits.*" => json!({"soft": 1, "hard": 2}),
        "services.*.deploy.resources.reservations.devices[]" => json!({"capabilities": ["gpu"]}),
        "services.*.develop.watch[]" => json!({"path": ".", "action": "rebuild", "target": "/x"}),
        "services.*.env_file[]" => json!({"path": "a.env", "required": false}),
        "services.*.provider" => json!({"type": "x"}),
        "services.*.extends" => json!({"service": "b"}),
        "services.*.volumes[]" => json!({"type": "volume", "target": "/x"}),
        "services.*.ports[]" => json!({"target": 80}),
        "services.*.depends_on.*" => json!({"condition": "service_started"}),
        "services.*.devices[]" => json!({"source": "/dev/a"}),
        "include[]" => json!({"path": "b.yaml"}),
        "models.*" => json!({"model": "m"}),
        "services.*.post_start[]" | "services.*.pre_stop[]" => json!({"command": "x"}),
        "services.*.pre_start[]" => json!({"image": "x", "command": "x"}),
        path if path.starts_with("services.*.blkio_config.device_") => {
            json!({"path": "/dev/a", "rate": 1})
        }
        _ => json!({}),
    };
    needed.as_object().unwrap().clone()
}

/// What the schema refuses and we accept, each with its reason.
const LENIENT: [(&str, &str); 3] = [
    (
        "include",
        "Docker Compose takes `include` out before it asks the schema; nothing is included",
    ),
    ("include[].env_file", "as `include`: a key without a value says nothing"),
    ("include[].project_directory", "as `include`: a key without a value says nothing"),
];

/// What the schema accepts and we refuse, each with its reason.
const STRICT: [(&str, &str); 16] = [
    ("configs.*.external", "unknown keys beside `name` are mistakes here as everywhere"),
    ("secrets.*.external", "unknown keys beside `name` are mistakes here as everywhere"),
    ("services.*.cpu_period", "Docker Compose cuts the fraction off"),
    ("services.*.cpu_quota", "Docker Compose cuts the fraction off"),
    ("services.*.cpu_rt_period", "Docker Compose cuts the fraction off"),
    ("services.*.cpu_rt_runtime", "Docker Compose cuts the fraction off"),
    ("services.*.cpu_shares", "Docker Compose cuts the fraction off"),
    (
        "services.*.deploy.resources.reservations.generic_resources[].discrete_resource_spec.value",
        "Docker Compose cuts the fraction off",
    ),
    ("services.*.gpus", "unknown keys of a GPU are mistakes here as everywhere"),
    ("services.*.healthcheck.retries", "Docker Compose cuts the fraction off"),
    ("services.*.networks.*.gw_priority", "Docker Compose cuts the fraction off"),
    ("services.*.networks.*.priority", "Docker Compose cuts the fraction off"),
    ("services.*.pids_limit", "Docker Compose cuts the fraction off"),
    ("services.*.storage_opt", "the schema says nothing of the values; an option is one value"),
    ("services.*.ulimits.*", "a limit is a number or a pair of them"),
    ("services.*.provider.options", "an option is one value or a list of them"),
];

/// Loads a value as a compose file and gives the codes of its mistakes, and the text for people.
fn mistakes(value: &Value) -> (BTreeSet<&'static str>, bool, String) {
    let text = serde_yaml::to_string(value).unwrap();
    let files = Memory::new()
        .with("/p/compose.yaml", text)
        .with("/p/b.yaml", "services: {c: {image: x}}\n");
    let loaded = load(&LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() }, &files);
    let said = render(&loaded.diagnostics, &loaded.sources, Style::default());
    let errors =
        loaded.diagnostics.iter().filter(|it| it.severity == compose::diag::Severity::Error);
    (errors.map(|it| it.code).collect(), loaded.project.is_some(), said)
}

fn is_type_error(codes: &BTreeSet<&'static str>) -> bool {
    codes.contains("wrong-type") || codes.contains("unknown-key")
}

#[test]
fn every_key_takes_the_types_that_the_schema_gives_it_and_no_others() {
    let (judge, root, mut paths) = (judge(), schema(), BTreeSet::new());
    properties(&root, &root, "", &mut paths);
    let values = [
        json!(null),
        json!(true),
        json!(3),
        json!(1.5),
        json!([]),
        json!(["word"]),
        json!([7]),
        json!([["word"]]),
        json!([null]),
        json!([{"nonsense": "x"}]),
        json!({}),
        json!({"nonsense": {"nonsense": []}}),
    ];
    let (lenient, strict): (BTreeMap<&str, &str>, BTreeMap<&str, &str>) =
        (LENIENT.into(), STRICT.into());
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in &paths {
        for value in &values {
            let file = file_with(path, value.clone());
            let refused = refusal(&judge, &file);
            let (codes, accepted, said) = mistakes(&file);
            count += 1;
            match refused {
                Some(reason) if accepted && !lenient.contains_key(path.as_str()) => {
                    wrong.push(format!("{path}: {value} is accepted\n  {reason}"));
                }
                None if is_type_error(&codes) && !strict.contains_key(path.as_str()) => {
                    wrong.push(format!("{path}: {value} is refused\n{said}"));
                }
                _ => {}
            }
        }
        // A text may stand for a value of another type: what a variable leaves is text.
        let texts = ["word", "true", "3"].map(|text| file_with(path, json!(text)));
        let taken = texts.iter().any(|file| !is_type_error(&mistakes(file).0));
        let allowed = texts.iter().any(|file| refusal(&judge, file).is_none());
        if allowed && !taken && !strict.contains_key(path.as_str()) {
            wrong.push(format!("{path}: no text is accepted\n{}", mistakes(&texts[0]).2));
        }
    }
    assert!(count > 4000, "{count}");
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
}
