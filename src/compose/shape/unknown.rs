//! Keys that do not exist: what was probably meant.

use super::super::node::{Entry, Node};
use super::{Canonical, Fields, Key, PROJECT, SERVICE, Shape};

/// Keys of older formats and other tools, and what to write now.
const RENAMED: [(&str, &str); 16] = [
    ("net", "write `network_mode`"),
    ("log_driver", "write `logging: {driver: …}`"),
    ("log_opt", "write `logging: {options: …}`"),
    ("dockerfile", "it belongs under `build`"),
    ("volume_driver", "give each volume its `driver` under the top-level `volumes`"),
    ("memory", "write `mem_limit`, or `deploy: {resources: {limits: {memory: …}}}`"),
    ("mem", "write `mem_limit`"),
    ("cpu", "write `cpus`"),
    ("env", "write `environment`"),
    ("envs", "write `environment`"),
    ("cmd", "write `command`"),
    ("name", "write `container_name`, or rename the service itself"),
    ("workdir", "write `working_dir`"),
    ("depends", "write `depends_on`"),
    ("network", "write `networks`, or `network_mode`"),
    ("ssh", "it belongs under `build`"),
];

/// Reports a key that `fields` does not have.
pub fn report(cx: &mut Canonical, fields: &'static Fields, name: &str, entry: &Entry) {
    let top = std::ptr::eq(fields, &PROJECT);
    if top && looks_like_service(&entry.node) {
        let message = format!("`{name}` looks like a service, but is not below `services:`");
        cx.out
            .error("v1-file", entry.key, message)
            .note("files of Compose's first version had services at the top; later ones do not")
            .hint("indent it below a line `services:`, or run `compose fmt --upgrade`");
        return;
    }
    let owner = match cx.path.as_str() {
        "" => "at the top of the file".to_owned(),
        path => format!("in `{path}`"),
    };
    let message = format!("unknown key `{name}` {owner}");
    let hint = hint(fields, name);
    let diagnostic = cx.out.error("unknown-key", entry.key, message);
    match hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic.suggest(name, fields.keys.iter().map(|key| key.name)),
    };
    if diagnostic.hints.is_empty() {
        match fields.open {
            true => diagnostic.hint("keys of your own must start with `x-`"),
            false => {
                let known = crate::diag::list(fields.keys.iter().map(|key| key.name));
                diagnostic.note(format!("{} can have {known}", fields.noun))
            }
        };
    }
}

/// What was meant by a key that is right at another place, or was right long ago.
fn hint(fields: &'static Fields, name: &str) -> Option<String> {
    let in_service = std::ptr::eq(fields, &SERVICE);
    if in_service && let Some((_, hint)) = RENAMED.iter().find(|(old, _)| *old == name) {
        return Some((*hint).to_owned());
    }
    if let Some(inside) = fields.keys.iter().find(|key| holds(key, name)) {
        return Some(format!("`{name}` belongs under `{}`", inside.name));
    }
    let known_to = |fields: &Fields| fields.key(name).is_some();
    match () {
        () if !in_service && !std::ptr::eq(fields, &PROJECT) && known_to(&SERVICE) => {
            Some(format!("`{name}` is a key of services; check the indentation"))
        }
        () if in_service && known_to(&PROJECT) => {
            Some(format!("`{name}` belongs at the top of the file; check the indentation"))
        }
        () => None,
    }
}

/// Whether the value of `key` is a mapping that knows `name`.
fn holds(key: &Key, name: &str) -> bool {
    match &key.shape {
        Shape::Fields(fields) | Shape::FieldsOrNull(fields) | Shape::Short(fields, _) => {
            fields.key(name).is_some()
        }
        _ => false,
    }
}

fn looks_like_service(node: &Node) -> bool {
    let Some(mapping) = node.as_mapping() else { return false };
    let telling = ["image", "build", "command", "ports", "links", "volumes_from"];
    telling.iter().any(|key| mapping.contains_key(*key))
        && mapping
            .keys()
            .all(|key| SERVICE.key(key).is_some() || RENAMED.iter().any(|(old, _)| old == key))
}
