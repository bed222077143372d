//! Diagnostics for editors and other programs: one JSON object a line.

use serde_json::{Value, json};

use super::{Diagnostics, Sources, Span};

/// One line of JSON for each diagnostic (`--diagnostics json`).
///
/// Lines and columns count from 1, columns in characters; the end is the first column after.
#[must_use]
pub fn to_json(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let line = |value: Value| format!("{value}\n");
    diagnostics
        .iter()
        .map(|it| {
            let labels: Vec<Value> = it
                .labels
                .iter()
                .map(|label| json!({"text": label.text, "span": span(label.span, sources)}))
                .collect();
            line(json!({
                "severity": it.severity.as_str(),
                "code": it.code,
                "message": it.message,
                "span": it.span.map(|at| span(at, sources)),
                "label": it.here,
                "labels": labels,
                "notes": it.notes,
                "hints": it.hints,
            }))
        })
        .collect()
}

fn span(span: Span, sources: &Sources) -> Value {
    let (start, end) = (sources.place(span), sources.end(span));
    json!({
        "file": sources.get(span.source).name,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "start_byte": span.start,
        "end_byte": span.end,
    })
}
