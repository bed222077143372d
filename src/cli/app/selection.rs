//! Which project a command is about, and which of its services.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::{Error, Kind};
use crate::cli::app::disk::Disk;
use crate::cli::{Context, Failure, Result};
use crate::compose::{LoadOptions, LoadRequest, Loaded, Project, load};
use crate::diag::{Style, closest, render, to_json};
use crate::engine::Engine;
use crate::plan::Selection;
use crate::resource::observed::Scope;
use crate::resource::{Container, Observed, labels};

use super::global::{DiagnosticsFormat, ProgressStyle};

/// A project as far as commands need it that act on what exists: no compose file is read unless
/// it is needed to find out the name.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// All services of its compose files, those that are off too; `None`: there are no files.
    pub known: Option<BTreeSet<String>>,
    /// Services whose output is shown only when they are named (`attach: false`).
    pub silent: BTreeSet<String>,
}

impl Subject {
    /// The named services. A name must be that of a service in the compose files or of a container.
    ///
    /// # Errors
    /// [`Kind::NotFound`] with the closest name.
    pub fn services(&self, names: &[String], observed: &Observed) -> Result<BTreeSet<String>> {
        let existing = observed.containers.iter().filter(|it| self.owns(it)).map(service_of);
        let files = self.known.iter().flatten().map(String::as_str);
        let known: BTreeSet<&str> = existing.chain(files).collect();
        match names.iter().find(|name| !known.contains(name.as_str())) {
            None => Ok(names.iter().cloned().collect()),
            Some(missing) => Err(no_such_service(missing, known).into()),
        }
    }

    /// As [`Subject::services`], for plans.
    ///
    /// # Errors
    /// As [`Subject::services`].
    pub fn selection(&self, names: &[String], observed: &Observed) -> Result<Selection> {
        let services = self.services(names, observed)?;
        Ok(Selection { project: self.name.clone(), services })
    }

    /// The container of a service with this number; 0: the one with the lowest, containers of
    /// `run` last.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if there is no such service or container.
    pub fn replica<'a>(
        &self,
        observed: &'a Observed,
        service: &str,
        number: u32,
    ) -> Result<&'a Container> {
        self.services(&[service.to_owned()], observed)?;
        let wanted = |container: &&Container| {
            self.owns(container)
                && service_of(container) == service
                && (number == 0 || number_of(container) == number && !is_one_off(container))
        };
        let candidates = observed.containers.iter().filter(wanted);
        let rank = |container: &&Container| (is_one_off(container), number_of(container));
        candidates.min_by_key(rank).ok_or_else(|| {
            let message = match number {
                0 => format!("no container found for service {service:?}"),
                _ => format!("service {service:?} has no container #{number}"),
            };
            let mut numbers: Vec<u32> = observed
                .containers
                .iter()
                .filter(|it| self.owns(it) && service_of(it) == service && !is_one_off(it))
                .map(number_of)
                .collect();
            numbers.sort_unstable();
            let known: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            let hint = match known.is_empty() {
                true => "`compose up` makes it".to_owned(),
                false => format!("there is {}; `compose scale` makes more", known.join(", ")),
            };
            Error::new(Kind::NotFound, message).hint(hint).into()
        })
    }

    /// Whether a container belongs to it.
    #[must_use]
    pub fn owns(&self, container: &Container) -> bool {
        container.spec.labels.get(labels::PROJECT).is_some_and(|project| *project == self.name)
    }

    /// Whether the compose files do not have a container's service any more.
    #[must_use]
    pub fn is_orphan(&self, container: &Container) -> bool {
        self.known.as_ref().is_some_and(|known| !known.contains(service_of(container)))
    }
}

/// There is no compose file here, and nothing else is wrong.
fn found_nothing(loaded: &Loaded) -> bool {
    loaded.diagnostics.iter().any(|diagnostic| diagnostic.code == "no-file")
}

/// `no such service: wbe`, and the name that was probably meant.
pub fn no_such_service<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let error = Error::new(Kind::NotFound, format!("no such service: {name}"));
    match closest(name, known) {
        Some(close) => error.hint(format!("did you mean `{close}`?")),
        None => error,
    }
}

/// The service a container belongs to; empty for none.
#[must_use]
pub fn service_of(container: &Container) -> &str {
    container.spec.labels.get(labels::SERVICE).map_or("", String::as_str)
}

