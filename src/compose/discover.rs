//! Which files make up the project (Spec: 03-compose-file.md; compose-go: cli options).

use std::path::{Path, PathBuf};

use crate::diag::Diagnostics;

use super::environment::Environment;
use super::files::Files;
use super::paths::clean;
use super::request::LoadRequest;

/// Names looked for, the best first.
const NAMES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// Names of files merged over the one found, the first that exists.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The compose files, and the directory that relative paths are relative to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Absolute paths in order; `-` for standard input.
    pub files: Vec<PathBuf>,
    /// The project directory, absolute.
    pub directory: PathBuf,
}

/// The directory whose `.env` is read before anything is looked for.
#[must_use]
pub fn first_directory(request: &LoadRequest) -> PathBuf {
    let cwd = &request.working_dir;
    if let Some(directory) = &request.project_directory {
        return clean(&cwd.join(directory));
    }
    match request.files.iter().find(|file| file.as_os_str() != "-") {
        Some(file) => parent(&clean(&cwd.join(file))),
        None => cwd.clone(),
    }
}

/// Finds the compose files. `None` after a report.
#[must_use]
pub fn discover(
    request: &LoadRequest,
    environment: &Environment,
    files: &dyn Files,
    out: &mut Diagnostics,
) -> Option<Found> {
    let cwd = &request.working_dir;
    let named: Vec<PathBuf> = match request.files.is_empty() {
        false => request.files.clone(),
        true => from_variable(environment),
    };
    let found = match named.is_empty() {
        true => search(&first_directory(request), files, out)?,
        false => {
            let path = |file: &PathBuf| match file.as_os_str() == "-" {
                true => file.clone(),
                false => clean(&cwd.join(file)),
            };
            named.iter().map(path).collect()
        }
    };
    let directory = match &request.project_directory {
        Some(directory) => clean(&cwd.join(directory)),
        None => match found.iter().find(|file| file.as_os_str() != "-") {
            Some(file) => parent(file),
            None => cwd.clone(),
        },
    };
    Some(Found { files: found, directory })
}

/// The compose file of a directory that was fetched as a whole, without overrides.
#[must_use]
pub fn main_file(directory: &Path, files: &dyn Files) -> Option<PathBuf> {
    NAMES.iter().map(|name| directory.join(name)).find(|path| files.is_file(path))
}

/// `COMPOSE_FILE`, split at `COMPOSE_PATH_SEPARATOR` or colons.
fn from_variable(environment: &Environment) -> Vec<PathBuf> {
    let list = environment.get("COMPOSE_FILE").unwrap_or_default();
    let separator = environment.get("COMPOSE_PATH_SEPARATOR").filter(|it| !it.is_empty());
    list.split(separator.unwrap_or(":")).filter(|it| !it.is_empty()).map(PathBuf::from).collect()
}

/// Looks in a directory and in all above it.
fn search(from: &Path, files: &dyn Files, out: &mut Diagnostics) -> Option<Vec<PathBuf>> {
    for directory in from.ancestors() {
        let present = |names: &[&str]| -> Vec<PathBuf> {
            let paths = names.iter().map(|name| directory.join(name));
            paths.filter(|path| files.is_file(path)).collect()
        };
        let found = present(&NAMES);
        let Some(first) = found.first() else { continue };
        if found.len() > 1 {
            let names: Vec<String> = found.iter().map(|it| it.display().to_string()).collect();
            let message = format!("there are several compose files: {}", names.join(", "));
            out.warning("several-files", None, message)
                .note(format!("{} is used", first.display()))
                .hint("remove the others, or name the right one with -f");
        }
        let mut list = vec![first.clone()];
        list.extend(present(&OVERRIDES).into_iter().next());
        return Some(list);
    }
    let message = format!("there is no compose file in {} or above it", from.display());
    out.error("no-file", None, message)
        .note("looked for compose.yaml, compose.yml, docker-compose.yml and docker-compose.yaml")
        .hint("change to the project's directory, or name the file with -f");
    None
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Memory;

    fn found(cwd: &str, files: &Memory) -> (Option<Found>, Diagnostics) {
        let request = LoadRequest { working_dir: cwd.into(), ..LoadRequest::default() };
        let mut out = Diagnostics::default();
        (discover(&request, &Environment::default(), files, &mut out), out)
    }

    #[test]
    fn the_nearest_directory_wins_with_its_override() {
        let files = Memory::new()
            .with("/a/compose.yml", "")
            .with("/a/docker-compose.override.yml", "")
            .with("/compose.yaml", "");
        let (found, out) = found("/a/b/c", &files);
        let found = found.unwrap();
        assert!(out.is_empty());
        assert_eq!(found.directory, Path::new("/a"));
        let names = ["/a/compose.yml", "/a/docker-compose.override.yml"];
        assert_eq!(found.files, names.map(PathBuf::from));
    }

    #[test]
    fn several_files_are_a_warning_and_none_is_an_error() {
        let files = Memory::new().with("/a/compose.yml", "").with("/a/docker-compose.yml", "");
        let (all, out) = found("/a", &files);
        assert_eq!((all.unwrap().files.len(), out.len(), out.has_errors()), (1, 1, false));
        let (none, out) = found("/b", &files);
        assert!(none.is_none() && out.has_errors());
    }
}
