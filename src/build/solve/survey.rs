//! What a Dockerfile says, without building it: its checks, its stages, and what it takes.

use std::collections::BTreeMap;

use crate::build::check::{self, Subject};
use crate::build::dockerfile::{Dockerfile, Instruction, MountKind, Stage};
use crate::build::graph::Graph;
use crate::build::remote;
use crate::build::request::{Failure, NamedContext, Request, World};
use crate::diag::{Diagnostics, Sources};
use crate::image::Store;
use crate::state::Roots;

use super::prepare::{Prepared, prepare};

/// What was found.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Its stages, in order.
    pub targets: Vec<Target>,
    /// What the chosen stage takes.
    pub outline: Outline,
    /// What looks wrong, by the rules that the file and the request want.
    pub warnings: Diagnostics,
    /// The texts that is about.
    pub sources: Sources,
}

/// A stage that can be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name; empty if it has none.
    pub name: String,
    /// What the comment above it says.
    pub description: String,
    /// What it begins with, as written.
    pub base: String,
    /// It is built when nobody says which.
    pub is_default: bool,
}

/// What a stage, with those it needs, takes from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The stage's name.
    pub name: String,
    /// What the comment above it says.
    pub description: String,
    /// Arguments: name, value if there is one, and what the comment above it says.
    pub args: Vec<(String, Option<String>, String)>,
    /// Secrets: id, and whether the build fails without it.
    pub secrets: Vec<(String, bool)>,
    /// SSH agents, likewise.
    pub agents: Vec<(String, bool)>,
}

/// Looks at a Dockerfile. Fetches a context that is elsewhere, and no image: where the base image
/// is not here, variables that it might set are not said to be undefined.
///
/// # Errors
/// The Dockerfile is wrong, or breaks a rule that is to be kept.
pub fn survey(roots: &Roots, request: &Request, world: &dyn World) -> Result<Survey, Failure> {
    let store = Store::open(roots)?;
    let fetched = remote::fetch(request, world, &store)?;
    let survey = survey_fetched(&store, &fetched.request);
    fetched.forget(&store)?;
    survey
}

fn survey_fetched(store: &Store, request: &Request) -> Result<Survey, Failure> {
    let Prepared { recipe, file, globals, graph, rules, sources, mut out, .. } = prepare(request)?;
    let Some(graph) = graph else {
        return Err(Failure::Mistakes { mistakes: out, sources });
    };
    let env_of = |name: &str| env_of(store, request, name);
    check::undefined(&file, &graph.bases, &env_of, &mut out);
    rules.apply(&mut out);
    out.tidy();
    if out.has_errors() {
        return Err(Failure::Mistakes { mistakes: out, sources });
    }
    let subject = Subject { file: &file, text: &recipe.text, ignore: &recipe.ignore };
    let targets = file.stages.iter().enumerate().map(|(index, stage)| Target {
        name: stage.name.as_ref().map_or_else(String::new, |name| name.text.clone()),
        description: described(&subject, stage),
        base: stage.base.text.clone(),
        is_default: index + 1 == file.stages.len(),
    });
    let targets: Vec<Target> = targets.collect();
    let outline = outline(&subject, request, &globals, &graph, &targets[graph.target]);
    Ok(Survey { outline, targets, warnings: out, sources })
}

/// Names that an image of the store sets.
fn env_of(store: &Store, request: &Request, name: &str) -> Option<Vec<String>> {
    let name = match request.contexts.get(&name.to_lowercase()) {
        Some(NamedContext::Image(name)) => name,
        Some(_) => return None,
        None => name,
    };
    // What cannot be read cannot be told either.
    let image = store.find(name).ok()??;
    let names = image.config.env.iter().filter_map(|entry| entry.split_once('='));
    Some(names.map(|(name, _)| name.to_owned()).collect())
}

fn described(subject: &Subject<'_>, stage: &Stage) -> String {
    let name = stage.name.as_ref().map_or("", |name| name.text.as_str());
    subject.description(stage.span, name)
}

fn outline(
    subject: &Subject<'_>,
    request: &Request,
    globals: &BTreeMap<String, String>,
    graph: &Graph,
    target: &Target,
) -> Outline {
    let mut outline = Outline {
        name: target.name.clone(),
        description: target.description.clone(),
        ..Outline::default()
    };
    for argument in &subject.file.globals {
        let name = &argument.name.text;
        let said = subject.description(subject.line_of(argument.name.span), name);
        outline.args.push((name.clone(), globals.get(name).cloned(), said));
    }
    for step in needed(subject.file, graph).flat_map(|stage| &stage.steps) {
        match &step.instruction {
            Instruction::Arg(list) => {
                for argument in list {
                    let name = &argument.name.text;
                    let default = argument.default.as_ref().map(|word| word.text.clone());
                    let given = request.args.get(name).cloned().or(default);
                    let said = subject.description(step.span, name);
                    if !outline.args.iter().any(|(known, ..)| known == name) {
                        let value = given.or_else(|| globals.get(name).cloned());
                        outline.args.push((name.clone(), value, said));
                    }
                }
            }
            Instruction::Run(run) => {
                for mount in &run.mounts {
                    let list = match mount.kind {
                        MountKind::Secret => &mut outline.secrets,
                        MountKind::Ssh => &mut outline.agents,
                        _ => continue,
                    };
                    let usual = if mount.kind == MountKind::Ssh { "default" } else { "" };
                    let id = mount.id.as_deref().or(mount.source.as_deref()).unwrap_or(usual);
                    match list.iter_mut().find(|(known, _)| known == id) {
                        Some((_, required)) => *required |= mount.required,
                        None => list.push((id.to_owned(), mount.required)),
                    }
                }
            }
            _ => {}
        }
    }
    outline
}

fn needed<'a>(file: &'a Dockerfile, graph: &'a Graph) -> impl Iterator<Item = &'a Stage> {
    graph.needed.iter().map(|index| &file.stages[*index])
}