/// The number of a replica; 0 for none.
#[must_use]
pub fn number_of(container: &Container) -> u32 {
    container.spec.labels.get(labels::NUMBER).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether `run` made it.
#[must_use]
pub fn is_one_off(container: &Container) -> bool {
    container.spec.labels.get(labels::ONE_OFF).is_some_and(|text| text == "True")
}

/// A container's name as log lines show it: `web-1`, or the name the user chose.
#[must_use]
pub fn short_name(container: &Container) -> &str {
    let name = container.spec.name.as_str();
    let project = container.spec.labels.get(labels::PROJECT).map_or("", String::as_str);
    let rest = name.strip_prefix(project).and_then(|rest| rest.strip_prefix(['-', '_']));
    rest.filter(|rest| rest.starts_with(service_of(container))).unwrap_or(name)
}

impl<E: Engine> Context<E> {
    /// The project of this directory, or the one that `-f` and `-p` name. Loaded once; warnings
    /// are shown then.
    ///
    /// # Errors
    /// All mistakes in the compose files.
    pub fn project(&self) -> Result<&Project> {
        self.project_for(&[])
    }

    /// The project for a command about these services (none: about all). Mistakes in those that
    /// they do not need are no reason not to begin. The first to ask decides.
    ///
    /// # Errors
    /// As [`Context::project`].
    pub fn project_for(&self, services: &[String]) -> Result<&Project> {
        self.loaded_once(|| {
            let request =
                LoadRequest { services: services.to_vec(), ..self.request(LoadOptions::default()) };
            let loaded = load(&request, &Disk { environment: self.environment() });
            let mistakes = self.mistakes(&loaded);
            match loaded.project {
                Some(project) => {
                    self.output().say(mistakes)?;
                    Ok(project)
                }
                None => Err(self.unloaded(&loaded)),
            }
        })
    }

    /// The project and services that a command on existing containers is about. With a name given,
    /// there need not be a compose file. What only new containers need is not looked at: a file of
    /// variables that went missing is no reason not to stop them.
    ///
    /// # Errors
    /// There is no compose file and no name, or mistakes in the files prevent to know the name.
    pub fn subject(&self) -> Result<Subject> {
        let loaded = self.load(LoadOptions {
            resolve_environment: false,
            check_consistency: false,
            ..LoadOptions::default()
        });
        if let Some(project) = &loaded.project {
            let names = project.services.keys().chain(project.disabled.keys());
            let known = Some(names.cloned().collect());
            let silent = project.services.values().filter(|it| it.attach == Some(false));
            let silent = silent.map(|service| service.name.clone()).collect();
            return Ok(Subject { name: project.name.clone(), known, silent });
        }
        let variable = self.environment().get("COMPOSE_PROJECT_NAME");
        let given = self.global().project_name.as_deref().or(variable);
        match given.filter(|name| !name.is_empty()) {
            Some(name) if found_nothing(&loaded) && self.global().file.is_empty() => {
                Ok(Subject { name: name.to_lowercase(), known: None, silent: BTreeSet::new() })
            }
            _ => Err(self.unloaded(&loaded)),
        }
    }

    /// Loads the compose files with these passes; nothing is shown.
    pub fn load(&self, options: LoadOptions) -> Loaded {
        load(&self.request(options), &Disk { environment: self.environment() })
    }

    /// What to load, as the global options say.
    pub fn request(&self, options: LoadOptions) -> LoadRequest {
        let global = self.global();
        LoadRequest {
            working_dir: self.directory().to_owned(),
            environment: self.environment().all().clone(),
            files: global.file.clone(),
            project_directory: global.project_directory().map(Path::to_owned),
            project_name: global.project_name.clone(),
            env_files: global.env_file.clone(),
            profiles: global.profile.clone(),
            strict: global.strict,
            options,
            ..LoadRequest::default()
        }
    }

    /// Why there is no project.
    pub fn unloaded(&self, loaded: &Loaded) -> Failure {
        match loaded.diagnostics.has_errors() {
            true => Failure::Mistakes(self.mistakes(loaded)),
            false => Error::other("the compose files cannot be loaded")
                .hint("this is a mistake of ours: please report it, with the files")
                .into(),
        }
    }

    /// What is wrong with the compose files, as text for standard error.
    pub fn mistakes(&self, loaded: &Loaded) -> String {
        let json = match self.global().diagnostics {
            Some(format) => format == DiagnosticsFormat::Json,
            None => self.style() == ProgressStyle::Json,
        };
        if json {
            return to_json(&loaded.diagnostics, &loaded.sources);
        }
        let quiet = self.style() == ProgressStyle::Quiet && loaded.project.is_some();
        match quiet || loaded.diagnostics.is_empty() {
            true => String::new(),
            false => {
                let style = Style { colour: self.output().err_has_colour(), ..Style::default() };
                render(&loaded.diagnostics, &loaded.sources, style)
            }
        }
    }

    /// What exists of a project, and of these images.
    ///
    /// # Errors
    /// The engine's state cannot be read.
    pub async fn observe(&self, project: &str, images: Vec<String>) -> Result<Observed> {
        let project = Some(project.to_owned());
        Ok(self.engine()?.observe(&Scope { project, images, exact: false }).await?)
    }

    /// As [`Context::observe`], for a command that starts what does not run.
    ///
    /// # Errors
    /// The same.
    pub async fn observe_to_start(&self, project: &str, images: Vec<String>) -> Result<Observed> {
        let project = Some(project.to_owned());
        Ok(self.engine()?.observe(&Scope { project, images, exact: true }).await?)
    }
}
