//! Variables that have no value, as far as that can be seen without building.

use std::collections::BTreeSet;

use crate::build::dockerfile::{Dockerfile, Instruction, Word, expand};
use crate::build::graph::Origin;
use crate::diag::Diagnostics;

use super::UNDEFINED_VARIABLE;

/// Names that are known at some point of a stage; `None`: what the base sets is not known, and no
/// name can be said to be wrong.
type Known = Option<BTreeSet<String>>;

/// Reports uses of variables that nothing defines. `bases` are what stages begin with, and `env_of`
/// the names that an image sets, if that can be told.
pub fn undefined(
    file: &Dockerfile,
    bases: &[Origin],
    env_of: &dyn Fn(&str) -> Option<Vec<String>>,
    out: &mut Diagnostics,
) {
    let mut ends: Vec<Known> = Vec::new();
    for (stage, base) in file.stages.iter().zip(bases) {
        let mut env: Known = match base {
            Origin::Scratch => Some(BTreeSet::from(["PATH".to_owned()])),
            Origin::Stage(index) => ends.get(*index).cloned().flatten(),
            Origin::Named(name) => env_of(name).map(BTreeSet::from_iter),
        };
        let mut args: BTreeSet<String> = BTreeSet::new();
        for step in &stage.steps {
            if let Some(env) = &env {
                for word in words(&step.instruction) {
                    report(word, file.directives.escape, env, &args, out);
                }
            }
            match (&step.instruction, &mut env) {
                (Instruction::Arg(list), _) => {
                    args.extend(list.iter().map(|it| it.name.text.clone()));
                }
                (Instruction::Env(pairs), Some(env)) => {
                    env.extend(pairs.iter().map(|(name, _)| name.text.clone()));
                }
                _ => {}
            }
        }
        ends.push(env);
    }
}

fn report(
    word: &Word,
    escape: char,
    env: &BTreeSet<String>,
    args: &BTreeSet<String>,
    out: &mut Diagnostics,
) {
    let lookup = |name: &str| (env.contains(name) || args.contains(name)).then(String::new);
    // What cannot be expanded at all is a mistake, which building reports.
    let Ok(expanded) = expand::expand(&word.text, escape, &lookup) else { return };
    for name in expanded.unset {
        let message = format!("Usage of undefined variable '${name}'");
        let warning = out.warning(UNDEFINED_VARIABLE, word.span, message);
        warning.suggest(&name, env.iter().chain(args).map(String::as_str));
    }
}

/// The words of an instruction in which variables count.
fn words(instruction: &Instruction) -> Vec<&Word> {
    match instruction {
        Instruction::Copy(copy) => {
            let flags = [&copy.chown, &copy.chmod, &copy.checksum].into_iter().flatten();
            copy.sources.iter().chain([&copy.destination]).chain(flags).collect()
        }
        Instruction::Arg(list) => list.iter().filter_map(|it| it.default.as_ref()).collect(),
        Instruction::Env(pairs) | Instruction::Label(pairs) => {
            pairs.iter().flat_map(|(name, value)| [name, value]).collect()
        }
        Instruction::Expose(words) | Instruction::Volume(words) => words.iter().collect(),
        Instruction::StopSignal(word) | Instruction::User(word) | Instruction::WorkDir(word) => {
            vec![word]
        }
        _ => Vec::new(),
    }
}
