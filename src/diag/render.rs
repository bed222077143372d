//! Diagnostics as a reader sees them: the sentence, the line it is about, what to do.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Label, Severity, Sources, Span};

/// So many are drawn: nobody reads more at once.
const MOST: usize = 100;

/// Places of one text farther apart than this, in bytes, are drawn on their own.
const APART: usize = 64 << 10;

/// Of a line longer than this only the part around the place is drawn.
const LONG_LINE: usize = 16 << 10;

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
    let mut texts: Vec<String> = diagnostics
        .iter()
        .take(MOST)
        .map(|diagnostic| renderer.render(&[group(diagnostic, sources)]) + "\n")
        .collect();
    let more = diagnostics.len().saturating_sub(MOST) + diagnostics.dropped();
    if more > 0 {
        texts.push(format!("… and {more} more\n"));
    }
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
    for place in shown(diagnostic) {
        group = group.element(snippet(diagnostic, place, sources));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    for hint in &diagnostic.hints {
        group = group.element(Level::HELP.with_name(Some("hint")).message(hint));
    }
    group
}

/// The place that begins each snippet: the diagnostic's own first, then one of each other text,
/// and one of each part of the same text that is far away.
fn shown(diagnostic: &Diagnostic) -> Vec<Span> {
    let mut shown: Vec<Span> = Vec::new();
    let places = diagnostic.span.iter().chain(diagnostic.labels.iter().map(|label| &label.span));
    for span in places {
        if !shown.iter().any(|known| near(*known, *span)) {
            shown.push(*span);
        }
    }
    shown
}

fn near(a: Span, b: Span) -> bool {
    a.source == b.source && a.start.abs_diff(b.start) as usize <= APART
}

fn snippet<'a>(
    diagnostic: &'a Diagnostic,
    place: Span,
    sources: &'a Sources,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let source = sources.get(place.source);
    let own = diagnostic.span.filter(|span| near(place, *span));
    let labels: Vec<&Label> =
        diagnostic.labels.iter().filter(|label| near(place, label.span)).collect();
    let spans: Vec<Span> = own.into_iter().chain(labels.iter().map(|it| it.span)).collect();
    let (window, first_line) = window(&source.text, &spans);
    let at = |span: Span| visible(&source.text, span, &window);
    let mut snippet =
        Snippet::source(&source.text[window.clone()]).path(&source.name).line_start(first_line);
    if let Some(span) = own {
        let mark = AnnotationKind::Primary.span(at(span));
        snippet = snippet.annotation(match diagnostic.here.is_empty() {
            true => mark,
            false => mark.label(&diagnostic.here),
        });
    }
    for (index, label) in labels.into_iter().enumerate() {
        // Elsewhere the first label is what the text is shown for.
        let kind = match own.is_none() && index == 0 {
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
    let inside =
        |at: usize| text.floor_char_boundary(at.clamp(window.start, window.end)) - window.start;
    inside(start)..inside(end)
}

/// The lines that matter, and the number of the first, so that a large file is not drawn whole.
fn window(text: &str, spans: &[Span]) -> (Range<usize>, usize) {
    let bytes = text.as_bytes();
    let first = spans.iter().map(|span| span.start as usize).min().unwrap_or(0).min(text.len());
    let last = spans.iter().map(|span| span.start as usize).max().unwrap_or(0).min(text.len());
    let start = memchr::memrchr(b'\n', &bytes[..first]).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', &bytes[last..]).map_or(text.len(), |length| last + length);
    let line = memchr::memchr_iter(b'\n', &bytes[..start]).count() + 1;
    let cut = |at: usize| text.ceil_char_boundary(at.min(text.len()));
    let start = if first - start > LONG_LINE { cut(first - LONG_LINE) } else { start };
    let end = if end - last > LONG_LINE { cut(last + LONG_LINE) } else { end };
    (start..end, line)
}
