//! What labels say about containers: whose project, which service, which number.

use std::collections::{BTreeMap, BTreeSet};

use crate::resource::{Container, Observed, labels};

use super::desired::parse_dependencies;

/// Containers of a project, oldest first.
pub(super) fn containers_of<'a>(
    observed: &'a Observed,
    project: &str,
) -> impl Iterator<Item = &'a Container> {
    observed.containers.iter().filter(move |container| label(container, labels::PROJECT) == project)
}

/// The value of a label; empty without it.
pub(super) fn label<'a>(container: &'a Container, key: &str) -> &'a str {
    container.spec.labels.get(key).map_or("", String::as_str)
}

/// The service's name; empty for what is no container of Compose.
pub(super) fn service_of(container: &Container) -> &str {
    label(container, labels::SERVICE)
}

/// The replica's number; 0 when it has none.
pub(super) fn number_of(container: &Container) -> u32 {
    label(container, labels::NUMBER).parse().unwrap_or(0)
}

/// Whether `run` made it.
pub(super) fn is_one_off(container: &Container) -> bool {
    label(container, labels::ONE_OFF) == "True"
}

/// For each service of these containers, those it depends on, as their labels say.
pub(super) fn needs<'a>(containers: &[&'a Container]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let services: BTreeSet<&str> = containers.iter().map(|c| service_of(c)).collect();
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in containers {
        let before = needs.entry(service_of(container)).or_default();
        for dependency in parse_dependencies(label(container, labels::DEPENDS_ON)).keys() {
            before.extend(services.get(dependency.as_str()));
        }
    }
    needs
}
