//! The Dockerfile language: text becomes stages of typed instructions.
//!
//! Pure. [`parse`] finds all mistakes at once and says where each is; variables are expanded
//! later, by [`expand`](expand::expand), since their values depend on the steps before.

pub mod expand;
mod flags;
mod heredoc;
mod instruction;
mod mount;
mod pattern;
mod read;
pub mod show;
mod statement;
#[cfg(test)]
mod tests;
mod text;
mod words;

use crate::diag::{Diagnostics, SourceId, Span};

pub use heredoc::Heredoc;
pub use instruction::{
    Argument, Command, Copy, Health, Instruction, Mount, MountKind, Run, RunNetwork, Sharing, Step,
};
pub use statement::Directives;
pub use words::Word;

use statement::Statement;
use text::Text;

/// Largest Dockerfile in bytes.
pub const MAX_SIZE: usize = 16 << 20;

/// A parsed Dockerfile.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// What comments at its top say.
    pub directives: Directives,
    /// `ARG`s before the first `FROM`: values for `FROM` lines.
    pub globals: Vec<Argument>,
    /// At least one, unless there were errors.
    pub stages: Vec<Stage>,
}

/// From one `FROM` to the next.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Where the `FROM` stands.
    pub span: Span,
    /// The `FROM` as written.
    pub text: String,
    /// An image, an earlier stage or `scratch`.
    pub base: Word,
    /// `--platform`.
    pub platform: Option<Word>,
    /// Its name in lower case.
    pub name: Option<Word>,
    /// What it does.
    pub steps: Vec<Step>,
}

/// Parses a Dockerfile.
pub fn parse(source: SourceId, text: &str, out: &mut Diagnostics) -> Dockerfile {
    let (directives, statements) = statement::split(source, text, out);
    let mut file = Dockerfile { directives, globals: Vec::new(), stages: Vec::new() };
    for statement in statements {
        add(&mut file, statement, out);
    }
    if file.stages.is_empty() && !out.has_errors() {
        out.error("no-stage", None, "the Dockerfile has no FROM").hint("it begins with FROM IMAGE");
    }
    file
}

/// Parses what an image says that those who build from it shall do.
pub fn parse_trigger(source: SourceId, text: &str, out: &mut Diagnostics) -> Vec<Step> {
    let (_, statements) = statement::split(source, text, out);
    statements.into_iter().filter_map(|statement| step(statement, '\\', out)).collect()
}

fn add(file: &mut Dockerfile, statement: Statement, out: &mut Diagnostics) {
    let escape = file.directives.escape;
    if statement.keyword == "FROM" {
        file.stages.extend(read::from(&statement, out));
        return;
    }
    let before_from = file.stages.is_empty();
    if before_from && statement.keyword != "ARG" && read::is_known(&statement.keyword) {
        // Below a FROM that is wrong everything would be.
        if out.iter().any(|mistake| mistake.code == "bad-from") {
            return;
        }
        let message = format!("`{}` before the first FROM", statement.keyword);
        let mistake = out.error("no-stage", statement.keyword_span, message);
        mistake.hint("only ARG may come before FROM");
        return;
    }
    let Some(step) = step(statement, escape, out) else { return };
    match (step.instruction, file.stages.last_mut()) {
        (instruction, Some(stage)) => stage.steps.push(Step { instruction, ..step }),
        (Instruction::Arg(arguments), None) => file.globals.extend(arguments),
        (_, None) => {}
    }
}

fn step(statement: Statement, escape: char, out: &mut Diagnostics) -> Option<Step> {
    let text = shown(&statement);
    let span = statement.span;
    let instruction = read::instruction(statement, escape, out)?;
    Some(Step { span, text, instruction })
}

/// The instruction in one line, its keyword in upper case.
fn shown(statement: &Statement) -> String {
    match statement.body.as_str() {
        "" => statement.keyword.clone(),
        // Nobody is shown a password, and no history keeps it (CVE-2023-26054).
        body if statement.keyword == "ADD" && body.contains("://") => {
            let words: Vec<String> = body.split(' ').map(super::git::without_credentials).collect();
            format!("ADD {}", words.join(" "))
        }
        body => format!("{} {body}", statement.keyword),
    }
}

/// The mistake's place in a text made of pieces.
fn place(text: &Text, fallback: Span) -> Span {
    match text.as_str().is_empty() {
        true => fallback,
        false => text.whole(),
    }
}
