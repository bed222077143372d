//! Whether two texts mean the same, whatever their layout.

use super::super::yaml::resolve;
use super::tree::{Content, File, Node, Scalar};

/// Whether two files have the same values, anchors and tags.
pub fn means_the_same(a: &File, b: &File) -> bool {
    a.documents.len() == b.documents.len()
        && a.documents
            .iter()
            .zip(&b.documents)
            .all(|(a, b)| a.directives == b.directives && same_node(&a.root, &b.root))
}

fn same_node(a: &Node, b: &Node) -> bool {
    let same = match (&a.content, &b.content) {
        (Content::Alias(a), Content::Alias(b)) => a == b,
        (Content::Scalar(a), Content::Scalar(b)) => meaning(a) == meaning(b),
        (Content::Mapping(a), Content::Mapping(b))
        | (Content::Sequence(a), Content::Sequence(b)) => {
            a.items.len() == b.items.len()
                && a.items.iter().zip(&b.items).all(|(a, b)| {
                    let same_key = match (&a.key, &b.key) {
                        (Some(a), Some(b)) => same_node(a, b),
                        (a, b) => a.is_none() && b.is_none(),
                    };
                    same_key && same_node(&a.value, &b.value)
                })
        }
        _ => false,
    };
    same && a.properties == b.properties
}

/// What a scalar comes to: its kind, for what is plain, and its text.
fn meaning(scalar: &Scalar) -> (Option<super::super::node::ScalarKind>, &str) {
    use granit_parser::ScalarStyle::Plain;
    match scalar.style {
        Plain if scalar.is_absent() => (None, ""),
        Plain => (resolve(&scalar.value), &scalar.value),
        _ => (Some(super::super::node::ScalarKind::Text), &scalar.value),
    }
}
