//! What a project says without saying it: defaults, implied networks and dependencies, names.

use std::path::Path;

use super::node::{Entry, Mapping, Node, Value};
use super::paths::clean;
use super::shape::{boolean, mapping};

/// Values that keys have when they are not given (compose-go: defaults).
pub fn defaults(root: &mut Node) {
    for_services(root, |_, service| {
        list(service, "ports", |port| {
            put(port, "mode", || Node::text("ingress"));
            put(port, "protocol", || Node::text("tcp"));
        });
        if let Some(Value::Sequence(servers)) = service.get_mut("dns").map(|it| &mut it.value) {
            servers.retain(|server| server.as_str() != Some(""));
        }
        if let Some(platform) = service.get_mut("platform")
            && let Some(usual) = platform.as_str().and_then(usual_platform)
        {
            platform.value = Node::text(usual).value;
        }
        list(service, "env_file", |file| put(file, "required", || boolean(true)));
        list(service, "secrets", |secret| secret_target(secret, "/run/secrets/"));
        list(service, "gpus", device_count);
        build_context(service);
        if let Some(reservations) = service
            .get_mut("deploy")
            .and_then(|it| it.get_mut("resources"))
            .and_then(|it| it.get_mut("reservations"))
        {
            list(reservations, "devices", device_count);
        }
        if let Some(Value::Mapping(dependencies)) =
            service.get_mut("depends_on").map(|it| &mut it.value)
        {
            for entry in dependencies.values_mut() {
                put(&mut entry.node, "required", || boolean(true));
            }
        }
    });
}

/// Builds that name no context have the directory of their project, which may be an included one.
pub fn build_contexts(root: &mut Node) {
    for_services(root, |_, service| build_context(service));
}

fn build_context(service: &mut Node) {
    if let Some(build) = service.get_mut("build") {
        put(build, "context", || Node::text("."));
    }
}

/// A platform by the name that images have for its processor; `None`: it has that already. People
/// write what `uname -m` prints.
fn usual_platform(written: &str) -> Option<String> {
    let (os, rest) = written.split_once('/')?;
    let (architecture, variant) = rest.split_once('/').unwrap_or((rest, ""));
    let usual = match architecture {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        _ => return None,
    };
    let slash = if variant.is_empty() { "" } else { "/" };
    Some(format!("{os}/{usual}{slash}{variant}"))
}

fn secret_target(secret: &mut Node, directory: &str) {
    if let Some(source) = secret.get("source").and_then(Node::as_str).map(str::to_owned) {
        put(secret, "target", || Node::text(format!("{directory}{source}")));
    }
}

fn device_count(request: &mut Node) {
    if request.get("device_ids").is_none() {
        put(request, "count", || Node::text("all"));
    }
}

/// Puts the project's real name at the top, in the place of one that was written.
pub fn set_name(root: &mut Node, project: &str) {
    let Value::Mapping(top) = &mut root.value else { return };
    let written = top.shift_remove("name").unwrap_or_default();
    let node =
        Node { span: written.node.span, replaced: written.node.replaced, ..Node::text(project) };
    top.shift_insert(0, "name".to_owned(), Entry { key: written.key, node });
}

/// Networks, dependencies and names that follow from the rest (compose-go: Normalize).
pub fn normalize(root: &mut Node, project: &str) {
    let mut uses_default = false;
    for_services(root, |_, service| {
        uses_default |= networks(service);
        build(service);
        dependencies(service);
        if let Some(image) = service.get("image").cloned() {
            list(service, "pre_start", |hook| {
                put(hook, "image", || Node { span: None, ..image.clone() });
            });
        }
        list(service, "volumes", |volume| {
            if let Some(Value::Scalar(target)) = volume.get_mut("target").map(|it| &mut it.value)
                && target.text.starts_with('/')
            {
                target.text = clean(Path::new(&target.text)).to_string_lossy().into_owned();
            }
        });
    });
    if uses_default && let Value::Mapping(top) = &mut root.value {
        let networks = top.entry("networks".to_owned()).or_default();
        if networks.node.is_null() {
            networks.node.value = Value::Mapping(Mapping::new());
        }
        put(&mut networks.node, "default", Node::default);
    }
    for kind in ["networks", "volumes", "secrets", "configs"] {
        names(root, kind, project);
    }
}

