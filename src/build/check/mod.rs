//! Checks of a Dockerfile: what can be built, and is yet probably not what was meant.
//!
//! Every rule has Docker's name, which is the code of its warnings, so that `# check=skip=NAME` in a
//! file means the same here (Docker: reference/build-checks). Pure.

mod rules;
mod stages;
mod steps;
#[cfg(test)]
mod tests;
mod variables;

use crate::diag::{Diagnostics, Span};

use super::dockerfile::{Dockerfile, Word};
use super::ignore::Ignore;

pub use rules::{Rules, UNDEFINED_VARIABLE, violations};
pub use variables::undefined;

/// What is checked.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The Dockerfile.
    pub file: &'a Dockerfile,
    /// Its text, for what parsing forgets: cases and comments.
    pub text: &'a str,
    /// What the context has no files of.
    pub ignore: &'a Ignore,
}

impl<'a> Subject<'a> {
    /// Reports everything that can be seen without building.
    pub fn check(&self, out: &mut Diagnostics) {
        stages::check(self, out);
        steps::check(self, out);
    }

    /// What the comment above an instruction says of this name: `# NAME says`. Empty if nothing.
    #[must_use]
    pub fn description(&self, instruction: Span, name: &str) -> String {
        let said = self.comment_above(instruction).and_then(|it| it.trim().strip_prefix(name));
        let said = said.filter(|said| said.starts_with(' ') && !name.is_empty());
        said.unwrap_or_default().trim().to_owned()
    }

    /// The line that this is on, up to where it ends.
    #[must_use]
    pub fn line_of(&self, span: Span) -> Span {
        let before = self.slice(0, span.start);
        Span { start: before.rfind('\n').map_or(0, |at| at + 1) as u32, ..span }
    }

    /// The comment on the line right above an instruction, without its mark. A parser directive is
    /// none.
    fn comment_above(&self, instruction: Span) -> Option<&'a str> {
        let above = self.slice(0, instruction.start).trim_end_matches([' ', '\t']);
        let above = above.strip_suffix('\n')?;
        let comment = above.lines().next_back()?.trim().strip_prefix('#')?;
        let name = comment.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        (!matches!(name.as_str(), "syntax" | "check" | "escape")).then_some(comment)
    }

    /// A word as it stands in the file.
    fn written(&self, word: &Word) -> &'a str {
        self.slice(word.span.start, word.span.end)
    }

    /// A piece of the file; empty where there is none.
    fn slice(&self, start: u32, end: u32) -> &'a str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The first word at a place.
    fn keyword_at(&self, start: u32) -> &'a str {
        let rest = self.text.get(start as usize..).unwrap_or_default();
        rest.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default()
    }
}
