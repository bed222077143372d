//! Files of variables: `.env` for the project, `env_file` and `label_file` for services.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diag::Span;

use super::super::discover::{Found, first_directory};
use super::super::dotenv;
use super::super::environment::Environment;
use super::super::model::{Project, Service};
use super::super::paths::clean;
use super::Loader;

/// For each variable that some service's file sets: where.
pub(super) type Known = BTreeMap<String, Span>;

impl Loader<'_> {
    /// The environment that is there before the compose files are found.
    pub(super) fn environment(&mut self) -> Environment {
        let process = Environment::of_process(&self.request.environment);
        let mut environment = process.clone();
        environment.fill("PWD", &self.request.working_dir.to_string_lossy(), None);
        let explicit = self.env_files(&environment);
        if explicit.is_empty() {
            self.default_dotenv(&first_directory(&self.request), &mut environment);
            return environment;
        }
        let mut given = Environment::default();
        for path in explicit {
            self.read_env_file(&path, None, &process, &mut given);
        }
        environment.fill_from(&given);
        environment
    }

    /// The project directory's own `.env`, where it was not read before.
    pub(super) fn late_environment(&mut self, found: &Found, environment: &mut Environment) {
        let first = first_directory(&self.request);
        if self.env_files(environment).is_empty() && first != found.directory {
            self.default_dotenv(&found.directory, environment);
        }
    }

    /// Files that take the place of `.env`, absolute: `--env-file`, else `COMPOSE_ENV_FILES`.
    pub(super) fn env_files(&self, _: &Environment) -> Vec<PathBuf> {
        let absolute = |file: &Path| clean(&self.request.working_dir.join(file));
        if !self.request.env_files.is_empty() {
            return self.request.env_files.iter().map(|file| absolute(file)).collect();
        }
        let list = self.request.environment.get("COMPOSE_ENV_FILES");
        let names = list.map(String::as_str).unwrap_or_default().split(',').map(str::trim);
        names.filter(|it| !it.is_empty()).map(|it| absolute(Path::new(it))).collect()
    }

    fn default_dotenv(&mut self, directory: &Path, environment: &mut Environment) {
        let disabled = self.request.environment.get("COMPOSE_DISABLE_ENV_FILE");
        if !disabled.is_some_and(|it| matches!(it.as_str(), "1" | "true" | "TRUE" | "True" | "t")) {
            self.read_dotenv(&directory.join(".env"), environment);
        }
    }

    /// A `.env` file, which may be missing. Variables that are set already keep their values.
    pub(super) fn read_dotenv(&mut self, path: &Path, environment: &mut Environment) {
        if !self.files.is_file(path) {
            return;
        }
        let mut given = Environment::default();
        self.read_env_file(path, None, environment, &mut given);
        environment.fill_from(&given);
    }

    /// A file that must be there. Later files override earlier ones.
    pub(super) fn read_env_file(
        &mut self,
        path: &Path,
        from: Option<Span>,
        outer: &Environment,
        given: &mut Environment,
    ) {
        let Some(source) = self.source(path, from, "the file of variables") else { return };
        let text = self.sources.get(source).text.clone();
        let before = given.clone();
        let known = |name: &str, own: Option<&str>| {
            outer.get(name).or(own).or_else(|| before.get(name)).map(str::to_owned)
        };
        let found = dotenv::parse(&text, source, &known, &mut self.budget, &mut self.out);
        for assignment in found {
            let value = match assignment.value {
                Some(value) => value,
                None => match outer.get(&assignment.name) {
                    Some(value) => value.to_owned(),
                    None => continue,
                },
            };
            given.set(&assignment.name, &value, Some(assignment.span));
        }
    }

    /// Reads `env_file` and `label_file` of the services that need them.
    pub(super) fn read_environment(
        &mut self,
        project: &mut Project,
        environment: &Environment,
    ) -> Known {
        let needed = self.selected(project).map(|selected| selected.services);
        let mut known = Known::new();
        for (name, service) in &mut project.services {
            if needed.as_ref().is_none_or(|needed| needed.contains_key(name)) {
                self.read_service(service, environment, &mut known);
            }
        }
        // Services that are off can be turned on by naming them; what their files lack is no
        // mistake as long as they are off.
        for service in project.disabled.values_mut() {
            let there = |path: &str| self.files.is_file(Path::new(path));
            let all = service.env_files.iter().filter(|it| it.required).all(|it| there(&it.path));
            if all && service.label_files.iter().all(|it| there(it)) {
                self.read_service(service, environment, &mut known);
            }
        }
        known
    }

    /// The selected services and all that they need. `None`: all.
    pub(super) fn selected(&self, project: &Project) -> Option<Project> {
        if self.request.services.is_empty() {
            return None;
        }
        project.select(&self.request.services, true).ok()
    }

    fn read_service(&mut self, service: &mut Service, outer: &Environment, known: &mut Known) {
        let mut values: BTreeMap<String, Option<String>> = BTreeMap::new();
        let own = service.environment.clone();
        for (index, file) in std::mem::take(&mut service.env_files).into_iter().enumerate() {
            let path = PathBuf::from(&file.path);
            if !file.required && !self.files.is_file(&path) {
                continue;
            }
            let place = ["services", &service.name, "env_file", &index.to_string(), "path"];
            let place = self.document.place(&place);
            let Some(source) = self.source(&path, place, "the file of variables") else { continue };
            let text = self.sources.get(source).text.clone();
            let lookup = |name: &str, written: Option<&str>| {
                let earlier = || values.get(name).and_then(Option::as_deref);
                let mine = || own.get(name).and_then(Option::as_deref);
                let found = outer.get(name).or_else(mine).or(written).or_else(earlier);
                found.map(str::to_owned)
            };
            let found = match file.format.as_deref() {
                None | Some("") => {
                    dotenv::parse(&text, source, &lookup, &mut self.budget, &mut self.out)
                }
                Some("raw") => dotenv::parse_raw(&text, source, &mut self.out),
                Some(other) => {
                    let message = format!("`{other}` is not a format of a file of variables");
                    self.out.error("bad-value", place, message).hint("use `raw`, or no format");
                    continue;
                }
            };
            for assignment in found {
                known.entry(assignment.name.clone()).or_insert(assignment.span);
                let value =
                    assignment.value.or_else(|| outer.get(&assignment.name).map(str::to_owned));
                // A name alone takes its value from outside, and says nothing where there is none.
                if let Some(value) = value {
                    values.insert(assignment.name, Some(value));
                }
            }
        }
        values.append(&mut service.environment);
        service.environment = values;
        self.read_labels(service);
    }

    fn read_labels(&mut self, service: &mut Service) {
        let mut labels = BTreeMap::new();
        for (index, file) in std::mem::take(&mut service.label_files).into_iter().enumerate() {
            let place = ["services", &service.name, "label_file", &index.to_string()];
            let place = self.document.place(&place);
            let path = PathBuf::from(&file);
            let Some(source) = self.source(&path, place, "the file of labels") else { continue };
            let text = self.sources.get(source).text.clone();
            let known = |_: &str, own: Option<&str>| own.map(str::to_owned);
            let found = dotenv::parse(&text, source, &known, &mut self.budget, &mut self.out);
            for assignment in found {
                labels.insert(assignment.name, assignment.value.unwrap_or_default());
            }
        }
        labels.append(&mut service.labels);
        service.labels = labels;
    }

    /// Warns of variables that had no value, and says where they are set in vain.
    pub(super) fn unset_variables(&mut self, known: &Known) {
        for (name, span) in std::mem::take(&mut self.unset) {
            let message =
                format!("the variable `{name}` is not set, so nothing is put in its place");
            let diagnostic = self.out.warning("unset-variable", span, message);
            match known.get(&name) {
                Some(place) => diagnostic.label(*place, "set here, but only for the container").hint(
                    "files of `env_file` are not used for `${…}`; set it in `.env`, or give the file with --env-file",
                ),
                None => diagnostic.hint(format!(
                    "set it in `.env`, or give it a default: ${{{name}:-default}}"
                )),
            };
        }
    }
}
