//! Pictures of small graphs, as text.

use super::*;
use crate::compose::{LoadRequest, Memory, load};

const SHOP: &str = "\
name: shop
services:
  web:
    image: nginx
    depends_on: [api]
  worker:
    build: .
    depends_on:
      db: { condition: service_healthy, restart: true }
      queue: { condition: service_started, required: false }
  api:
    image: api:1
    depends_on:
      db: { condition: service_healthy }
      migrate: { condition: service_completed_successfully }
    networks: [back]
  migrate:
    image: api:1
    depends_on:
      db: { condition: service_healthy }
  db:
    image: postgres
    volumes: [data:/var/lib/postgresql]
    networks: [back]
  queue:
    image: redis
networks:
  back: { internal: true }
volumes:
  data:
";

fn shop() -> Project {
    let request = LoadRequest { working_dir: "/shop".into(), ..LoadRequest::default() };
    load(&request, &Memory::new().with("/shop/compose.yaml", SHOP)).project.unwrap()
}

#[test]
fn the_tree_begins_with_what_nobody_needs() {
    assert_eq!(
        draw(&shop(), false, Format::Text),
        "\
web  nginx
└── api  api:1
    ├── db (healthy)  postgres
    └── migrate (completed)  api:1
        └── db (healthy)
worker  built
├── db (healthy, restarts with)
└── queue (optional)  redis
"
    );
}

#[test]
fn networks_and_volumes_come_on_demand() {
    let text = draw(&shop(), true, Format::Text);
    assert!(text.contains("back  internal network"), "{text}");
    assert!(text.contains("data (/var/lib/postgresql)  volume"), "{text}");
}

#[test]
fn dot_and_mermaid_name_every_arrow() {
    let dot = draw(&shop(), false, Format::Dot);
    assert!(dot.starts_with("digraph \"shop\" {\n"), "{dot}");
    assert!(dot.contains("  n0 [shape=box, label=\"api\\napi:1\"];\n"), "{dot}");
    assert!(
        dot.contains("  n5 -> n3 [label=\"optional\"") || dot.contains("style=dashed"),
        "{dot}"
    );
    let mermaid = draw(&shop(), true, Format::Mermaid);
    assert!(mermaid.starts_with("flowchart TD\n  n0[\"api<br/>api:1\"]\n"), "{mermaid}");
    assert!(mermaid.contains("-->|\"healthy\"|") && mermaid.contains("[(\"data<br/>volume\")]"));
}

#[test]
fn no_two_boxes_overlap_and_arrows_point_down() {
    for resources in [false, true] {
        let diagram = Diagram::new(&shop(), resources);
        let widths = vec![100.0; diagram.boxes.len()];
        let layout = layout::layout(&diagram, &widths, &vec![50.0; diagram.arrows.len()]);
        for (index, a) in layout.spots.iter().enumerate() {
            assert!(a.x - a.width / 2.0 >= -0.01, "{a:?}");
            for b in &layout.spots[index + 1..] {
                let apart = (a.x - b.x).abs() + 0.01 >= f64::midpoint(a.width, b.width);
                assert!(a.row != b.row || apart, "{a:?} {b:?}");
            }
        }
        for arrow in &diagram.arrows {
            assert!(layout.spots[arrow.from].row < layout.spots[arrow.to].row);
        }
    }
    let svg = draw(&shop(), true, Format::Svg);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("marker-end").count(), 6);
}

#[test]
fn a_circle_is_drawn_too() {
    let mut project = shop();
    let back = project.services["api"].depends_on["db"].clone();
    project.services.get_mut("db").unwrap().depends_on.insert("web".to_owned(), back);
    for (_, format) in Format::ALL {
        assert!(draw(&project, true, format).contains("migrate"));
    }
}
