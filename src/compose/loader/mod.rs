//! Loads a project: the passes, in the order of the specification.

mod environment;
mod extends;
mod file;
mod include;
mod places;
mod remote;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::diag::{Diagnostics, SourceId, Sources, Span};

use super::bind;
use super::check;
use super::discover::{self, Found};
use super::environment::Environment;
use super::files::Files;
use super::model::Project;
use super::name::{is_normal, normalized};
use super::node::{Document, Node};
use super::normalize::{defaults, normalize, set_name};
use super::paths::Paths;
use super::request::{LoadRequest, Loaded};
use super::service_environment;
use super::shape::{PROJECT, Shape, complete};
use super::template::{MAX_EXPANDED, Template};

/// Loads a project: finds, reads, merges, checks and binds its files.
///
/// Never fails as such: what is wrong is in the diagnostics, and then there is no project.
#[must_use]
pub fn load(request: &LoadRequest, files: &dyn Files) -> Loaded {
    let mut loader = Loader::new(request, files);
    let project = loader.project();
    let root = loader.document.root.clone();
    loader.show_replaced(&root);
    let mut out = loader.out;
    out.tidy();
    if request.strict {
        out.deny_warnings();
    }
    let project = project.filter(|_| !out.has_errors());
    Loaded {
        project,
        document: loader.document,
        environment: loader.known,
        diagnostics: out,
        sources: loader.sources,
    }
}

/// The files that [`load`] would load, absolute, without loading them; empty after a report.
#[must_use]
pub fn find(request: &LoadRequest, files: &dyn Files) -> (Vec<PathBuf>, Diagnostics) {
    let mut loader = Loader::new(request, files);
    let environment = loader.environment();
    let found = discover::discover(request, &environment, files, &mut loader.out);
    (found.unwrap_or_default().files, loader.out)
}

/// So many values can be loaded in all: those of 10 000 services, which take half a second. A small
/// file that includes and extends others could have any number.
const MAX_VALUES: usize = 400_000;

/// All that passes share.
struct Loader<'a> {
    request: Cow<'a, LoadRequest>,
    files: &'a dyn Files,
    sources: Sources,
    out: Diagnostics,
    /// Variables without a value, and who used each first.
    unset: BTreeMap<String, Span>,
    /// Texts that were parsed already.
    parsed: HashMap<PathBuf, Rc<Vec<Node>>>,
    /// Services that others extend, complete, by environment, file and name.
    bases: HashMap<(usize, PathBuf, String), Option<Rc<Node>>>,
    /// Files that others extend from, with their variables replaced, by environment.
    interpolated: HashMap<(usize, PathBuf), Option<Rc<Node>>>,
    /// Services that extend each other in a circle, by file and name.
    cyclic: HashSet<(PathBuf, String)>,
    /// What was fetched so far; `None` for what cannot be.
    fetched: HashMap<String, Option<PathBuf>>,
    /// Where it lies, and how the user named it.
    known_as: Vec<(PathBuf, String)>,
    /// How many environments there are so far.
    environments: usize,
    /// What secrets and configs of included projects take from the environments of those: kind and
    /// name, and the variable's value.
    included_values: BTreeMap<(&'static str, String), String>,
    /// Bytes that values of variables may still add.
    budget: usize,
    /// Values that may still be loaded.
    values_left: usize,
    document: Document,
    /// The project's environment, once it is known.
    known: Environment,
}

/// What the files of one model have in common: the project itself, or one that it includes.
struct Scope<'a> {
    environment: &'a Environment,
    /// Number of the environment.
    number: usize,
    /// What relative paths are relative to, absolute.
    directory: &'a Path,
    /// Files that include this one, the first at the beginning.
    includers: &'a [PathBuf],
}

