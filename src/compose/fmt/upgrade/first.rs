//! Files of Compose v1, which have their services at the top.

use super::super::tree::{Item, Line, Node};
use super::service::{items_of, named_volume};
use super::{Changes, section};

/// Keys at the top of a file that is not of Compose v1.
const TOP: [&str; 8] =
    ["name", "services", "networks", "volumes", "configs", "secrets", "include", "models"];

/// Keys that tell a service.
const SERVICE: [&str; 16] = [
    "image",
    "build",
    "command",
    "ports",
    "environment",
    "volumes",
    "links",
    "env_file",
    "extends",
    "expose",
    "entrypoint",
    "net",
    "restart",
    "working_dir",
    "user",
    "volumes_from",
];

/// Puts services at the top below `services:`.
pub fn wrap_services(root: &mut Node, changes: &mut Changes) {
    if !is_first(root) {
        return;
    }
    let start = root.span.start;
    let Some(entries) = root.entries_mut() else { return };
    let all = std::mem::take(entries);
    let (kept, mut services): (Vec<Item>, Vec<Item>) =
        all.into_iter().partition(|item| item.name().starts_with("x-"));
    let mut wrapped = Item::new("services", Node::mapping(Vec::new()));
    if let Some(first) = services.first_mut().filter(|_| kept.is_empty()) {
        wrapped.above = title(first);
        wrapped.blank = !wrapped.above.is_empty();
    }
    if let Some(inside) = wrapped.value.entries_mut() {
        *inside = services;
    }
    // What stood below the last service was at the left edge.
    *entries = kept;
    entries.push(wrapped);
    changes.add(start, "services are below `services` now");
    declare_volumes(root, changes);
    name_containers(root);
}

fn is_first(root: &Node) -> bool {
    let Some(entries) = root.entries() else { return false };
    let mut services = entries.iter().filter(|item| !item.name().starts_with("x-")).peekable();
    let tells = |item: &&Item| SERVICE.iter().any(|key| item.value.get(key).is_some());
    services.peek().is_some()
        && entries.iter().all(|item| !TOP.contains(&item.name()))
        && services.clone().all(|item| item.value.entries().is_some())
        && services.clone().any(|item| tells(&item))
}

/// Comments at the top of a file that are about all of it: those above a blank line.
fn title(first: &mut Item) -> Vec<Line> {
    let all = std::mem::take(&mut first.above);
    let own = match first.blank {
        true => all.len(),
        false => all.iter().rposition(|line| line.blank).unwrap_or(0),
    };
    let (title, rest) = all.split_at(own);
    first.above = rest.to_vec();
    first.blank &= rest.is_empty() && title.is_empty();
    title.to_vec()
}

/// In v1 a volume existed as soon as a service named it, and its name was not the project's.
fn declare_volumes(root: &mut Node, changes: &mut Changes) {
    let mut names: Vec<(String, usize)> = Vec::new();
    let services = root.get("services").and_then(Node::entries).unwrap_or_default();
    for service in services {
        for item in items_of(&service.value, "volumes") {
            let Some(name) = item.value.as_str().and_then(named_volume) else { continue };
            if !names.iter().any(|(known, _)| known == name) {
                names.push((name.to_owned(), item.start()));
            }
        }
    }
    if names.is_empty() {
        return;
    }
    let Some(volumes) = section(root, "volumes") else { return };
    for (name, start) in names {
        changes.add(start, format!("volume `{name}` is declared below `volumes`"));
        let named = Item::new("name", Node::text(&name));
        volumes.push(Item::new(&name, Node::mapping(vec![named])));
    }
}

/// `volumes_from` took services and containers alike; now the latter are marked.
fn name_containers(root: &mut Node) {
    let Some(services) = root.get_mut("services").and_then(Node::entries_mut) else { return };
    let known: Vec<String> = services.iter().map(|item| item.name().to_owned()).collect();
    for service in services {
        let Some(list) = service.value.get_mut("volumes_from") else { continue };
        let super::Content::Sequence(list) = &mut list.content else { continue };
        for item in &mut list.items {
            let Some(text) = item.value.as_str() else { continue };
            let name = text.split(':').next().unwrap_or_default();
            if !known.iter().any(|it| it == name) && name != "container" {
                let text = Node::text(&format!("container:{text}"));
                item.value.content = text.content;
            }
        }
    }
}
