//! Checks of single instructions.

use crate::build::dockerfile::{Command, Copy, Instruction, Stage, Step, Word};
use crate::diag::{Diagnostics, Span};

use super::Subject;

/// Words in the name of a variable that has a secret.
const SECRET: [&str; 10] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
];

pub(super) fn check(subject: &Subject<'_>, out: &mut Diagnostics) {
    casing(subject, out);
    // Whether a stage has a `SHELL`, by its number.
    let mut shells: Vec<bool> = Vec::new();
    for stage in &subject.file.stages {
        let base = subject.file.stages[..shells.len()]
            .iter()
            .rposition(|it| it.name.as_ref().is_some_and(|it| it.text == stage.base.text));
        let mut has_shell = base.is_some_and(|index| shells[index]);
        let mut has_dir = false;
        for step in &stage.steps {
            match &step.instruction {
                Instruction::Shell(_) => has_shell = true,
                Instruction::Cmd(command) => json("CMD", command, has_shell, step, out),
                Instruction::Entrypoint(command) => {
                    json("ENTRYPOINT", command, has_shell, step, out);
                }
                Instruction::WorkDir(word) => {
                    work_dir(word, has_dir, out);
                    has_dir = true;
                }
                _ => one(subject, step, out),
            }
        }
        repeated(stage, out);
        shells.push(has_shell);
    }
}

/// One case for all keywords: that of most.
fn casing(subject: &Subject<'_>, out: &mut Diagnostics) {
    let of_stage = |stage: &Stage| {
        let steps = stage.steps.iter().map(|step| step.span);
        let spans: Vec<Span> = [stage.span].into_iter().chain(steps).collect();
        spans
    };
    let spans: Vec<Span> = subject.file.stages.iter().flat_map(of_stage).collect();
    let is_lower = |word: &str| word.chars().all(char::is_lowercase);
    let is_upper = |word: &str| word.chars().all(char::is_uppercase);
    let words: Vec<&str> = spans.iter().map(|span| subject.keyword_at(span.start)).collect();
    let lower = words.iter().filter(|word| is_lower(word)).count();
    let upper = words.iter().filter(|word| is_upper(word)).count();
    for (word, span) in words.iter().zip(&spans) {
        let (fits, case) = match lower > upper {
            true => (is_lower(word), "lowercase"),
            false => (is_upper(word), "uppercase"),
        };
        if !fits {
            let message =
                format!("Command '{word}' should match the case of the command majority ({case})");
            out.warning("ConsistentInstructionCasing", span.part(0, word.len()), message);
        }
    }
}

/// A shell in between gets the signals that the program is sent.
fn json(name: &str, command: &Command, has_shell: bool, step: &Step, out: &mut Diagnostics) {
    if matches!(command, Command::Shell(_)) && !has_shell {
        let message = format!(
            "JSON arguments recommended for {name} to prevent unintended behavior related to OS signals"
        );
        out.warning("JSONArgsRecommended", step.span, message);
    }
}

fn work_dir(word: &Word, has_dir: bool, out: &mut Diagnostics) {
    let path = word.text.trim_matches(['"', '\'']);
    if !has_dir && !path.starts_with(['/', '$']) {
        let message = format!(
            "Relative workdir \"{path}\" can have unexpected results if the base image changes"
        );
        out.warning("WorkdirRelativePath", word.span, message);
    }
}

/// Of several, the last one counts: the others are for nothing.
fn repeated(stage: &Stage, out: &mut Diagnostics) {
    let kind = |step: &Step| match step.instruction {
        Instruction::Cmd(_) => Some("CMD"),
        Instruction::Entrypoint(_) => Some("ENTRYPOINT"),
        Instruction::Healthcheck(_) => Some("HEALTHCHECK"),
        _ => None,
    };
    for (index, step) in stage.steps.iter().enumerate() {
        let Some(name) = kind(step) else { continue };
        if stage.steps[index + 1..].iter().any(|later| kind(later) == Some(name)) {
            let message = format!(
                "Multiple {name} instructions should not be used in the same stage because only the last one will be used"
            );
            out.warning("MultipleInstructionsDisallowed", step.span, message);
        }
    }
}

fn one(subject: &Subject<'_>, step: &Step, out: &mut Diagnostics) {
    match &step.instruction {
        Instruction::Maintainer(_) => {
            let message = "Maintainer instruction is deprecated in favor of using label";
            let warning = out.warning("MaintainerDeprecated", step.span, message);
            warning.hint("write LABEL org.opencontainers.image.authors=…");
        }
        Instruction::Env(pairs) => {
            legacy("ENV", pairs, step.span, out);
            for (name, _) in pairs {
                secret("ENV", name, out);
            }
        }
        Instruction::Label(pairs) => legacy("LABEL", pairs, step.span, out),
        Instruction::Arg(list) => list.iter().for_each(|it| secret("ARG", &it.name, out)),
        Instruction::Expose(words) => words.iter().for_each(|word| expose(word, out)),
        Instruction::Copy(copy) => ignored(subject, copy, out),
        _ => {}
    }
}

/// `ENV NAME the rest`: a value that is a word of its own is no part of `NAME=value`.
fn legacy(name: &str, pairs: &[(Word, Word)], span: Span, out: &mut Diagnostics) {
    if pairs.iter().any(|(key, value)| value.span.start > key.span.start) {
        let message = format!(
            "\"{name} key=value\" should be used instead of legacy \"{name} key value\" format"
        );
        out.warning("LegacyKeyValueFormat", span, message);
    }
}

/// Whoever has the image can read it.
fn secret(instruction: &str, name: &Word, out: &mut Diagnostics) {
    let lower = name.text.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('_').collect();
    if parts.iter().any(|part| SECRET.contains(part)) && !parts.contains(&"public") {
        let message = format!(
            "Do not use ARG or ENV instructions for sensitive data ({instruction} \"{}\")",
            name.text
        );
        let warning = out.warning("SecretsUsedInArgOrEnv", name.span, message);
        warning.hint("RUN --mount=type=secret shows it to one step only");
    }
}

fn expose(word: &Word, out: &mut Diagnostics) {
    let text = &word.text;
    if text.contains('$') {
        return;
    }
    if text.contains(':') {
        let message = format!(
            "EXPOSE instruction should not define an IP address or host-port mapping, found '{text}'"
        );
        out.warning("ExposeInvalidFormat", word.span, message);
    }
    if text.rsplit_once('/').is_some_and(|(_, it)| it.chars().any(char::is_uppercase)) {
        let message =
            format!("Defined protocol '{text}' in EXPOSE instruction should be lowercase");
        out.warning("ExposeProtoCasing", word.span, message);
    }
}

/// With exceptions among the patterns, too much is possible to warn of (Docker: the same).
fn ignored(subject: &Subject<'_>, copy: &Copy, out: &mut Diagnostics) {
    if copy.from.is_some() || subject.ignore.may_bring_back() {
        return;
    }
    let command = if copy.add { "Add" } else { "Copy" };
    for source in &copy.sources {
        let text = &source.text;
        let path = crate::build::ignore::clean(text.trim_matches(['"', '\'']));
        if !text.contains(['$', '*', '?', '[', ':']) && subject.ignore.excludes(&path) {
            let message = format!(
                "Attempting to {command} file \"{text}\" that is excluded by .dockerignore"
            );
            out.warning("CopyIgnoredFile", source.span, message);
        }
    }
}
