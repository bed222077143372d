//! Diagnostics as a reader sees them: the sentence, the line it is about, what to do.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Severity, SourceId, Sources, Span};

/// How diagnostics are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// With terminal colours.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for Style {
    /// No colours, and as wide as a terminal usually is at least.
    fn default() -> Style {
        Style { colour: false, width: 140 }
    }
}

/// All diagnostics, a blank line between two; ends in a line break unless there are none.
#[must_use]
pub fn render(diagnostics: &Diagnostics, sources: &Sources, style: Style) -> String {
    let renderer = match style.colour {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(style.width);
    let texts: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| renderer.render(&[group(diagnostic, sources)]) + "\n")
        .collect();
    texts.join("\n")
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Notice => Level::NOTE.with_name(Some("notice")),
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code);
    let mut group = Group::with_title(title);
    for source in shown(diagnostic) {
        group = group.element(snippet(diagnostic, source, sources));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    for hint in &diagnostic.hints {
        group = group.element(Level::HELP.with_name(Some("hint")).message(hint));
    }
    group
}

/// The texts a diagnostic points into, its own first.
fn shown(diagnostic: &Diagnostic) -> Vec<SourceId> {
    let mut shown: Vec<SourceId> = Vec::new();
    let places = diagnostic.span.iter().chain(diagnostic.labels.iter().map(|label| &label.span));
    for span in places {
        if !shown.contains(&span.source) {
            shown.push(span.source);
        }
    }
    shown
}

fn snippet<'a>(
    diagnostic: &'a Diagnostic,
    id: SourceId,
    sources: &'a Sources,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let source = sources.get(id);
    let spans: Vec<Span> = diagnostic
        .span
        .into_iter()
        .chain(diagnostic.labels.iter().map(|label| label.span))
        .filter(|span| span.source == id)
        .collect();
    let (window, first_line) = window(&source.text, &spans);
    let at = |span: Span| visible(&source.text, span, &window);
    let mut snippet =
        Snippet::source(&source.text[window.clone()]).path(&source.name).line_start(first_line);
    if let Some(span) = diagnostic.span.filter(|span| span.source == id) {
        let mark = AnnotationKind::Primary.span(at(span));
        snippet = snippet.annotation(match diagnostic.here.is_empty() {
            true => mark,
            false => mark.label(&diagnostic.here),
        });
    }
    let elsewhere = diagnostic.span.is_none_or(|span| span.source != id);
    for (index, label) in
        diagnostic.labels.iter().filter(|label| label.span.source == id).enumerate()
    {
        // In a second file the first label is what the file is shown for.
        let kind = match elsewhere && index == 0 {
            true => AnnotationKind::Primary,
            false => AnnotationKind::Context,
        };
        snippet = snippet.annotation(kind.span(at(label.span)).label(&label.text));
    }
    snippet
}

/// Only the first line of a span is marked: a mapping's span would fill the screen.
fn visible(text: &str, span: Span, window: &Range<usize>) -> Range<usize> {
    let (start, end) = (span.start as usize, (span.end as usize).min(text.len()));
    let line = memchr::memchr(b'\n', &text.as_bytes()[start.min(end)..end]);
    let end = line.map_or(end, |length| start + length);
    let end = start + text.get(start..end).unwrap_or_default().trim_end().len();
    start - window.start..end - window.start
}

/// The lines that matter, and the number of the first, so that a large file is not drawn whole.
fn window(text: &str, spans: &[Span]) -> (Range<usize>, usize) {
    let bytes = text.as_bytes();
    let first = spans.iter().map(|span| span.start as usize).min().unwrap_or(0).min(text.len());
    let last = spans.iter().map(|span| span.start as usize).max().unwrap_or(0).min(text.len());
    let start = memchr::memrchr(b'\n', &bytes[..first]).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', &bytes[last..]).map_or(text.len(), |length| last + length);
    (start..end, memchr::memchr_iter(b'\n', &bytes[..start]).count() + 1)
}
