//! Loading from the disk, in the world the recordings were made in.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use compose::compose::{Files, LoadRequest, Loaded, load};
use serde_json::Value;

/// The real file system.
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }
    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }
}

/// `fixtures/compose`.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/compose")
}

/// What the recordings were made with: almost no environment.
pub fn request(files: &[PathBuf]) -> LoadRequest {
    let environment = BTreeMap::from([
        ("HOME".to_owned(), "/root".to_owned()),
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
    ]);
    LoadRequest {
        working_dir: "/".into(),
        environment,
        files: files.to_vec(),
        ..LoadRequest::default()
    }
}

/// Loads files as they were when the recordings were made.
pub fn load_files(files: &[PathBuf]) -> Loaded {
    load(&request(files), &Disk)
}

/// Every file below a directory, in order of its path.
pub fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => walk(&path, found),
            false => found.push(path),
        }
    }
}

/// The schema of compose files.
pub fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/compose-spec.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The path of every property of a JSON schema.
pub fn properties(root: &Value, at: &Value, path: &str, found: &mut BTreeSet<String>) {
    let at = match at["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => at,
    };
    for (name, inner) in at["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        properties(root, inner, &path, found);
        found.insert(path);
    }
    for (pattern, inner) in at["patternProperties"].as_object().into_iter().flatten() {
        if pattern != "^x-" {
            properties(root, inner, &format!("{path}.*"), found);
        }
    }
    if at["items"].is_object() {
        properties(root, &at["items"], &format!("{path}[]"), found);
    }
    for inner in at["oneOf"].as_array().into_iter().flatten() {
        properties(root, inner, path, found);
    }
}