/// A service without networks is on the default one. Whether it is.
fn networks(service: &mut Node) -> bool {
    if service.get("network_mode").is_some() || service.get("provider").is_some() {
        return false;
    }
    let Value::Mapping(keys) = &mut service.value else { return false };
    let networks = keys.entry("networks".to_owned()).or_default();
    let empty = networks.node.as_mapping().is_none_or(Mapping::is_empty);
    if empty {
        networks.node.value = mapping([("default", Node::default())]).value;
    }
    networks.node.get("default").is_some()
}

fn build(service: &mut Node) {
    if let Some(build) = service.get_mut("build")
        && build.get("dockerfile_inline").is_none()
    {
        put(build, "dockerfile", || Node::text("Dockerfile"));
    }
}

/// Links, shared namespaces and shared volumes need the service they name.
fn dependencies(service: &mut Node) {
    let mut implied: Vec<(String, bool)> = Vec::new();
    for link in texts(service, "links") {
        implied.push((link.split(':').next().unwrap_or_default().to_owned(), true));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let mode = service.get(key).and_then(Node::as_str);
        implied.extend(
            mode.and_then(|it| it.strip_prefix("service:")).map(|it| (it.to_owned(), true)),
        );
    }
    for source in texts(service, "volumes_from") {
        if !source.starts_with("container:") {
            implied.push((source.split(':').next().unwrap_or_default().to_owned(), false));
        }
    }
    if implied.is_empty() {
        return;
    }
    let Value::Mapping(keys) = &mut service.value else { return };
    let depends_on = &mut keys.entry("depends_on".to_owned()).or_default().node;
    if depends_on.is_null() {
        depends_on.value = Value::Mapping(Mapping::new());
    }
    for (name, restart) in implied {
        put(depends_on, &name, || match restart {
            true => mapping([
                ("condition", Node::text("service_started")),
                ("restart", boolean(true)),
                ("required", boolean(true)),
            ]),
            false => {
                mapping([("condition", Node::text("service_started")), ("required", boolean(true))])
            }
        });
    }
}

fn texts(service: &Node, key: &str) -> Vec<String> {
    let items = service.get(key).and_then(Node::as_sequence).unwrap_or_default();
    items.iter().filter_map(Node::as_str).map(str::to_owned).collect()
}

/// The real names of resources: `<project>_<key>`, or the key itself of what exists already.
fn names(root: &mut Node, kind: &str, project: &str) {
    let Some(Value::Mapping(resources)) = root.get_mut(kind).map(|it| &mut it.value) else {
        return;
    };
    for (key, entry) in resources {
        if entry.node.is_null() {
            entry.node.value = Value::Mapping(Mapping::new());
        }
        let external = entry.node.get("external").and_then(Node::as_str) == Some("true");
        put(&mut entry.node, "name", || match external {
            true => Node::text(key),
            false => Node::text(format!("{project}_{key}")),
        });
    }
}

fn for_services(root: &mut Node, mut change: impl FnMut(&str, &mut Node)) {
    if let Some(Value::Mapping(services)) = root.get_mut("services").map(|it| &mut it.value) {
        for (name, entry) in services {
            change(name, &mut entry.node);
        }
    }
}

fn list(node: &mut Node, key: &str, change: impl FnMut(&mut Node)) {
    if let Some(Value::Sequence(items)) = node.get_mut(key).map(|it| &mut it.value) {
        items.iter_mut().for_each(change);
    }
}

/// Sets a key that is not there, or has no value.
fn put(node: &mut Node, key: &str, value: impl FnOnce() -> Node) {
    if let Value::Mapping(mapping) = &mut node.value
        && mapping.get(key).is_none_or(|entry| entry.node.is_null() && key != "default")
    {
        let place = mapping.get(key).and_then(|entry| entry.key);
        mapping.insert(key.to_owned(), Entry { key: place, node: value() });
    }
}
