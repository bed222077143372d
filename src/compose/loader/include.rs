//! `include`: other projects become part of this one (Spec: 14-include.md).

use std::path::{Path, PathBuf};

use super::super::environment::Environment;

use super::super::node::{Mapping, Node, Value};
use super::super::normalize::build_contexts;
use super::super::paths::absolute;
use super::super::service_environment;

use super::{Loader, Scope};

/// What an included project may bring along.
const KINDS: [&str; 6] = ["services", "models", "networks", "volumes", "secrets", "configs"];

/// So deep can files include one another; nobody gets there, and each level takes stack.
const MAX_DEPTH: usize = 64;

impl Loader<'_> {
    /// Everything that a file includes, as one tree. `None` if it includes nothing.
    pub(super) fn include(&mut self, tree: &mut Node, file: &Path, scope: &Scope) -> Option<Node> {
        let entry = tree.as_mapping_mut()?.shift_remove("include")?;
        let items = entry.node.as_sequence()?;
        let mut imported = Node { span: entry.node.span, ..Node::mapping(Mapping::new()) };
        for item in items {
            if self.values_left == 0 {
                break;
            }
            if let Some(model) = self.included(item, file, scope) {
                self.import(&mut imported, model);
            }
        }
        Some(imported)
    }

    /// The project of one item, complete and with absolute paths.
    fn included(&mut self, item: &Node, file: &Path, scope: &Scope) -> Option<Node> {
        let home = self.request.environment.get("HOME").cloned();
        let path = |node: &Node| {
            node.as_str()
                .map(|text| PathBuf::from(absolute(scope.directory, text, home.as_deref())))
        };
        let list = item.get("path").and_then(Node::as_sequence).unwrap_or_default();
        let mut files = Vec::new();
        for node in list {
            let Some(text) = node.as_str() else { continue };
            files.push(self.locate(text, scope.directory, node.span)?);
        }
        let Some(first) = files.first() else {
            self.out.error("missing-key", item.span, "an item of `include` needs a `path`");
            return None;
        };
        let directory = match item.get("project_directory").and_then(path) {
            Some(directory) => directory,
            None => first.parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let mut includers = scope.includers.to_vec();
        includers.push(file.to_owned());
        if includers.len() > MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} files include one another");
            self.out.error("include-cycle", item.span, message);
            return None;
        }
        for (path, node) in files.iter().zip(list) {
            if includers.contains(path) {
                let ring: Vec<String> =
                    includers.iter().chain([path]).map(|it| self.display(it)).collect();
                let message =
                    format!("files include each other in a circle: {}", ring.join(" -> "));
                self.out.error("include-cycle", node.span, message);
                return None;
            }
            self.documents(path, node.span)?;
        }
        // Each included project has its own copy of the environment.
        if !self.afford(scope.environment.names().count(), item.span) {
            return None;
        }
        let environment = self.included_environment(item, &directory, scope);
        self.environments += 1;
        let inner = Scope {
            environment: &environment,
            number: self.environments,
            directory: &directory,
            includers: &includers,
        };
        let mut model = self.model(&files, &inner)?;
        let shown = match self.request.options.resolve_paths {
            true => directory.clone(),
            false => directory.strip_prefix(scope.directory).unwrap_or(&directory).to_owned(),
        };
        build_contexts(&mut model);
        self.paths(&shown).project(&mut model);
        service_environment::take_over(&mut model, &environment);
        self.remember_values(&model, &environment);
        Some(model)
    }

    /// Secrets and configs from variables mean those of the project that says so.
    fn remember_values(&mut self, model: &Node, environment: &Environment) {
        for kind in ["secrets", "configs"] {
            for (name, entry) in model.get(kind).and_then(Node::as_mapping).into_iter().flatten() {
                let variable = entry.node.get("environment").and_then(Node::as_str);
                if let Some(value) = variable.and_then(|variable| environment.get(variable)) {
                    self.included_values.insert((kind, name.clone()), value.to_owned());
                }
            }
        }
    }

    /// The including project's environment, and what the included one's files add to it.
    fn included_environment(
        &mut self,
        item: &Node,
        directory: &Path,
        scope: &Scope,
    ) -> Environment {
        let mut environment = scope.environment.clone();
        let Some(list) = item.get("env_file").and_then(Node::as_sequence) else {
            self.read_dotenv(&directory.join(".env"), &mut environment);
            return environment;
        };
        let mut given = Environment::default();
        for node in list {
            let Some(text) = node.as_str().filter(|text| *text != "/dev/null") else { continue };
            let path = PathBuf::from(absolute(scope.directory, text, None));
            self.read_env_file(&path, node.span, scope.environment, &mut given);
        }
        environment.fill_from(&given);
        environment
    }

    /// Adds an included project to the others. The same thing twice is fine if it is the same.
    fn import(&mut self, imported: &mut Node, mut model: Node) {
        let Value::Mapping(mapping) = &mut model.value else { return };
        mapping.retain(|key, _| KINDS.contains(&key.as_str()));
        for (kind, entry) in mapping.iter() {
            let Some(known) = imported.get(kind).and_then(Node::as_mapping) else { continue };
            for (name, new) in entry.node.as_mapping().into_iter().flatten() {
                let Some(old) = known.get(name).filter(|old| !old.node.says_the_same(&new.node))
                else {
                    continue;
                };
                let what = kind.trim_end_matches('s');
                let message = format!("two included files have a {what} `{name}`, and they differ");
                self.out
                    .error("include-conflict", new.key, message)
                    .label(old.key, "the other one")
                    .hint("rename one, or define it in the file that includes both");
            }
        }
        // What is the same on both sides must not be appended to itself.
        for (kind, entry) in std::mem::take(mapping) {
            let target = match imported.get_mut(&kind) {
                Some(target) => target,
                None => {
                    let Value::Mapping(all) = &mut imported.value else { return };
                    all.insert(kind, entry);
                    continue;
                }
            };
            let (Value::Mapping(target), Value::Mapping(new)) =
                (&mut target.value, entry.node.value)
            else {
                continue;
            };
            for (name, entry) in new {
                target.entry(name).or_insert(entry);
            }
        }
    }
}
