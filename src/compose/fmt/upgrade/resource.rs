//! Obsolete keys of networks, volumes, secrets and configs.

use super::super::tree::{Item, Node};
use super::Changes;

/// `external` with a name in it is two keys.
pub fn upgrade(root: &mut Node, changes: &mut Changes) {
    for section in ["networks", "volumes", "secrets", "configs"] {
        let Some(resources) = root.get_mut(section).and_then(Node::entries_mut) else { continue };
        for resource in resources {
            split_external(&mut resource.value, changes);
        }
    }
}

fn split_external(resource: &mut Node, changes: &mut Changes) {
    let is_named = resource.get("name").is_some();
    let Some(entries) = resource.entries_mut() else { return };
    let Some(at) = entries.iter().position(|item| item.name() == "external") else { return };
    let external = &mut entries[at];
    let Some([name]) = external.value.entries() else { return };
    if name.name() != "name" || is_named {
        return;
    }
    changes.add(external.start(), "`external` with a `name` is two keys now");
    let mut name: Item = name.clone();
    let old = std::mem::replace(&mut external.value, Node::plain("true"));
    external.value.trailing = old.head.or(old.trailing);
    name.value.below.extend(old.below);
    entries.insert(at + 1, name);
}