impl<'a> Loader<'a> {
    fn new(request: &'a LoadRequest, files: &'a dyn Files) -> Loader<'a> {
        Loader {
            request: Cow::Borrowed(request),
            files,
            sources: Sources::default(),
            out: Diagnostics::default(),
            unset: BTreeMap::new(),
            parsed: HashMap::new(),
            bases: HashMap::new(),
            interpolated: HashMap::new(),
            cyclic: HashSet::new(),
            fetched: HashMap::new(),
            known_as: Vec::new(),
            environments: 1,
            included_values: BTreeMap::new(),
            budget: MAX_EXPANDED,
            values_left: MAX_VALUES,
            document: Document::default(),
            known: Environment::default(),
        }
    }

    fn project(&mut self) -> Option<Project> {
        self.fetch_named();
        let mut environment = self.environment();
        let found = discover::discover(&self.request, &environment, self.files, &mut self.out)?;
        self.late_environment(&found, &mut environment);
        let name = self.name(&found, &environment)?;
        environment.fill("COMPOSE_PROJECT_NAME", &name, None);
        self.known = environment.clone();

        let scope = Scope {
            environment: &environment,
            number: 0,
            directory: &found.directory,
            includers: &[],
        };
        let mut root = self.model(&found.files, &scope)?;
        let shape = Shape::Fields(&PROJECT);
        complete(&mut root, &shape, &mut self.out);
        defaults(&mut root);
        if self.request.options.resolve_paths {
            self.paths(&found.directory).project(&mut root);
        }
        service_environment::take_over(&mut root, &environment);
        set_name(&mut root, &name);
        if self.request.options.normalize {
            normalize(&mut root, &name);
        }
        self.document.root = Arc::new(root);
        self.bind(&found, &environment, name)
    }

    fn paths<'b>(&'b self, base: &'b Path) -> Paths<'b> {
        let home = self.request.environment.get("HOME").map(String::as_str);
        Paths { base, home, raw: !self.request.options.interpolate }
    }

    /// `-p`, else `COMPOSE_PROJECT_NAME`, else `name:`, else the name of the directory.
    fn name(&mut self, found: &Found, environment: &Environment) -> Option<String> {
        let given = self.request.project_name.clone().map(|name| (name, "the project's name"));
        let variable = environment.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
        let variable = variable.map(|name| (name.to_owned(), "COMPOSE_PROJECT_NAME"));
        if let Some((name, what)) = given.or(variable) {
            if is_normal(&name) {
                return Some(name);
            }
            let hint = match normalized(&name) {
                name if name.is_empty() => "begin with a letter or a digit".to_owned(),
                name => format!("use `{name}`"),
            };
            let message = format!("{what} cannot be `{name}`");
            self.out
                .error("bad-project-name", None, message)
                .note("it has lower-case letters, digits, `-` and `_`, and begins with a letter or digit")
                .hint(hint);
            return None;
        }
        let (name, span) = match self.name_in_files(found, environment) {
            Some((name, span)) => (name, span),
            None => {
                let name = found.directory.file_name().unwrap_or_default();
                (name.to_string_lossy().into_owned(), None)
            }
        };
        let normal = normalized(&name);
        if normal.is_empty() {
            let message = format!("the project has no name: nothing of `{name}` can be in one");
            self.out
                .error("bad-project-name", span, message)
                .hint("give it one with -p, or with `name:` at the top of the file");
            return None;
        }
        Some(normal)
    }

    /// The last `name:`, which must be known before variables are replaced.
    fn name_in_files(
        &mut self,
        found: &Found,
        environment: &Environment,
    ) -> Option<(String, Option<Span>)> {
        let mut name = None;
        for file in &found.files {
            for document in self.documents(file, None)?.iter() {
                let Some(node) = document.get("name") else { continue };
                let Some(text) = node.as_str() else { continue };
                let text = match Template::parse(text) {
                    Ok(template) => template.evaluate(&mut Silent(environment)),
                    Err(_) => continue,
                };
                // What is left of a variable is no name; nothing at all asks for the default.
                let said = !text.is_empty() || node.as_str().is_some_and(|it| it.contains('$'));
                name = Some((text, node.span)).filter(|_| said).or(name);
            }
        }
        name
    }

    fn bind(&mut self, found: &Found, environment: &Environment, name: String) -> Option<Project> {
        // What variables were not replaced in cannot be typed.
        if !self.request.options.interpolate {
            self.unset_variables(&BTreeMap::new());
            return None;
        }
        let mut project = bind::project(&self.document.root, &mut self.out);
        project.name = name;
        project.working_dir.clone_from(&found.directory);
        project.files.clone_from(&found.files);
        project.env_files = self.env_files(environment);
        project.profiles = self.profiles(environment);
        project.environment = environment.to_map();
        for (name, secret) in &mut project.secrets {
            secret.value = self.included_values.remove(&("secrets", name.clone()));
        }
        for (name, config) in &mut project.configs {
            config.value = self.included_values.remove(&("configs", name.clone()));
        }
        let profiles = &project.profiles;
        let off = project.services.extract_if(.., |_, service| !service.is_on(profiles));
        project.disabled = off.collect();
        project.document = self.document.clone();
        let known = match self.request.options.resolve_environment {
            true => self.read_environment(&mut project, environment),
            false => BTreeMap::new(),
        };
        self.unset_variables(&known);
        if self.request.options.check_consistency {
            let selected = self.selected(&project);
            check::check(selected.as_ref().unwrap_or(&project), &mut self.out);
        }
        Some(project)
    }

    fn profiles(&self, environment: &Environment) -> Vec<String> {
        if !self.request.profiles.is_empty() {
            return self.request.profiles.clone();
        }
        let list = environment.get("COMPOSE_PROFILES").unwrap_or_default();
        list.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    }

    /// How a file is called in messages: relative to the current directory if it is below it.
    fn display(&self, path: &Path) -> String {
        if path.as_os_str() == "-" {
            return "<stdin>".to_owned();
        }
        if let Some(name) = self.remote_name(path) {
            return name;
        }
        match path.strip_prefix(&self.request.working_dir) {
            Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
            short => short.unwrap_or(path).display().to_string(),
        }
    }

    /// Reads a text and gives it an id. `None` after a report, at `from` if the user named it there.
    fn source(&mut self, path: &Path, from: Option<Span>, what: &str) -> Option<SourceId> {
        let name = self.display(path);
        match self.files.read(path) {
            Ok(text) => Some(self.sources.add(name, text)),
            Err(error) => {
                let reason = match error.kind() {
                    std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
                    std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
                    std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
                    std::io::ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
                    std::io::ErrorKind::FileTooLarge => "it is too large".to_owned(),
                    _ => error.to_string(),
                };
                let message = format!("cannot read {what} `{name}`: {reason}");
                let is_local = self.remote_name(path).is_none();
                let diagnostic = self.out.error("cannot-read", from, message);
                if is_local && name != path.display().to_string() {
                    diagnostic.note(format!("its full path is {}", path.display()));
                }
                None
            }
        }
    }
}

/// Evaluates without reporting; what is wrong is reported when the whole file is interpolated.
struct Silent<'a>(&'a Environment);

impl super::template::Lookup for Silent<'_> {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).map(str::to_owned)
    }
    fn unset(&mut self, _: &str, _: std::ops::Range<usize>) {}
    fn missing(&mut self, _: &str, _: &str, _: std::ops::Range<usize>) {}
    fn spend(&mut self, bytes: usize) -> bool {
        // A longer name is none.
        bytes <= 4096
    }
}
