//! `extends`: a service begins as a copy of another (Spec: 05-services.md#extends).

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::diag::Span;

use super::super::merge;
use super::super::node::{Node, Value};
use super::super::shape::{Canonical, SERVICE, Shape};
use super::{Loader, Scope};

/// A service on the way from one that extends another to the last of them.
type Chain = Vec<(PathBuf, String, Option<Span>)>;

/// What a service extends.
struct Extends {
    service: String,
    service_span: Option<Span>,
    file: Option<(String, Option<Span>)>,
}

impl Loader<'_> {
    /// Completes every service of a file that extends another. Services that the file includes
    /// can be extended, too.
    pub(super) fn extends(
        &mut self,
        tree: &mut Node,
        imported: Option<&Node>,
        file: &Path,
        scope: &Scope,
    ) {
        let Some(services) = tree.get("services").and_then(Node::as_mapping) else { return };
        let extending: Vec<String> = services
            .iter()
            .filter(|(_, entry)| entry.node.get("extends").is_some())
            .map(|(name, _)| name.clone())
            .collect();
        for name in extending {
            self.complete_extends(tree, &name);
            if self.values_left == 0 {
                return;
            }
            if self.cyclic.contains(&(file.to_owned(), name.clone())) {
                continue;
            }
            let mut chain = vec![(file.to_owned(), name.clone(), None)];
            if let Some(done) = self.local(&name, tree, imported, file, scope, &mut chain)
                && let Some(service) = tree.get_mut("services").and_then(|it| it.get_mut(&name))
            {
                *service = done;
            }
        }
    }

    /// Reports `extends` without the name of a service.
    fn complete_extends(&mut self, tree: &Node, name: &str) {
        let extends = tree.get("services").and_then(|it| it.get(name)?.get("extends"));
        if let Some(extends) = extends.filter(|it| it.get("service").is_none_or(Node::is_null)) {
            let message = format!("`services.{name}.extends` needs the key `service`");
            self.out.error("missing-key", extends.span, message).hint("name the service to extend");
        }
    }

    /// A service of this very file, complete. `None` after a report.
    fn local(
        &mut self,
        name: &str,
        tree: &Node,
        imported: Option<&Node>,
        file: &Path,
        scope: &Scope,
        chain: &mut Chain,
    ) -> Option<Node> {
        let find = |tree: &Node| tree.get("services").and_then(|it| it.get(name)).cloned();
        let mut service = find(tree).or_else(|| imported.and_then(find))?;
        let Some(extends) = take_extends(&mut service) else { return Some(service) };
        let base = match &extends.file {
            Some((other, span)) => {
                let path = self.locate(other, scope.directory, *span)?;
                self.enter(&path, &extends, *span, chain)?;
                self.base(&path, &extends, *span, scope, chain)
            }
            None => {
                self.enter(file, &extends, extends.service_span, chain)?;
                let name = &extends.service;
                let base = self.local(name, tree, imported, file, scope, chain);
                if base.is_none() && !has_service(tree, name) {
                    self.missing(&extends, tree, file);
                }
                // What is included and written here, too, is extended as both together.
                let both = imported.filter(|_| has_service(tree, name));
                let included = both.and_then(|it| it.get("services")?.get(name)).cloned();
                match included {
                    Some(included) => base.map(|base| Rc::new(self.onto(Rc::new(included), base))),
                    None => base.map(Rc::new),
                }
            }
        };
        chain.pop();
        let base = base?;
        self.afford(base.count(), extends.service_span).then(|| self.onto(base, service))
    }

    /// A service of another file, complete, its paths absolute. `None` after a report.
    fn base(
        &mut self,
        path: &Path,
        extends: &Extends,
        from: Option<Span>,
        scope: &Scope,
        chain: &mut Chain,
    ) -> Option<Rc<Node>> {
        let key = (scope.number, path.to_owned(), extends.service.clone());
        if let Some(known) = self.bases.get(&key) {
            return known.clone();
        }
        let base = self.read_base(path, extends, from, scope, chain).map(Rc::new);
        self.bases.insert(key, base.clone());
        base
    }

    fn read_base(
        &mut self,
        path: &Path,
        extends: &Extends,
        from: Option<Span>,
        scope: &Scope,
        chain: &mut Chain,
    ) -> Option<Node> {
        let tree = self.base_file(path, from, scope)?;
        let name = &extends.service;
        let Some(mut service) = tree.get("services").and_then(|it| it.get(name)).cloned() else {
            self.missing(extends, &tree, path);
            return None;
        };
        let raw = !self.request.options.interpolate;
        let mut canonical = Canonical::new(&mut self.out, &self.sources, raw);
        canonical.path = format!("services.{name}");
        if !canonical.node(&mut service, &Shape::Fields(&SERVICE)) {
            return None;
        }
        let directory = path.parent().unwrap_or(Path::new("/"));
        let shown = self.shown_directory(directory, scope);
        self.paths(&shown).service(&mut service);
        let Some(next) = take_extends(&mut service) else { return Some(service) };
        let (file, span) = match &next.file {
            // Its path was made relative to this file before.
            Some((file, span)) => (self.locate(file, scope.directory, *span)?, *span),
            None => (path.to_owned(), next.service_span),
        };
        self.enter(&file, &next, span, chain)?;
        let base = self.base(&file, &next, span, scope, chain);
        chain.pop();
        Some(self.onto(base?, service))
    }

    /// A file that is extended from, with its variables replaced. `None` after a report.
    fn base_file(&mut self, path: &Path, from: Option<Span>, scope: &Scope) -> Option<Rc<Node>> {
        let key = (scope.number, path.to_owned());
        if let Some(known) = self.interpolated.get(&key) {
            return known.clone();
        }
        let tree = self.documents(path, from).and_then(|documents| {
            let Some(mut tree) = documents.first().cloned() else {
                self.empty(path);
                return None;
            };
            self.interpolate(&mut tree, scope);
            Some(Rc::new(tree))
        });
        self.interpolated.insert(key, tree.clone());
        tree
    }

    /// Where paths of a file in `directory` are written relative to, if they stay relative.
    fn shown_directory(&self, directory: &Path, scope: &Scope) -> PathBuf {
        match self.request.options.resolve_paths {
            true => directory.to_owned(),
            false => directory.strip_prefix(scope.directory).unwrap_or(directory).to_owned(),
        }
    }

    fn onto(&mut self, base: Rc<Node>, service: Node) -> Node {
        let mut merged = Rc::unwrap_or_clone(base);
        let span = service.span;
        let shape = Shape::Fields(&SERVICE);
        merge::merge_keeping_tags(&mut merged, service, &shape, &mut self.out);
        merged.span = span;
        merged
    }

    /// Adds a service to the chain. `None` after a report that it is there already.
    fn enter(
        &mut self,
        path: &Path,
        extends: &Extends,
        span: Option<Span>,
        chain: &mut Chain,
    ) -> Option<()> {
        let name = &extends.service;
        let first = chain.iter().position(|(file, known, _)| file == path && known == name);
        if let Some(first) = first {
            let mut ring: Vec<&str> = chain[first..].iter().map(|(_, it, _)| it.as_str()).collect();
            ring.push(name);
            let message = format!("services extend each other in a circle: {}", ring.join(" -> "));
            let diagnostic = self.out.error("extends-cycle", extends.service_span, message);
            for (_, name, at) in &chain[first + 1..] {
                diagnostic.label(*at, format!("extends `{name}`"));
            }
            // Every service of the circle would find it again.
            let members = chain[first..].iter().map(|(file, name, _)| (file.clone(), name.clone()));
            self.cyclic.extend(members);
            return None;
        }
        if chain.len() > 100 {
            self.out.error("extends-cycle", span, "more than 100 services extend one another");
            return None;
        }
        chain.push((path.to_owned(), name.clone(), extends.service_span));
        Some(())
    }

    fn missing(&mut self, extends: &Extends, tree: &Node, file: &Path) {
        let name = &extends.service;
        let message = format!("there is no service `{name}` in `{}` to extend", self.display(file));
        let services = tree.get("services").and_then(Node::as_mapping);
        let known = services.into_iter().flat_map(|it| it.keys().map(String::as_str));
        self.out.error("unknown-service", extends.service_span, message).suggest(name, known);
    }
}

fn has_service(tree: &Node, name: &str) -> bool {
    tree.get("services").is_some_and(|it| it.get(name).is_some())
}

/// Takes `extends` out of a service.
fn take_extends(service: &mut Node) -> Option<Extends> {
    let Value::Mapping(mapping) = &mut service.value else { return None };
    let extends = mapping.shift_remove("extends")?.node;
    let name = extends.get("service")?;
    let text = |node: &Node| node.as_str().map(|text| (text.to_owned(), node.span));
    Some(Extends {
        service: name.as_str()?.to_owned(),
        service_span: name.span,
        file: extends.get("file").and_then(text),
    })
}
