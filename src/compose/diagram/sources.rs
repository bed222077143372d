//! The picture for other programs to draw: DOT and Mermaid.

use std::fmt::Write as _;

use super::{Diagram, Kind};

/// For Graphviz (<https://graphviz.org/doc/info/lang.html>).
pub fn dot(name: &str, diagram: &Diagram) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = format!("digraph {} {{\n", quoted(name));
    text += "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
    text += "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    for (index, it) in diagram.boxes.iter().enumerate() {
        let shape = match it.kind {
            Kind::Service => "box",
            Kind::Network => "ellipse",
            Kind::Volume => "cylinder",
        };
        let label = match it.note.is_empty() {
            true => quoted(&it.name),
            // The line break is an escape of the language, not a letter of the name.
            false => {
                format!("{}\\n{}", quoted(&it.name).trim_end_matches('"'), &quoted(&it.note)[1..])
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  n{index} [shape={shape}, label={label}];");
    }
    for arrow in &diagram.arrows {
        let mut options = Vec::new();
        if !arrow.label.is_empty() {
            options.push(format!("label={}", quoted(&arrow.label)));
        }
        if arrow.faint {
            options.push("style=dashed".to_owned());
        }
        if diagram.boxes[arrow.to].kind != Kind::Service {
            options.push("arrowhead=none".to_owned());
        }
        let options = match options.is_empty() {
            true => String::new(),
            false => format!(" [{}]", options.join(", ")),
        };
        let _ = writeln!(text, "  n{} -> n{}{options};", arrow.from, arrow.to);
    }
    text + "}\n"
}

/// For Markdown (<https://mermaid.js.org/syntax/flowchart.html>).
pub fn mermaid(diagram: &Diagram) -> String {
    // Mermaid takes entities where a letter has a meaning of its own.
    let quoted = |text: &str| {
        let text = text.replace('#', "#35;").replace('"', "#quot;");
        format!("\"{}\"", text.replace('<', "#lt;").replace('>', "#gt;"))
    };
    let mut text = "flowchart TD\n".to_owned();
    for (index, it) in diagram.boxes.iter().enumerate() {
        let (open, close) = match it.kind {
            Kind::Service => ("[", "]"),
            Kind::Network => ("([", "])"),
            Kind::Volume => ("[(", ")]"),
        };
        let label = match it.note.is_empty() {
            true => quoted(&it.name),
            false => {
                let (name, note) = (quoted(&it.name), quoted(&it.note));
                format!("{}<br/>{}", &name[..name.len() - 1], &note[1..])
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  n{index}{open}{label}{close}");
    }
    for arrow in &diagram.arrows {
        let resource = diagram.boxes[arrow.to].kind != Kind::Service;
        let line = match (resource, arrow.faint) {
            (true, _) => "-.-",
            (_, true) => "-.->",
            _ => "-->",
        };
        let label = match arrow.label.is_empty() {
            true => String::new(),
            false => format!("|{}|", quoted(&arrow.label)),
        };
        let _ = writeln!(text, "  n{} {line}{label} n{}", arrow.from, arrow.to);
    }
    text
}
