//! What is known about a build before any step of it is done.

use std::collections::BTreeMap;

use crate::base::Result;
use crate::build::check::{Rules, Subject};
use crate::build::dockerfile::{self, Dockerfile};
use crate::build::graph::{self, Graph};
use crate::build::request::Request;
use crate::diag::{Diagnostics, Sources};

use super::arguments::globals;
use super::recipe::{ReadRecipe, read_recipe};

/// A Dockerfile that was read, and what was found in it.
pub(super) struct Prepared {
    pub recipe: ReadRecipe,
    pub file: Dockerfile,
    /// Values for `FROM` lines.
    pub globals: BTreeMap<String, String>,
    /// Names of contexts, which go before those of stages.
    pub contexts: Vec<String>,
    /// `None`: mistakes are in the way.
    pub graph: Option<Graph>,
    pub rules: Rules,
    pub sources: Sources,
    /// Mistakes, and warnings that nobody has sorted out by the rules.
    pub out: Diagnostics,
}

/// Reads and checks the Dockerfile of a request whose context is here.
///
/// # Errors
/// It cannot be read.
pub(super) fn prepare(request: &Request) -> Result<Prepared> {
    let recipe = read_recipe(request)?;
    let mut sources = Sources::default();
    let source = sources.add(recipe.name.clone(), recipe.text.as_str());
    let mut out = Diagnostics::default();
    let file = dockerfile::parse(source, &recipe.text, &mut out);
    let rules = rules(&file, request, &mut out);
    let (globals, bases) = globals(&file, request, &mut out);
    let contexts: Vec<String> = request.contexts.keys().cloned().collect();
    let graph = match out.has_errors() {
        true => None,
        false => graph::graph(&file, &bases, request.target.as_deref(), &contexts, &mut out),
    };
    if !out.has_errors() {
        Subject { file: &file, text: &recipe.text, ignore: &recipe.ignore }.check(&mut out);
    }
    Ok(Prepared { recipe, file, globals, contexts, graph, rules, sources, out })
}

/// Docker: the argument goes before the directive.
fn rules(file: &Dockerfile, request: &Request, out: &mut Diagnostics) -> Rules {
    let given = request.args.get("BUILDKIT_DOCKERFILE_CHECK").or(file.directives.check.as_ref());
    match Rules::read(given.map_or("", String::as_str)) {
        Ok(rules) => rules,
        Err(message) => {
            out.error("bad-check", None, format!("check directive: {message}"));
            Rules::default()
        }
    }
}
