//! Diagnostics in SARIF 2.1.0, which code hosts show beside the code.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Diagnostic, Diagnostics, Severity, Sources, Span};

/// One SARIF log of one run; ends in a line break.
#[must_use]
pub fn to_sarif(diagnostics: &Diagnostics, sources: &Sources, version: &str) -> String {
    let codes: BTreeSet<&str> = diagnostics.iter().map(|it| it.code).collect();
    let rules: Vec<Value> = codes.iter().map(|code| json!({"id": code})).collect();
    let results: Vec<Value> = diagnostics.iter().map(|it| result(it, sources)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "compose", "version": version, "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&log).unwrap_or_default() + "\n"
}

fn result(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Notice => "note",
    };
    let extra = diagnostic.notes.iter().chain(&diagnostic.hints);
    let text = extra.fold(diagnostic.message.clone(), |text, line| text + "\n" + line);
    let locations: Vec<Value> = diagnostic.span.iter().map(|it| location(*it, sources)).collect();
    let related: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let mut place = location(label.span, sources);
            place["message"] = json!({"text": label.text});
            place
        })
        .collect();
    json!({
        "ruleId": diagnostic.code,
        "level": level,
        "message": {"text": text},
        "locations": locations,
        "relatedLocations": related,
    })
}

fn location(span: Span, sources: &Sources) -> Value {
    let (start, end) = (sources.place(span), sources.end(span));
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": sources.get(span.source).name},
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        },
    })
}
