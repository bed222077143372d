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
        if let Some(known) = closest(word, known) {
            self.hints.push(format!("did you mean `{known}`?"));
        }
        self
    }
}

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
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
        self.list.push(Diagnostic { severity, code, message, span, here, labels, notes, hints });
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

    /// Adds those of `other`.
    pub fn append(&mut self, mut other: Diagnostics) {
        self.list.append(&mut other.list);
    }

    /// Puts them in the order of the text, and leaves out what was found twice, as happens where
    /// an alias or a merge brings the same words to several places.
    pub fn tidy(&mut self) {
        self.list.sort_by_key(|it| it.span);
        let mut seen = std::collections::HashSet::new();
        self.list.retain(|it| seen.insert((it.code, it.span, it.message.clone())));
    }

    /// Makes every warning an error (`--strict`). Notices stay.
    pub fn deny_warnings(&mut self) {
        for it in &mut self.list {
            if it.severity == Severity::Warning {
                it.severity = Severity::Error;
            }
        }
    }
}
