//! The picture as a tree of words.

use std::collections::BTreeSet;

use super::{Arrow, Diagram, Kind};

/// What needs nothing else comes last; what was shown before is shown once more by its name only,
/// with `…` where something is below it.
pub fn draw(diagram: &Diagram) -> String {
    let mut tree = Tree { diagram, shown: BTreeSet::new(), text: String::new() };
    let is_needed = |index: &usize| diagram.arrows.iter().any(|it| it.to == *index);
    let services =
        || (0..diagram.boxes.len()).filter(|index| diagram.boxes[*index].kind == Kind::Service);
    let roots = services().filter(|index| !is_needed(index));
    // Services of a circle are needed by each other.
    for root in roots.chain(services()) {
        if !tree.shown.contains(&root) {
            tree.text += &diagram.boxes[root].name;
            tree.note(root);
            tree.text.push('\n');
            tree.below(root, "");
        }
    }
    tree.text
}

struct Tree<'a> {
    diagram: &'a Diagram,
    shown: BTreeSet<usize>,
    text: String,
}

impl Tree<'_> {
    fn note(&mut self, index: usize) {
        let note = &self.diagram.boxes[index].note;
        if !note.is_empty() {
            self.text += &format!("  {note}");
        }
    }

    fn below(&mut self, index: usize, indent: &str) {
        self.shown.insert(index);
        let arrows: Vec<&Arrow> =
            self.diagram.arrows.iter().filter(|it| it.from == index).collect();
        for (number, arrow) in arrows.iter().enumerate() {
            let last = number + 1 == arrows.len();
            let (branch, deeper) =
                if last { ("└── ", "    ") } else { ("├── ", "│   ") };
            self.text += &format!("{indent}{branch}{}", self.line(arrow));
            let again = self.shown.contains(&arrow.to);
            let has_more = self.diagram.arrows.iter().any(|it| it.from == arrow.to);
            if !again {
                self.note(arrow.to);
            } else if has_more {
                self.text += " …";
            }
            self.text.push('\n');
            if !again {
                self.below(arrow.to, &format!("{indent}{deeper}"));
            }
        }
    }

    /// `db (healthy, optional)`.
    fn line(&self, arrow: &Arrow) -> String {
        let needed = &self.diagram.boxes[arrow.to];
        let optional = arrow.faint && needed.kind == Kind::Service;
        let parts: Vec<&str> = [arrow.label.as_str(), if optional { "optional" } else { "" }]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        match parts.is_empty() {
            true => needed.name.clone(),
            false => format!("{} ({})", needed.name, parts.join(", ")),
        }
    }
}
