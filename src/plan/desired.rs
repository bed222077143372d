//! What a project asks for, with every name resolved: the input of planning.

use std::collections::{BTreeMap, BTreeSet};

use super::uses;
pub use crate::compose::model::Condition;
use crate::resource::{ContainerSpec, NetworkSpec, VolumeSpec, labels};

/// Everything that shall exist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// The project's name.
    pub project: String,
    /// The services to bring up, by name.
    pub services: BTreeMap<String, DesiredService>,
    /// Services the compose files have besides: their containers are left alone.
    pub others: BTreeSet<String>,
    /// Networks that the services use, by name as in `myproject_default`.
    pub networks: BTreeMap<String, DesiredNetwork>,
    /// Volumes that the services use, by name as in `myproject_data`.
    pub volumes: BTreeMap<String, DesiredVolume>,
}

/// One service: a container that shall exist as often as `replicas` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DesiredService {
    /// The container, with the name and number of its first replica. Anonymous volumes have
    /// empty names: each replica keeps those it has, or gets new ones.
    pub spec: ContainerSpec,
    /// How many containers.
    pub replicas: u32,
    /// What it depends on, by service; implied dependencies included.
    pub depends_on: BTreeMap<String, Dependency>,
    /// Services whose namespaces it uses (`network_mode: service:db`).
    pub parents: BTreeSet<String>,
    /// Containers that run to their end, in order, before the first of its own starts.
    pub pre_start: Vec<ContainerSpec>,
    /// Services whose volumes it uses (`volumes_from: [db]`).
    pub volume_parents: BTreeSet<String>,
}

/// One service's dependency on another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dependency {
    /// What the other one must reach before this one starts.
    pub condition: Condition,
    /// When the other one is replaced or restarted by hand, this one is restarted.
    pub restart: bool,
    /// `false`: start without it where it is missing or fails.
    pub required: bool,
}

/// A network that services use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DesiredNetwork {
    /// How it shall be; only its name counts when it is external.
    pub spec: NetworkSpec,
    /// Who makes it.
    pub owner: Owner,
}

/// A volume that services use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DesiredVolume {
    /// How it shall be; only its name counts when it is external.
    pub spec: VolumeSpec,
    /// Who makes it.
    pub owner: Owner,
}

/// Who makes a network or volume, and so decides how it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// The project.
    #[default]
    Project,
    /// Someone else: it must exist already.
    External,
    /// The first who needs it; it stays when all have gone (`network_mode: bridge`).
    Nobody,
}

impl Desired {
    /// Forgets networks and volumes that neither a service nor `spec` uses.
    pub(super) fn retain_used(&mut self, spec: &ContainerSpec) {
        let services = &self.services;
        let specs = || services.values().map(|service| &service.spec).chain([spec]);
        self.networks
            .retain(|name, _| specs().any(|it| uses::networks(it).any(|used| used == name)));
        self.volumes.retain(|name, _| specs().any(|it| uses::volumes(it).any(|used| used == name)));
    }
}

impl DesiredService {
    /// The container with this number. A fixed name (`container_name`) does not get one.
    #[must_use]
    pub fn replica(&self, number: u32) -> ContainerSpec {
        let mut spec = self.spec.clone();
        if number != 1 {
            if let Some(stem) = spec.name.strip_suffix("-1").filter(|_| !self.has_fixed_name()) {
                spec.name = format!("{stem}-{number}");
            }
            spec.labels.insert(labels::NUMBER.to_owned(), number.to_string());
        }
        spec
    }

    /// Whether the user chose the container's name: it is not made of project, service and number.
    fn has_fixed_name(&self) -> bool {
        let label = |key| self.spec.labels.get(key).map_or("", String::as_str);
        self.spec.name != format!("{}-{}-1", label(labels::PROJECT), label(labels::SERVICE))
    }
}

impl Dependency {
    /// On a service whose namespaces are used.
    #[must_use]
    pub fn implied() -> Dependency {
        Dependency { condition: Condition::Started, restart: true, required: true }
    }
}

/// The condition with this name.
fn parse_condition(text: &str) -> Option<Condition> {
    let all = [Condition::Started, Condition::Healthy, Condition::CompletedSuccessfully];
    all.into_iter().find(|condition| condition.as_str() == text)
}

/// Dependencies as the label [`labels::DEPENDS_ON`] has them: `db:service_healthy:false,…`.
#[must_use]
pub fn print_dependencies(dependencies: &BTreeMap<String, Dependency>) -> String {
    let entries = dependencies.iter().map(|(service, dependency)| {
        format!("{service}:{}:{}", dependency.condition.as_str(), dependency.restart)
    });
    entries.collect::<Vec<_>>().join(",")
}

/// The reverse of [`print_dependencies`]. What is damaged is left out: the order of stopping is
/// then less polite, and nothing worse.
#[must_use]
pub fn parse_dependencies(label: &str) -> BTreeMap<String, Dependency> {
    let entry = |entry: &str| {
        let mut parts = entry.split(':');
        let service = parts.next().filter(|service| !service.is_empty())?;
        let condition = parts.next().map_or(Some(Condition::Started), parse_condition)?;
        let restart = parts.next() == Some("true");
        Some((service.to_owned(), Dependency { condition, restart, required: true }))
    };
    label.split(',').filter_map(entry).collect()
}
