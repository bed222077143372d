//! Replaces what is obsolete in compose files, comments kept.
//!
//! | was | becomes |
//! |---|---|
//! | services at the top of the file (Compose v1) | `services:`, and `volumes:` with the volumes they name |
//! | `version:` | nothing |
//! | `net: host`, `net: "container:web"` | `network_mode: host`, `network_mode: service:web` |
//! | `log_driver:`, `log_opt:` | `logging:` with `driver:` and `options:` |
//! | `dockerfile:` of a service | `build:` with `context:` and `dockerfile:` |
//! | `volume_driver:` | `driver:` of the volumes that the service names |
//! | `external:` with `name:` in it | `external: true` and `name:` |
//!
//! What is old but still good stays: `links`, `volumes_from`, `mem_limit`, `cpuset` and their like.

mod first;
mod resource;
mod service;

use super::comments::Lines;
use super::tree::{Content, File, Item, Line, Node};

/// Something that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Line of the text as it was, from 1.
    pub line: usize,
    /// One sentence without a full stop.
    pub text: String,
}

/// Replaces what is obsolete.
pub fn upgrade(file: &mut File, text: &str) -> Vec<Change> {
    let lines = Lines::new(text);
    let mut changes = Changes { lines: &lines, list: Vec::new() };
    for document in &mut file.documents {
        let root = &mut document.root;
        remove_version(root, &mut changes);
        first::wrap_services(root, &mut changes);
        service::upgrade(root, &mut changes);
        resource::upgrade(root, &mut changes);
    }
    changes.list.sort_by_key(|it| it.line);
    changes.list
}

/// What was replaced so far.
struct Changes<'a> {
    lines: &'a Lines<'a>,
    list: Vec<Change>,
}

impl Changes<'_> {
    fn add(&mut self, start: usize, text: impl Into<String>) {
        self.list.push(Change { line: self.lines.number(start) + 1, text: text.into() });
    }
}

fn remove_version(root: &mut Node, changes: &mut Changes) {
    if let Some(item) = remove(root, "version") {
        changes.add(item.start(), "`version` has no meaning any more and is gone");
    }
}

/// Takes an entry out of a mapping. Its comments go to the entry after it, or to the end.
fn remove(mapping: &mut Node, key: &str) -> Option<Item> {
    let entries = mapping.entries_mut()?;
    let at = entries.iter().position(|item| item.name() == key)?;
    let mut item = entries.remove(at);
    let mut comments = std::mem::take(&mut item.above);
    let rest = item.value.head.take().into_iter().chain(item.value.trailing.take());
    comments.extend(rest.map(|text| Line { text, blank: false }));
    comments.append(&mut item.value.below);
    match entries.get_mut(at) {
        Some(next) => {
            comments.append(&mut next.above);
            next.above = comments;
        }
        None => mapping.below.splice(..0, comments).for_each(drop),
    }
    Some(item)
}

/// The entries of a top-level key such as `volumes`; made at the end if there are none. `None`: it
/// has something else than entries.
fn section<'a>(root: &'a mut Node, key: &str) -> Option<&'a mut Vec<Item>> {
    let is_there = root.entries()?.iter().any(|item| item.name() == key);
    if !is_there {
        let entries = root.entries_mut()?;
        entries.push(Item::new(key, Node::mapping(Vec::new())));
    }
    let value = root.get_mut(key)?;
    if value.scalar().is_some_and(|it| it.is_absent() || it.raw == "null") {
        let empty = Node::mapping(Vec::new());
        value.content = empty.content;
    }
    match &mut value.content {
        Content::Mapping(collection) => Some(&mut collection.items),
        _ => None,
    }
}
