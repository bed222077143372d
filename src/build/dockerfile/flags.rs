//! Flags of an instruction: taken by name, what is left is unknown.

use crate::diag::{Diagnostics, Span};

use super::words::{Flag, Word};

/// The flags of one instruction.
#[derive(Debug)]
pub struct Flags<'a> {
    flags: Vec<Flag>,
    known: Vec<&'static str>,
    instruction: &'a str,
}

impl<'a> Flags<'a> {
    /// The flags that were found in front of `instruction`'s words.
    pub fn new(flags: Vec<Flag>, instruction: &'a str) -> Flags<'a> {
        Flags { flags, known: Vec::new(), instruction }
    }

    fn take(&mut self, name: &'static str) -> Vec<Flag> {
        self.known.push(name);
        let (taken, left) =
            std::mem::take(&mut self.flags).into_iter().partition(|it| it.name == name);
        self.flags = left;
        taken
    }

    /// A flag that may come once.
    fn once(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<Flag> {
        let mut taken = self.take(name).into_iter();
        let first = taken.next();
        if let (Some(first), Some(again)) = (&first, taken.next()) {
            let message = format!("flag `--{name}` is given twice");
            out.error("duplicate-flag", again.span, message).label(first.span, "first here");
        }
        first
    }

    /// Every value of a flag that may come often.
    pub fn all(&mut self, name: &'static str, out: &mut Diagnostics) -> Vec<Word> {
        let taken = self.take(name);
        taken.into_iter().filter_map(|flag| word(flag, out)).collect()
    }

    /// The value of a flag.
    pub fn value(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<Word> {
        self.once(name, out).and_then(|flag| word(flag, out))
    }

    /// A flag that is there, or has `true` or `false` for a value.
    pub fn switch(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<bool> {
        let flag = self.once(name, out)?;
        match flag.value.as_deref() {
            None => Some(true),
            Some(text) => match boolean(text) {
                Some(value) => Some(value),
                None => {
                    let message = format!("`--{name}` is true or false, not `{text}`");
                    out.error("bad-flag", flag.span, message);
                    None
                }
            },
        }
    }

    /// Reports what nobody took.
    pub fn finish(self, out: &mut Diagnostics) {
        for flag in &self.flags {
            let message = format!("{} has no flag `--{}`", self.instruction, flag.name);
            let mistake = out.error("unknown-flag", flag.span, message);
            mistake.suggest(&flag.name, self.known.iter().copied());
        }
    }
}

fn word(flag: Flag, out: &mut Diagnostics) -> Option<Word> {
    match flag.value {
        Some(text) => Some(Word { text, span: flag.span }),
        None => {
            missing(&flag.name, flag.span, out);
            None
        }
    }
}

fn missing(name: &str, span: Span, out: &mut Diagnostics) {
    let message = format!("flag `--{name}` needs a value");
    out.error("bad-flag", span, message).hint(format!("write --{name}=VALUE"));
}

/// As Go's `strconv.ParseBool` reads it.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
