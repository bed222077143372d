//! `down`: everything that `up` made for a project goes, known by its labels alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::resource::{Container, Observed, labels};

use super::hooks;
use super::order::in_order;
use super::project::{containers_of, is_one_off, needs, service_of};
use super::step::{Action, Plan, StepId, Target};
use super::uses::{networks, volumes};

/// How `down` behaves.
#[derive(Clone, Debug, Default)]
pub struct DownOptions {
    /// The project's name.
    pub project: String,
    /// Only these services; empty: all.
    pub services: BTreeSet<String>,
    /// All services of the compose files, disabled ones too; containers of others are orphans.
    /// `None`: there are no compose files, so everything goes.
    pub known: Option<BTreeSet<String>>,
    /// Remove orphans too.
    pub remove_orphans: bool,
    /// Remove volumes, and the data in them.
    pub volumes: bool,
    /// Remove images that the containers were made from.
    pub images: RemoveImages,
    /// Time before a container is killed; `None`: its own.
    pub timeout: Option<Duration>,
}

/// Which images `down` removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemoveImages {
    /// None of them.
    #[default]
    None,
    /// Those built without a name of their own: `<project>-<service>`.
    Local,
    /// All of them.
    All,
}

/// Plans the removal: containers in reverse order of their dependencies, then networks in one go,
/// volumes and images. What a container that stays still uses stays too, with a warning.
#[must_use]
pub fn down(observed: &Observed, options: &DownOptions) -> Plan {
    let (going, staying): (Vec<&Container>, Vec<&Container>) =
        observed.containers.iter().partition(|container| goes(container, options));
    let mut plan = Plan::default();
    let removed = remove_containers(&mut plan, &going, options);
    let after = |uses: &dyn Fn(&Container) -> bool| -> Vec<StepId> {
        going.iter().filter(|it| uses(it)).map(|it| removed[it.spec.name.as_str()]).collect()
    };
    let ground = Ground { observed, options, going: &going, staying: &staying };
    let gone = ground.networks(&mut plan.warnings);
    if !gone.is_empty() {
        let after =
            after(&|it| networks(&it.spec).any(|name| gone.iter().any(|gone| gone == name)));
        plan.push_optional(Action::RemoveNetworks(gone), "its project goes down", after);
    }
    for name in ground.volumes(&mut plan.warnings) {
        let after = after(&|it| volumes(&it.spec).any(|used| used == name));
        plan.push_optional(Action::RemoveVolume(name), "--volumes", after);
    }
    for image in ground.images() {
        let after = after(&|it| it.spec.image == image);
        plan.push_optional(Action::RemoveImage(image), "--rmi", after);
    }
    plan
}

/// Whether a container is one of those that `down` removes.
fn goes(container: &Container, options: &DownOptions) -> bool {
    let service = service_of(container);
    let project = container.spec.labels.get(labels::PROJECT);
    if project != Some(&options.project) || service.is_empty() {
        return false;
    }
    let orphan = options.known.as_ref().is_some_and(|known| !known.contains(service));
    match orphan {
        true => options.remove_orphans,
        false => options.services.is_empty() || options.services.contains(service),
    }
}

/// Stops and removes containers, those first that depend on others. Returns the step that
/// removes each, by name.
fn remove_containers<'a>(
    plan: &mut Plan,
    going: &[&'a Container],
    options: &DownOptions,
) -> BTreeMap<&'a str, StepId> {
    let needs = needs(going);
    let mut by_service: BTreeMap<&str, Vec<&'a Container>> = BTreeMap::new();
    for container in going {
        by_service.entry(service_of(container)).or_default().push(container);
    }
    let mut stopped: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    let mut removed = BTreeMap::new();
    for service in in_order(&needs).into_iter().rev() {
        let dependents = needs.iter().filter(|(_, before)| before.contains(service));
        let before: BTreeSet<StepId> = dependents
            .filter_map(|(dependent, _)| stopped.get(dependent))
            .flatten()
            .copied()
            .collect();
        for container in by_service.remove(service).unwrap_or_default() {
            let target = Target::existing(container);
            let stop = container.status.state.is_active().then(|| {
                let action =
                    Action::StopContainer { container: target.clone(), grace: options.timeout };
                let reason = format!("is {}", container.status.state.as_str());
                let before = before.iter().copied().collect();
                let before = hooks::before_stop(plan, container, before);
                plan.push(action, reason, before)
            });
            let volumes = options.volumes && may_lose_volumes(container);
            // What a killed command was about to start may run by then, and shall go all the same.
            let action = Action::RemoveContainer { container: target, volumes, force: true };
            let after = stop.map_or_else(|| before.clone(), |stop| BTreeSet::from([stop]));
            let remove = plan.push(action, "its project goes down", after);
            stopped.entry(service).or_default().push(stop.unwrap_or(remove));
            removed.insert(container.spec.name.as_str(), remove);
        }
    }
    removed
}

