//! Which stages a build needs, and what each waits for. Pure.

use std::collections::BTreeMap;

use crate::diag::{Diagnostics, Span};

use super::dockerfile::{Dockerfile, Instruction, Stage, Word};

/// Where files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A stage of this Dockerfile.
    Stage(usize),
    /// A named context, an image, or whatever else the word says.
    Named(String),
    /// Nothing (`FROM scratch`).
    Scratch,
}

/// The stages of a Dockerfile and what they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// The stage that becomes the image.
    pub target: usize,
    /// What each stage is based on; in the order of the file.
    pub bases: Vec<Origin>,
    /// Stages that the target needs, itself included, ascending.
    pub needed: Vec<usize>,
}

/// Finds out what `target` (a name or number; `None`: the last stage) needs. `bases` are the
/// `FROM` words after expansion; a name in `contexts` is never a stage.
pub fn graph(
    file: &Dockerfile,
    bases: &[String],
    target: Option<&str>,
    contexts: &[String],
    out: &mut Diagnostics,
) -> Option<Graph> {
    let names = names(file, out);
    let find = |word: &str, before: usize| origin(word, before, &names, contexts);
    let bases: Vec<Origin> = bases
        .iter()
        .enumerate()
        .map(|(index, base)| match base.as_str() {
            "scratch" => Origin::Scratch,
            word => match names.get(&word.to_lowercase()).filter(|found| **found < index) {
                Some(found) if !contexts.contains(&word.to_lowercase()) => Origin::Stage(*found),
                _ => Origin::Named(word.to_owned()),
            },
        })
        .collect();
    let last = file.stages.len().checked_sub(1)?;
    let target = match target {
        None => last,
        Some(word) => match stage_of(word, file.stages.len(), &names) {
            Some(index) => index,
            None => {
                let message = format!("target stage `{word}` could not be found");
                let known = names.keys().map(String::as_str);
                out.error("unknown-stage", None, message).suggest(word, known);
                return None;
            }
        },
    };
    let mut needed = vec![false; file.stages.len()];
    needed[target] = true;
    for index in (0..=target).rev().filter(|index| *index <= target) {
        if !needed[index] {
            continue;
        }
        let base = bases.get(index).into_iter().cloned();
        let words = mentioned(&file.stages[index]);
        let others = words.iter().map(|(word, span)| {
            if !contexts.contains(&word.to_lowercase()) {
                check_order(word, *span, index, &names, out);
            }
            find(word, index)
        });
        for origin in base.chain(others) {
            if let Origin::Stage(other) = origin {
                needed[other] = true;
            }
        }
    }
    let needed = (0..needed.len()).filter(|index| needed[*index]).collect();
    Some(Graph { target, bases, needed })
}

/// What the word of a `--from` in stage `before` means.
#[must_use]
pub fn origin(
    word: &str,
    before: usize,
    names: &BTreeMap<String, usize>,
    contexts: &[String],
) -> Origin {
    let lower = word.to_lowercase();
    if contexts.contains(&lower) {
        return Origin::Named(word.to_owned());
    }
    match stage_of(word, before, names).filter(|index| *index < before) {
        Some(index) => Origin::Stage(index),
        None if lower == "scratch" => Origin::Scratch,
        None => Origin::Named(word.to_owned()),
    }
}

/// A stage by name or number.
fn stage_of(word: &str, count: usize, names: &BTreeMap<String, usize>) -> Option<usize> {
    let number = word.parse::<usize>().ok().filter(|index| *index < count);
    names.get(&word.to_lowercase()).copied().or(number)
}

/// A stage that refers to itself or to a later one would wait for ever.
fn check_order(
    word: &str,
    span: Span,
    index: usize,
    names: &BTreeMap<String, usize>,
    out: &mut Diagnostics,
) {
    let later = names.get(&word.to_lowercase()).is_some_and(|found| *found >= index);
    if later {
        let message = format!("stage `{word}` is not defined before this one");
        out.error("circular-stage", span, message).hint("stages can use earlier stages only");
    } else if word.parse::<usize>().is_ok_and(|number| number >= index) {
        let hint = "stages are counted from 0, and can use earlier stages only";
        out.error("unknown-stage", span, format!("invalid stage index {word}")).hint(hint);
    }
}

/// Names of stages to their numbers; of two with one name the last counts (Docker).
#[must_use]
pub fn names(file: &Dockerfile, out: &mut Diagnostics) -> BTreeMap<String, usize> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (index, stage) in file.stages.iter().enumerate() {
        let Some(name) = &stage.name else { continue };
        if matches!(name.text.as_str(), "scratch" | "context") {
            let message = format!(
                "Stage name should not use the same name as reserved stage \"{}\"",
                name.text
            );
            out.warning("ReservedStageName", name.span, message);
        }
        if let Some(first) = names.insert(name.text.clone(), index) {
            let message =
                format!("Duplicate stage name \"{}\", stage names should be unique", name.text);
            let mistake = out.warning("DuplicateStageName", name.span, message);
            mistake.label(file.stages[first].span, "first here");
        }
    }
    names
}

/// Words of `--from` in a stage.
fn mentioned(stage: &Stage) -> Vec<(String, Span)> {
    let mut words = Vec::new();
    for step in &stage.steps {
        match &step.instruction {
            Instruction::Copy(copy) => {
                let word = |it: &Word| (it.text.clone(), it.span);
                words.extend(copy.from.as_ref().map(word));
            }
            Instruction::Run(run) => {
                let from = run.mounts.iter();
                words.extend(from.filter_map(|it| it.from.clone().map(|from| (from, it.span))));
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::dockerfile::parse;
    use crate::diag::Sources;

    fn needed(text: &str, target: Option<&str>) -> Result<Vec<usize>, String> {
        let source = Sources::default().add("Dockerfile", text);
        let mut out = Diagnostics::default();
        let file = parse(source, text, &mut out);
        let bases: Vec<String> = file.stages.iter().map(|stage| stage.base.text.clone()).collect();
        let graph = graph(&file, &bases, target, &[], &mut out);
        match out.iter().find(|it| it.severity == crate::diag::Severity::Error) {
            Some(mistake) => Err(mistake.message.clone()),
            None => Ok(graph.unwrap().needed),
        }
    }

    const TEXT: &str = "FROM a AS base\nFROM base AS one\nFROM b AS unused\nFROM scratch\nCOPY --from=one / /\nRUN --mount=from=0,target=/m x\n";

    #[test]
    fn only_what_the_target_needs_is_built() {
        assert_eq!(needed(TEXT, None), Ok(vec![0, 1, 3]));
        assert_eq!(needed(TEXT, Some("ONE")), Ok(vec![0, 1]));
        assert_eq!(needed(TEXT, Some("2")), Ok(vec![2]));
        assert_eq!(
            needed(TEXT, Some("oen")),
            Err("target stage `oen` could not be found".to_owned())
        );
    }

    #[test]
    fn a_stage_cannot_wait_for_itself() {
        let text = "FROM a AS x\nCOPY --from=x / /\n";
        assert_eq!(needed(text, None), Err("stage `x` is not defined before this one".to_owned()));
    }
}
