//! One mistake, and the list of all of them.

use super::{Span, closest};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The project cannot be loaded.
    Error,
    /// Probably not what was meant.
    Warning,
    /// Worth knowing, nothing to do.
    Notice,
}

impl Severity {
    /// The word in front of the message.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        }
    }
}

/// The code of what is not kept.
const DROPPED: &str = "";

/// A place that has to do with the mistake, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words, such as `first defined here`.
    pub text: String,
}

/// One mistake in a user's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable, as in `unknown-key`: what editors and lint configuration refer to.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Where; `None` only for what has no place, such as a missing file.
    pub span: Option<Span>,
    /// A few words at the place itself; may be empty.
    pub here: String,
    /// Other places.
    pub labels: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// Says something at the place itself.
    pub fn here(&mut self, text: impl Into<String>) -> &mut Diagnostic {
        self.here = text.into();
        self
    }

    /// Points at another place; ignored where there is none.
    pub fn label(
        &mut self,
        span: impl Into<Option<Span>>,
        text: impl Into<String>,
    ) -> &mut Diagnostic {
        if let Some(span) = span.into().filter(|span| Some(*span) != self.span) {
            self.labels.push(Label { span, text: text.into() });
        }
        self
    }

    /// Adds a fact that explains it.
    pub fn note(&mut self, text: impl Into<String>) -> &mut Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// Says what to do about it.
    pub fn hint(&mut self, text: impl Into<String>) -> &mut Diagnostic {
        self.hints.push(text.into());
        self
    }

    /// Asks "did you mean" if one of `known` is close to `word`.
    pub fn suggest<'a>(
        &mut self,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> &mut Diagnostic {
        if self.code != DROPPED
            && let Some(known) = closest(word, known)
        {
            self.hints.push(format!("did you mean `{known}`?"));
        }
        self
    }
}

/// So many errors are kept, and as many warnings and notices: whoever has more reads none of them,
/// and a file that is wrong everywhere must not take all memory.
const MOST: usize = 500;

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    errors: usize,
    /// How many more there were, and the last of them, which takes labels and hints in vain.
    dropped: usize,
    last_dropped: Option<Box<Diagnostic>>,
}

impl Diagnostics {
    /// Adds a mistake; the returned reference takes labels and hints.
    pub fn report(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let (span, message) = (span.into(), message.into());
        let (here, labels, notes, hints) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        let new = Diagnostic { severity, code, message, span, here, labels, notes, hints };
        let is_error = severity == Severity::Error;
        let kept = if is_error { self.errors } else { self.list.len() - self.errors };
        if kept >= MOST {
            self.dropped += 1;
            return self.last_dropped.insert(Box::new(Diagnostic { code: DROPPED, ..new }));
        }
        self.errors += usize::from(is_error);
        self.list.push(new);
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Adds an error.
    pub fn error(
        &mut self,
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.report(Severity::Error, code, span, message)
    }

    /// Adds a warning.
    pub fn warning(
        &mut self,
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.report(Severity::Warning, code, span, message)
    }

    /// Adds a notice.
    pub fn notice(
        &mut self,
        code: &'static str,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.report(Severity::Notice, code, span, message)
    }

    /// Whether anything prevents the project from being loaded.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|it| it.severity == Severity::Error)
    }

    /// How many were found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// All but the first `count`, to add labels and hints to them.
    pub fn since(&mut self, count: usize) -> impl Iterator<Item = &mut Diagnostic> {
        self.list.iter_mut().skip(count)
    }

    /// Keeps only those that `keep` says so of.
    pub fn retain(&mut self, keep: impl Fn(&Diagnostic) -> bool) {
        self.list.retain(keep);
        self.recount();
    }

    /// Adds those of `other`.
    pub fn append(&mut self, mut other: Diagnostics) {
        self.list.append(&mut other.list);
        self.errors += other.errors;
        self.dropped += other.dropped;
    }

    /// How many more were found than are kept.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Puts them in the order of the text, and leaves out what was found twice, as happens where
    /// an alias or a merge brings the same words to several places.
    pub fn tidy(&mut self) {
        self.list.sort_by_key(|it| it.span);
        let mut seen = std::collections::HashSet::new();
        self.list.retain(|it| seen.insert((it.code, it.span, it.message.clone())));
        self.recount();
    }

    /// Makes every warning an error (`--strict`). Notices stay.
    pub fn deny_warnings(&mut self) {
        for it in &mut self.list {
            if it.severity == Severity::Warning {
                it.severity = Severity::Error;
            }
        }
        self.recount();
    }

    fn recount(&mut self) {
        self.errors = self.list.iter().filter(|it| it.severity == Severity::Error).count();
    }
}