/// Whether it has anonymous volumes: only then does removing it lose data.
fn may_lose_volumes(container: &Container) -> bool {
    use crate::resource::mount::MountSource;
    let anonymous =
        |source: &MountSource| matches!(source, MountSource::Volume { anonymous: true, .. });
    container.spec.mounts.iter().any(|mount| anonymous(&mount.source))
}

/// What goes besides containers.
struct Ground<'p> {
    observed: &'p Observed,
    options: &'p DownOptions,
    going: &'p [&'p Container],
    staying: &'p [&'p Container],
}

impl Ground<'_> {
    fn is_ours(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(labels::PROJECT) == Some(&self.options.project)
    }

    /// When only some services go, only what they used goes with them.
    fn is_concerned(&self, uses: &dyn Fn(&Container) -> bool) -> bool {
        self.options.services.is_empty() || self.going.iter().any(|container| uses(container))
    }

    /// Whether something is still used by a container that stays; says so unless that is to be
    /// expected since only some services go.
    fn is_free(
        &self,
        what: &str,
        uses: &dyn Fn(&Container) -> bool,
        warnings: &mut Vec<String>,
    ) -> bool {
        let user = self.staying.iter().find(|container| uses(container));
        if let Some(user) = user.filter(|_| self.options.services.is_empty()) {
            warnings.push(format!("{what} stays: container {} uses it", user.spec.name));
        }
        user.is_none()
    }

    fn networks(&self, warnings: &mut Vec<String>) -> Vec<String> {
        let ours = self.observed.networks.values().filter(|it| self.is_ours(&it.spec.labels));
        ours.map(|network| network.spec.name.clone())
            .filter(|name| {
                let uses = |it: &Container| networks(&it.spec).any(|used| used == name);
                let what = format!("network {name}");
                self.is_concerned(&uses) && self.is_free(&what, &uses, warnings)
            })
            .collect()
    }

    fn volumes(&self, warnings: &mut Vec<String>) -> Vec<String> {
        if !self.options.volumes {
            return Vec::new();
        }
        let ours = self.observed.volumes.values().filter(|it| self.is_ours(&it.spec.labels));
        ours.filter(|volume| !volume.spec.anonymous)
            .map(|volume| volume.spec.name.clone())
            .filter(|name| {
                let uses = |it: &Container| volumes(&it.spec).any(|used| used == name);
                let what = format!("volume {name}");
                self.is_concerned(&uses) && self.is_free(&what, &uses, warnings)
            })
            .collect()
    }

    fn images(&self) -> BTreeSet<String> {
        let chosen = |container: &&&Container| match self.options.images {
            RemoveImages::None => false,
            RemoveImages::All => true,
            RemoveImages::Local => {
                let built = format!("{}-{}", self.options.project, service_of(container));
                container.spec.image.split(':').next() == Some(&built)
            }
        };
        let free = |image: &String| !self.staying.iter().any(|it| it.spec.image == *image);
        let images = self.going.iter().filter(chosen).map(|it| it.spec.image.clone());
        images.filter(free).collect()
    }
}

/// Options of `rm`.
#[derive(Clone, Debug, Default)]
pub struct RemoveOptions {
    /// Stop what runs (`--stop`); else only stopped containers go.
    pub stop: bool,
    /// With anonymous volumes.
    pub volumes: bool,
}

/// `rm`: removes stopped containers, without those of `run`, whose project and services these are.
#[must_use]
pub fn rm(
    observed: &Observed,
    project: &str,
    services: &BTreeSet<String>,
    options: &RemoveOptions,
) -> Plan {
    let chosen = |container: &&Container| {
        let service = service_of(container);
        (services.is_empty() || services.contains(service))
            && !is_one_off(container)
            && (options.stop || !container.status.state.is_active())
    };
    let going: Vec<&Container> = containers_of(observed, project).filter(chosen).collect();
    let mut plan = Plan::default();
    let options = DownOptions { volumes: options.volumes, ..DownOptions::default() };
    remove_containers(&mut plan, &going, &options);
    for step in &mut plan.steps {
        if matches!(step.action, Action::RemoveContainer { .. }) {
            step.reason = "is stopped".to_owned();
        }
    }
    plan
}
