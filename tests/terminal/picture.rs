//! Pictures of the terminal for the README: what really was on the screen, as SVG.
//!
//! `BLESS=1 cargo test --test terminal picture` draws them anew.

use std::fmt::Write as _;
use std::path::Path;

use crate::terminal::Terminal;
use crate::world::World;

/// Width and height of a character.
const CELL: (usize, usize) = (8, 18);

/// Colours of the terminal, the bright ones last.
const PALETTE: [&str; 16] = [
    "#45475a", "#e06c75", "#7ec77b", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d0d0d0",
    "#6b7089", "#ff7b85", "#98e895", "#ffd58f", "#7cc4ff", "#dd8ff5", "#70d6e2", "#ffffff",
];

/// The screen as SVG, `command` in front of it, as if somebody had typed it.
fn svg(command: &str, screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let used =
        (0..rows).filter(|row| (0..columns).any(|column| has_text(screen, *row, column))).max();
    let lines = usize::from(used.map_or(0, |row| row + 1)) + 1;
    let (width, height) = (usize::from(columns) * CELL.0 + 24, lines * CELL.1 + 24);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1e1f29\"/>\n"
    );
    let line = |out: &mut String, row: usize, column: usize, style: &str, text: &str| {
        let (x, y) = (12 + column * CELL.0, 12 + row * CELL.1 + 13);
        let columns = text.chars().count() * CELL.0;
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" textLength=\"{columns}\" {style} xml:space=\"preserve\">{text}</text>"
        );
    };
    line(&mut out, 0, 0, "fill=\"#7ec77b\"", "$");
    line(&mut out, 0, 2, "fill=\"#ffffff\"", command);
    for row in 0..rows {
        for (column, style, text) in pieces(screen, row) {
            line(&mut out, usize::from(row) + 1, column, &style, &text);
        }
    }
    out + "</svg>\n"
}

fn has_text(screen: &vt100::Screen, row: u16, column: u16) -> bool {
    screen.cell(row, column).is_some_and(|cell| !cell.contents().trim().is_empty())
}

/// A line in pieces of one style: where each begins, how it looks, what it says.
fn pieces(screen: &vt100::Screen, row: u16) -> Vec<(usize, String, String)> {
    let mut pieces: Vec<(usize, String, String)> = Vec::new();
    for column in 0..screen.size().1 {
        let Some(cell) = screen.cell(row, column) else { continue };
        let text = if cell.contents().is_empty() { " " } else { cell.contents() };
        let style = style(cell);
        match pieces.last_mut() {
            Some((_, last, piece)) if *last == style => piece.push_str(text),
            _ => pieces.push((usize::from(column), style, text.to_owned())),
        }
    }
    for (_, _, text) in &mut pieces {
        text.truncate(text.trim_end().len());
    }
    pieces.retain(|(_, _, text)| !text.is_empty());
    pieces
}

fn style(cell: &vt100::Cell) -> String {
    let colour = match cell.fgcolor() {
        vt100::Color::Idx(index) => {
            PALETTE.get(usize::from(index)).map_or("#d0d0d0", |it| it).to_owned()
        }
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        vt100::Color::Default => "#d0d0d0".to_owned(),
    };
    let weight = if cell.bold() { " font-weight=\"bold\"" } else { "" };
    let dim = if cell.dim() { " opacity=\"0.6\"" } else { "" };
    format!("fill=\"{colour}\"{weight}{dim}")
}

/// Writes a picture when asked to, and makes sure that there is one.
fn keep(name: &str, command: &str, terminal: &Terminal) {
    let picture = svg(command, &terminal.screen());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pictures").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &picture).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept.contains(&format!(">{command}</text>")),
        "{name} is missing: draw it with BLESS=1"
    );
    let readme = include_str!("../../README.md");
    assert!(
        readme.contains(&format!("examples/pictures/{name}")),
        "README.md does not show {name}"
    );
}

const SHOP: &str = "\
name: shop
services:
  web:
    image: busybox
    init: true
    depends_on: {db: {condition: service_healthy}}
    command: [sh, -c, 'echo listening on port 8000; while sleep 0.5; do echo GET / 200; done']
    ports: ['8000:8000']
    develop: {watch: [{path: src, action: sync, target: /app}]}
  db:
    image: busybox
    init: true
    command: [sh, -c, 'echo ready for connections; sleep infinity']
    healthcheck: {test: 'true', interval: 0.3s}
    volumes: ['data:/data']
volumes: {data: }
";

#[test]
fn the_pictures_are_of_real_runs() {
    let world = World::new();
    world.compose_yaml(SHOP);
    std::fs::create_dir(world.project().join("src")).unwrap();
    let mut plan = Terminal::compose(&world, &["up", "--plan"], (16, 96));
    assert_eq!(plan.ends(), 0);
    keep("plan.svg", "compose up --plan", &plan);
    let mut detached = Terminal::compose(&world, &["up", "-d"], (10, 72));
    assert_eq!(detached.ends(), 0);
    keep("up.svg", "compose up -d", &detached);
    let mut listed = Terminal::compose(&world, &["ps"], (6, 132));
    assert_eq!(listed.ends(), 0);
    keep("ps.svg", "compose ps", &listed);
    let attached = Terminal::compose(&world, &["up"], (12, 72));
    attached.shows("GET / 200");
    attached.shows("w watch");
    keep("attached.svg", "compose up", &attached);
    attached.keys("d");
    world.compose(&["down", "-v"]).ok();
    world.assert_clean();
}

#[test]
fn a_screen_becomes_text_with_colours() {
    let mut parser = vt100::Parser::new(3, 20, 0);
    parser.process(b"a \x1b[32mgreen & b\x1b[0m\r\n\x1b[1mbold\x1b[0m");
    let picture = svg("x", parser.screen());
    assert!(
        picture.contains("fill=\"#7ec77b\" xml:space=\"preserve\">green &amp; b<"),
        "{picture}"
    );
    assert!(picture.contains("font-weight=\"bold\"") && picture.ends_with("</svg>\n"), "{picture}");
}
