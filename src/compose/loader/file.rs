//! One file after the other, each interpolated, checked and merged onto those before it.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::diag::Span;

use super::super::interpolate::Interpolation;
use super::super::merge;
use super::super::node::{Mapping, Node, Value};
use super::super::shape::{Canonical, PROJECT, Shape};
use super::super::yaml;
use super::{Loader, MAX_VALUES, Scope};

impl Loader<'_> {
    /// The documents of a file. `None` after a report that it cannot be read.
    pub(super) fn documents(&mut self, path: &Path, from: Option<Span>) -> Option<Rc<Vec<Node>>> {
        if let Some(documents) = self.parsed.get(path) {
            return Some(documents.clone());
        }
        let source = self.source(path, from, "the compose file")?;
        let documents = Rc::new(yaml::read(source, &self.sources, &mut self.out));
        self.parsed.insert(path.to_owned(), documents.clone());
        Some(documents)
    }

    /// Reports a file that has nothing but comments, unless more is wrong with it.
    pub(super) fn empty(&mut self, path: &Path) {
        if !self.out.has_errors() {
            let message = format!("the compose file `{}` is empty", self.display(path));
            self.out.error("empty-file", None, message).hint("begin with a line `services:`");
        }
    }

    /// The files of a project or of an included one, merged. `None` if none could be read. Only
    /// the project's first file must say something (Docker: the same).
    pub(super) fn model(&mut self, files: &[PathBuf], scope: &Scope) -> Option<Node> {
        let mut merged: Option<Node> = None;
        for file in files {
            let Some(documents) = self.documents(file, None) else { continue };
            let is_first = scope.includers.is_empty() && merged.is_none();
            match documents.is_empty() {
                true if is_first => self.empty(file),
                true => drop(merged.get_or_insert_with(|| Node::mapping(Mapping::new()))),
                false => {}
            }
            for document in documents.iter() {
                if self.values_left == 0 {
                    break;
                }
                let before = self.out.len();
                let tree = self.tree(document.clone(), file, scope);
                if let Some(base) = merged.as_ref().filter(|_| self.out.len() > before) {
                    self.show_earlier(before, document, base);
                }
                let Some(tree) = tree.filter(|tree| self.afford(tree.count(), tree.span)) else {
                    continue;
                };
                let base = merged.get_or_insert_with(|| Node {
                    span: tree.span,
                    ..Node::mapping(Mapping::new())
                });
                merge::merge(base, tree, &Shape::Fields(&PROJECT), &mut self.out);
            }
        }
        let mut merged = merged?;
        merge::strip(&mut merged);
        Some(merged)
    }

    /// One document: interpolated, in canonical form, with all that it includes and extends.
    fn tree(&mut self, mut tree: Node, file: &Path, scope: &Scope) -> Option<Node> {
        if !matches!(tree.value, Value::Mapping(_)) {
            let message = format!("a compose file is a mapping, not {}", tree.kind_name());
            self.out.error("wrong-type", tree.span, message).hint("begin with a line `services:`");
            return None;
        }
        self.interpolate(&mut tree, scope);
        let raw = !self.request.options.interpolate;
        Canonical::new(&mut self.out, &self.sources, raw).node(&mut tree, &Shape::Fields(&PROJECT));
        self.version(&mut tree);
        let imported = self.include(&mut tree, file, scope);
        self.extends(&mut tree, imported.as_ref(), file, scope);
        match imported {
            None => Some(tree),
            Some(mut imported) => {
                let shape = Shape::Fields(&PROJECT);
                merge::merge_keeping_tags(&mut imported, tree, &shape, &mut self.out);
                Some(imported)
            }
        }
    }

    /// Replaces variables, unless they are to stay.
    pub(super) fn interpolate(&mut self, tree: &mut Node, scope: &Scope) {
        if self.request.options.interpolate {
            Interpolation {
                environment: scope.environment,
                sources: &self.sources,
                unset: &mut self.unset,
                budget: &mut self.budget,
                out: &mut self.out,
            }
            .tree(tree);
        }
    }

    /// Whether so many values more can be loaded. False after a report.
    pub(super) fn afford(&mut self, values: usize, at: Option<Span>) -> bool {
        let enough = self.values_left >= values;
        match enough {
            true => self.values_left -= values,
            false => {
                self.values_left = 0;
                self.out
                    .error("too-large", at, "the files of this project add up to too many values")
                    .note(format!(
                        "the limit is {MAX_VALUES}, each use of `extends` and `include` counted"
                    ));
            }
        }
        enough
    }

    fn version(&mut self, tree: &mut Node) {
        let entry = tree.as_mapping_mut().and_then(|it| it.shift_remove("version"));
        if let Some(entry) = entry {
            if entry.node.is_null() {
                self.out
                    .error("wrong-type", entry.key, "`version` has no value")
                    .hint("remove this line: it has no meaning any more");
                return;
            }
            self.out
                .warning("obsolete-version", entry.key, "`version` has no meaning any more")
                .hint("remove this line");
        }
    }
}
