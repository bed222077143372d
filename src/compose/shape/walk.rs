//! Every key there is, as paths: for the table of what is supported, and to compare with the schema.

use std::collections::BTreeSet;

use super::{Fields, PROJECT, Shape};

/// The path of every key, as in `services.*.ports[].target`: `*` stands for any name, `[]` for an
/// item of a list.
#[must_use]
pub fn paths() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    fields("", &PROJECT, &mut found);
    found
}

fn fields(path: &str, of: &Fields, found: &mut BTreeSet<String>) {
    for key in of.keys {
        let path = match path {
            "" => key.name.to_owned(),
            _ => format!("{path}.{}", key.name),
        };
        shape(&path, &key.shape, found);
        found.insert(path);
    }
}

fn shape(path: &str, of: &Shape, found: &mut BTreeSet<String>) {
    match of {
        Shape::Fields(of) | Shape::FieldsOrNull(of) | Shape::Short(of, _) => {
            fields(path, of, found);
        }
        Shape::Map(map) => shape(&format!("{path}.*"), &map.value, found),
        Shape::List(list) => shape(&format!("{path}[]"), &list.item, found),
        Shape::Items(items) => fields(&format!("{path}[]"), items.long, found),
        Shape::Ulimit => fields(path, &super::service::ULIMIT, found),
        Shape::External => fields(path, &super::resource::EXTERNAL, found),
        _ => {}
    }
}
