//! Obsolete keys of services.

use super::super::tree::{Content, Item, Node};
use super::{Changes, remove, section};

/// Replaces obsolete keys of every service.
pub fn upgrade(root: &mut Node, changes: &mut Changes) {
    let Some(services) = root.get_mut("services").and_then(Node::entries_mut) else { return };
    let names: Vec<String> = services.iter().map(|item| item.name().to_owned()).collect();
    let mut drivers = Vec::new();
    for service in services {
        let service = &mut service.value;
        network_mode(service, &names, changes);
        logging(service, changes);
        dockerfile(service, changes);
        if let Some(item) = service.get("volume_driver").and_then(Node::as_str) {
            let driver = item.to_owned();
            let named = items_of(service, "volumes");
            let named = named.iter().filter_map(|it| named_volume(it.value.as_str()?));
            drivers.extend(named.map(|name| (name.to_owned(), driver.clone())));
        }
        if let Some(item) = remove(service, "volume_driver") {
            changes.add(item.start(), "`volume_driver` is the `driver` of volumes now");
        }
    }
    for (name, driver) in drivers {
        drive(root, &name, &driver);
    }
}

/// `net` is `network_mode`, and names services as such.
fn network_mode(service: &mut Node, names: &[String], changes: &mut Changes) {
    if service.get("network_mode").is_some() {
        return;
    }
    let Some(entries) = service.entries_mut() else { return };
    let Some(item) = entries.iter_mut().find(|item| item.name() == "net") else { return };
    changes.add(item.start(), "`net` is `network_mode` now");
    let shared = item.value.as_str().and_then(|it| it.strip_prefix("container:"));
    if let Some(name) = shared.filter(|name| names.iter().any(|it| it == name)) {
        item.value.content = Node::text(&format!("service:{name}")).content;
    }
    rename(item, "network_mode");
}

/// `log_driver` and `log_opt` are `driver` and `options` of `logging`.
fn logging(service: &mut Node, changes: &mut Changes) {
    if service.get("logging").is_some() {
        return;
    }
    let Some(entries) = service.entries_mut() else { return };
    let is_old = |item: &Item| matches!(item.name(), "log_driver" | "log_opt");
    let Some(at) = entries.iter().position(is_old) else { return };
    let (mut first, mut parts) = (Item::new("logging", Node::default()), Vec::new());
    for (old, new) in [("log_driver", "driver"), ("log_opt", "options")] {
        let Some(from) = entries.iter().position(|item| item.name() == old) else { continue };
        let mut item = entries.remove(from);
        changes.add(item.start(), format!("`{old}` is `{new}` of `logging` now"));
        first.blank |= item.blank && from == at;
        if from == at {
            first.above = std::mem::take(&mut item.above);
        }
        item.blank = false;
        rename(&mut item, new);
        parts.push(item);
    }
    first.value = Node::mapping(parts);
    entries.insert(at, first);
}

/// `dockerfile` belongs to `build`.
fn dockerfile(service: &mut Node, changes: &mut Changes) {
    let Some(at) = service.entries().and_then(|it| it.iter().position(is_dockerfile)) else {
        return;
    };
    let Some(entries) = service.entries_mut() else { return };
    let mut item = entries.remove(at);
    item.blank = false;
    changes.add(item.start(), "`dockerfile` is part of `build` now");
    let Some(build) = entries.iter_mut().find(|item| item.name() == "build") else {
        let context = Item::new("context", Node::plain("."));
        let mut build = Item::new("build", Node::default());
        build.above = std::mem::take(&mut item.above);
        build.value = Node::mapping(vec![context, item]);
        entries.insert(at, build);
        return;
    };
    if let Some(parts) = build.value.entries_mut() {
        parts.push(item);
        return;
    }
    let context = std::mem::take(&mut build.value);
    build.value = Node::mapping(vec![Item::new("context", context), item]);
}

fn is_dockerfile(item: &Item) -> bool {
    item.name() == "dockerfile"
}

/// Gives a volume its driver, unless it has one.
fn drive(root: &mut Node, name: &str, driver: &str) {
    let Some(volumes) = section(root, "volumes") else { return };
    let at = volumes.iter().position(|item| item.name() == name).unwrap_or_else(|| {
        volumes.push(Item::new(name, Node::mapping(Vec::new())));
        volumes.len() - 1
    });
    let volume = &mut volumes[at].value;
    if volume.scalar().is_some_and(super::super::tree::Scalar::is_absent) {
        volume.content = Node::mapping(Vec::new()).content;
    }
    if volume.get("driver").is_none()
        && volume.get("external").is_none()
        && let Some(parts) = volume.entries_mut()
    {
        parts.push(Item::new("driver", Node::text(driver)));
    }
}

/// The items of a list in a mapping.
pub fn items_of<'a>(mapping: &'a Node, key: &str) -> &'a [Item] {
    match mapping.get(key).map(|it| &it.content) {
        Some(Content::Sequence(list)) => &list.items,
        _ => &[],
    }
}

/// The volume in `data:/var/lib/data`; `None`: it is a directory, or a volume without a name.
pub fn named_volume(text: &str) -> Option<&str> {
    let (source, _) = text.split_once(':')?;
    let is_name = source.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    // A letter alone is a drive of Windows.
    (is_name && source.len() > 1 && !source.contains(['/', '\\', '$'])).then_some(source)
}

/// Gives an entry another key, its comments and value kept.
pub fn rename(item: &mut Item, name: &str) {
    if let Some(key) = &mut item.key {
        key.content = Node::text(name).content;
    }
}
