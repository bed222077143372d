//! Which service needs which: order, selection, cycles.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use petgraph::algo::kosaraju_scc;
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
        // A stack of our own: a chain of many thousand services must not use up the thread's.
        let mut path: Vec<(&str, std::collections::btree_map::Keys<String, Dependency>)> =
            Vec::new();
        for (name, service) in &self.services {
            if seen.insert(name.as_str()) {
                path.push((name, service.depends_on.keys()));
            }
            while let Some((name, needs)) = path.last_mut() {
                match needs.next() {
                    None => {
                        order.push(*name);
                        path.pop();
                    }
                    Some(needed) => {
                        let found = self.services.get_key_value(needed);
                        if let Some((name, service)) = found.filter(|(name, _)| seen.insert(name)) {
                            path.push((name, service.depends_on.keys()));
                        }
                    }
                }
            }
        }
        order
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
        let mut waiting = vec![name];
        while let Some(name) = waiting.pop() {
            let Some(service) = self.services.get(name) else { continue };
            if !kept.insert(name.to_owned()) || !deep {
                continue;
            }
            for (needed, dependency) in &service.depends_on {
                if let Some(off) = self.disabled.get(needed).filter(|_| dependency.required) {
                    let message =
                        format!("service `{needed}` is required by `{name}`, but is not on");
                    let hint = format!("activate a profile: --profile {}", off.profiles.join("|"));
                    return Err(Error::new(Kind::Invalid, message).hint(hint));
                }
                waiting.push(needed);
            }
        }
        Ok(())
    }

    /// The project without networks, volumes, secrets, configs and models that no service which is
    /// on uses (Docker Compose: all but `--all-resources`).
    #[must_use]
    pub fn used(&self) -> Project {
        let (mut project, used) = (self.clone(), self.used_names());
        project.networks.retain(|name, _| used["networks"].contains(name.as_str()));
        project.volumes.retain(|name, _| used["volumes"].contains(name.as_str()));
        project.secrets.retain(|name, _| used["secrets"].contains(name.as_str()));
        project.configs.retain(|name, _| used["configs"].contains(name.as_str()));
        project.models.retain(|name, _| used["models"].contains(name.as_str()));
        project
    }

    /// Of each kind of resource, the names that services which are on use.
    #[must_use]
    pub fn used_names(&self) -> BTreeMap<&'static str, HashSet<&str>> {
        let on = || self.services.values();
        let volumes = on().flat_map(|it| &it.volumes).filter(|it| it.kind == MountKind::Volume);
        let built = on().filter_map(|it| it.build.as_ref()).flat_map(|it| &it.secrets);
        let secrets = on().flat_map(|it| &it.secrets).chain(built);
        let configs = on().flat_map(|it| &it.configs);
        BTreeMap::from([
            ("networks", on().flat_map(|it| it.networks.keys()).map(String::as_str).collect()),
            ("volumes", volumes.filter_map(|it| it.source.as_deref()).collect()),
            ("secrets", secrets.map(|it| it.source.as_str()).collect()),
            ("configs", configs.map(|it| it.source.as_str()).collect()),
            ("models", on().flat_map(|it| it.models.keys()).map(String::as_str).collect()),
        ])
    }

    /// A circle of services that need each other, the first repeated at its end.
    #[must_use]
    pub fn cycle(&self) -> Option<Vec<String>> {
        let graph = self.graph();
        // Not Tarjan's: petgraph's is recursive, and chains can be long.
        let ring = kosaraju_scc(&graph)
            .into_iter()
            .find(|ring| ring.len() > 1 || graph.contains_edge(ring[0], ring[0]))?;
        let start = *ring.iter().min_by_key(|node| graph[**node])?;
        let ring: HashSet<NodeIndex> = ring.into_iter().collect();
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
