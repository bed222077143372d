//! Which service needs which: order, selection, cycles.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::base::{Error, Kind, Result};
use crate::diag::closest;

use super::model::{Dependency, MountKind, Project, Service};

/// Services as nodes; an edge goes from a service to one that it needs.
pub type ServiceGraph<'a> = DiGraph<&'a str, &'a Dependency>;

impl Project {
    /// The dependency graph of the services that are on. Missing dependencies have no edge.
    #[must_use]
    pub fn graph(&self) -> ServiceGraph<'_> {
        let mut graph = DiGraph::new();
        let nodes: BTreeMap<&str, NodeIndex> = self
            .services
            .keys()
            .map(|name| (name.as_str(), graph.add_node(name.as_str())))
            .collect();
        for (name, service) in &self.services {
            for (needed, dependency) in &service.depends_on {
                if let Some(to) = nodes.get(needed.as_str()) {
                    graph.add_edge(nodes[name.as_str()], *to, dependency);
                }
            }
        }
        graph
    }

    /// Names of the services that are on, each after all that it needs; otherwise by name.
    #[must_use]
    pub fn order(&self) -> Vec<&str> {
        let mut order = Vec::with_capacity(self.services.len());
        let mut seen = BTreeSet::new();
        for name in self.services.keys() {
            self.visit(name, &mut seen, &mut order);
        }
        order
    }

    fn visit<'a>(&'a self, name: &'a str, seen: &mut BTreeSet<&'a str>, order: &mut Vec<&'a str>) {
        let Some((name, service)) = self.services.get_key_value(name) else { return };
        if seen.insert(name) {
            for needed in service.depends_on.keys() {
                self.visit(needed, seen, order);
            }
            order.push(name);
        }
    }

    /// Only the named services, and, if asked for, all that they need. No names: all that are on.
    ///
    /// Naming a service makes its profiles active, so it may be one that was off; a dependency
    /// that is off and required is an error (Spec: 15-profiles.md). Disabled services stay known.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a name that is no service, [`Kind::Invalid`] for a required
    /// dependency that is off.
    pub fn select(&self, services: &[String], with_dependencies: bool) -> Result<Project> {
        let mut project = self.clone();
        if services.is_empty() {
            return Ok(project);
        }
        for name in services {
            project.activate(name)?;
        }
        let mut kept = BTreeSet::new();
        for name in services {
            project.collect(name, with_dependencies, &mut kept)?;
        }
        project.services.retain(|name, _| kept.contains(name));
        Ok(project)
    }

    /// Turns the service on by its profiles, and with it others of the same profiles.
    fn activate(&mut self, name: &str) -> Result<()> {
        if self.services.contains_key(name) {
            return Ok(());
        }
        let Some(service) = self.disabled.get(name) else {
            let error = Error::new(Kind::NotFound, format!("no such service: {name}"));
            return Err(match closest(name, self.services.keys().map(String::as_str)) {
                Some(known) => error.hint(format!("did you mean `{known}`?")),
                None => error,
            });
        };
        self.profiles.extend(service.profiles.clone());
        let profiles = &self.profiles;
        let on = self.disabled.extract_if(.., |_, service| service.is_on(profiles));
        self.services.extend(on);
        Ok(())
    }

    fn collect(&self, name: &str, deep: bool, kept: &mut BTreeSet<String>) -> Result<()> {
        let Some(service) = self.services.get(name) else { return Ok(()) };
        if !kept.insert(name.to_owned()) || !deep {
            return Ok(());
        }
        for (needed, dependency) in &service.depends_on {
            if let Some(off) = self.disabled.get(needed).filter(|_| dependency.required) {
                let message = format!("service `{needed}` is required by `{name}`, but is not on");
                let hint = format!("activate a profile: --profile {}", off.profiles.join("|"));
                return Err(Error::new(Kind::Invalid, message).hint(hint));
            }
            self.collect(needed, deep, kept)?;
        }
        Ok(())
    }

    /// The project without networks, volumes, secrets, configs and models that no service which is
    /// on uses (Docker Compose: all but `--all-resources`).
    #[must_use]
    pub fn used(&self) -> Project {
        let mut project = self.clone();
        let on = self.services.values();
        let networks: BTreeSet<&String> = on.clone().flat_map(|it| it.networks.keys()).collect();
        project.networks.retain(|name, _| networks.contains(name));
        let volumes: BTreeSet<&String> = on
            .clone()
            .flat_map(|it| &it.volumes)
            .filter(|it| it.kind == MountKind::Volume)
            .filter_map(|it| it.source.as_ref())
            .collect();
        project.volumes.retain(|name, _| volumes.contains(name));
        let built = on.clone().filter_map(|it| it.build.as_ref()).flat_map(|it| &it.secrets);
        let secrets: BTreeSet<&String> =
            on.clone().flat_map(|it| &it.secrets).chain(built).map(|it| &it.source).collect();
        project.secrets.retain(|name, _| secrets.contains(name));
        let configs: BTreeSet<&String> =
            on.clone().flat_map(|it| &it.configs).map(|it| &it.source).collect();
        project.configs.retain(|name, _| configs.contains(name));
        let models: BTreeSet<&String> = on.flat_map(|it| it.models.keys()).collect();
        project.models.retain(|name, _| models.contains(name));
        project
    }

    /// A circle of services that need each other, the first repeated at its end.
    #[must_use]
    pub fn cycle(&self) -> Option<Vec<String>> {
        let graph = self.graph();
        let ring = tarjan_scc(&graph)
            .into_iter()
            .find(|ring| ring.len() > 1 || graph.contains_edge(ring[0], ring[0]))?;
        let start = *ring.iter().min_by_key(|node| graph[**node])?;
        let (mut at, mut path) = (start, vec![graph[start].to_owned()]);
        let mut seen = BTreeSet::from([start]);
        // Any way inside the component comes back; go on until a service repeats.
        while let Some(next) = graph
            .neighbors(at)
            .filter(|next| ring.contains(next))
            .min_by_key(|next| (*next != start, seen.contains(next), graph[*next]))
        {
            path.push(graph[next].to_owned());
            if !seen.insert(next) {
                let first = path.iter().position(|name| *name == graph[next])?;
                return Some(path.split_off(first));
            }
            at = next;
        }
        None
    }
}

