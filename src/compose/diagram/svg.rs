//! The picture itself, as SVG.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::layout::{Layout, Spot, layout};
use super::{Arrow, Diagram, Kind};

/// Width of a letter of names and of notes, on average.
const LETTER: f64 = 8.2;
const SMALL_LETTER: f64 = 6.2;
/// Height of a box.
const HEIGHT: f64 = 46.0;
/// Space between two rows: room for an arrow and its label.
const ROOM: f64 = 64.0;
/// Around everything.
const MARGIN: f64 = 24.0;

/// Light and dark, as the reader's screen is.
const STYLE: &str = "\
  svg { color-scheme: light dark; font-family: system-ui, sans-serif; }
  .service { fill: #e8f0fe; stroke: #3367d6; }
  .network { fill: #e6f4ea; stroke: #188038; }
  .volume { fill: #fef7e0; stroke: #b06000; }
  .name { font-size: 14px; font-weight: 600; fill: #202124; text-anchor: middle; }
  .note { font-size: 11px; fill: #5f6368; text-anchor: middle; }
  .label { font-size: 11px; fill: #3c4043; text-anchor: middle; paint-order: stroke;
    stroke: #fff; stroke-width: 4px; stroke-linejoin: round; }
  .arrow { fill: none; stroke: #5f6368; stroke-width: 1.4; }
  .faint { stroke-dasharray: 5 4; }
  .tip { fill: #5f6368; }
  .paper { fill: #fff; }
";

/// The whole file.
pub fn draw(title: &str, diagram: &Diagram) -> String {
    let widths: Vec<f64> = diagram.boxes.iter().map(width).collect();
    let labels: Vec<f64> =
        diagram.arrows.iter().map(|it| it.label.width() as f64 * SMALL_LETTER).collect();
    let layout = layout(diagram, &widths, &labels);
    let right = layout.spots.iter().map(|it| it.x + it.width / 2.0).fold(0.0, f64::max);
    let rows = layout.rows.max(1) as f64;
    let (width, height) =
        (right + 2.0 * MARGIN, rows * HEIGHT + (rows - 1.0) * ROOM + 2.0 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" orient=\"auto-start-reverse\">\
         <path class=\"tip\" d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
        escaped(title)
    );
    for (arrow, path) in diagram.arrows.iter().zip(&layout.paths) {
        let is_service = diagram.boxes[arrow.to].kind == Kind::Service;
        text += &line(arrow, path, &layout, is_service);
    }
    for (it, spot) in diagram.boxes.iter().zip(&layout.spots) {
        text += &rectangle(it, spot);
    }
    // Labels last: no line crosses them.
    for (arrow, path) in diagram.arrows.iter().zip(&layout.paths) {
        text += &label(diagram, arrow, path, &layout);
    }
    text + "</svg>\n"
}

fn width(it: &super::Box) -> f64 {
    let name = it.name.width() as f64 * LETTER;
    let note = it.note.width() as f64 * SMALL_LETTER;
    (name.max(note) + 28.0).max(72.0)
}

fn top(row: usize) -> f64 {
    MARGIN + row as f64 * (HEIGHT + ROOM)
}

fn rectangle(it: &super::Box, spot: &Spot) -> String {
    let class = match it.kind {
        Kind::Service => "service",
        Kind::Network => "network",
        Kind::Volume => "volume",
    };
    let (x, y) = (spot.x + MARGIN, top(spot.row));
    let radius = if it.kind == Kind::Service { 7.0 } else { HEIGHT / 2.0 };
    let mut text = format!(
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{HEIGHT:.1}\" \
         rx=\"{radius:.0}\"/>\n",
        x - spot.width / 2.0,
        spot.width
    );
    let (name, note) = (escaped(&it.name), escaped(&it.note));
    let middle = if note.is_empty() { 28.0 } else { 20.0 };
    // Writing to a string cannot fail.
    let _ =
        writeln!(text, "<text class=\"name\" x=\"{x:.1}\" y=\"{:.1}\">{name}</text>", y + middle);
    if !note.is_empty() {
        let _ =
            writeln!(text, "<text class=\"note\" x=\"{x:.1}\" y=\"{:.1}\">{note}</text>", y + 36.0);
    }
    text
}

/// A curve from the bottom of one box, through waypoints, to the top of the other.
fn line(arrow: &Arrow, path: &[usize], layout: &Layout, tip: bool) -> String {
    let mut data = String::new();
    for (step, pair) in path.windows(2).enumerate() {
        let (from, to) = (layout.spots[pair[0]], layout.spots[pair[1]]);
        let (x1, x2) = (from.x + MARGIN, to.x + MARGIN);
        let (y1, y2) = (top(from.row) + HEIGHT, top(to.row));
        if step == 0 {
            data += &format!("M{x1:.1} {y1:.1}");
        } else {
            // Straight past the row of a waypoint.
            data += &format!(" L{x1:.1} {y1:.1}");
        }
        let bend = (y2 - y1).abs().max(30.0) / 2.0;
        data += &format!(" C{x1:.1} {:.1} {x2:.1} {:.1} {x2:.1} {y2:.1}", y1 + bend, y2 - bend);
    }
    let class = if arrow.faint { "arrow faint" } else { "arrow" };
    let end = if tip { " marker-end=\"url(#tip)\"" } else { "" };
    format!("<path class=\"{class}\" d=\"{data}\"{end}/>\n")
}

/// What an arrow says: at its first waypoint, which has room for it, or else where the arrows of
/// one end are apart.
fn label(diagram: &Diagram, arrow: &Arrow, path: &[usize], layout: &Layout) -> String {
    if arrow.label.is_empty() {
        return String::new();
    }
    let (from, to) = (layout.spots[path[0]], layout.spots[path[1]]);
    let (x, y) = match path.len() {
        2 => {
            let many = |is: fn(&Arrow, &Arrow) -> bool| {
                diagram.arrows.iter().filter(|it| is(it, arrow)).count()
            };
            let crowded = many(|a, b| a.to == b.to) > many(|a, b| a.from == b.from);
            let share = if crowded { 0.32 } else { 0.62 };
            // A point on the curve, whose ends are level.
            let smooth = share * share * (3.0 - 2.0 * share);
            let (y1, y2) = (top(from.row) + HEIGHT, top(to.row));
            (from.x + (to.x - from.x) * smooth, y1 + (y2 - y1) * share + 4.0)
        }
        _ => (to.x, top(to.row) + HEIGHT / 2.0 + 4.0),
    };
    let x = x + MARGIN;
    format!("<text class=\"label\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n", escaped(&arrow.label))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