impl Service {
    /// Whether the active profiles turn it on (Spec: 15-profiles.md); `*` turns on all.
    #[must_use]
    pub fn is_on(&self, active: &[String]) -> bool {
        self.profiles.is_empty()
            || active.iter().any(|profile| profile == "*" || self.profiles.contains(profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(edges: &[(&str, &[&str])]) -> Project {
        let mut project = Project::default();
        for (name, needs) in edges {
            let mut service = Service { name: (*name).to_owned(), ..Service::default() };
            for needed in *needs {
                let dependency = Dependency { required: true, ..Dependency::default() };
                service.depends_on.insert((*needed).to_owned(), dependency);
            }
            project.services.insert((*name).to_owned(), service);
        }
        project
    }

    #[test]
    fn dependencies_come_first() {
        let project = project(&[("a", &["c"]), ("b", &[]), ("c", &["d"]), ("d", &[])]);
        assert_eq!(project.order(), ["d", "c", "a", "b"]);
        assert_eq!(project.cycle(), None);
    }

    #[test]
    fn a_cycle_is_shown_from_its_first_service() {
        let ring = project(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
        assert_eq!(ring.cycle().unwrap(), ["b", "c", "b"]);
        assert_eq!(project(&[("a", &["a"])]).cycle().unwrap(), ["a", "a"]);
    }

    #[test]
    fn a_selection_takes_what_it_needs_along() {
        let project = project(&[("a", &["c"]), ("b", &[]), ("c", &[])]);
        let names = |project: &Project| project.services.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&project.select(&["a".into()], true).unwrap()), ["a", "c"]);
        assert_eq!(names(&project.select(&["a".into()], false).unwrap()), ["a"]);
        assert!(project.select(&["aa".into()], true).is_err());
    }
}
