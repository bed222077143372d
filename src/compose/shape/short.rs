//! Small short forms: text that stands for a mapping.

use super::super::node::{Node, Scalar, ScalarKind};
use super::canonical::{boolean, mapping};
use super::{Canonical, Wrong};

/// The item as text, which numbers and the like are not.
pub fn text(scalar: &Scalar) -> Result<&str, Wrong> {
    match scalar.kind {
        ScalarKind::Text => Ok(&scalar.text),
        _ => Err(Wrong::new("this must be text", format!("put it in quotes: \"{}\"", scalar.text))),
    }
}

/// `build: ./dir`.
pub fn build(scalar: &Scalar) -> Node {
    mapping([("context", Node::text(&scalar.text))])
}

/// `extends: base`.
pub fn extends(scalar: &Scalar) -> Node {
    mapping([("service", Node::text(&scalar.text))])
}

/// A file of the list `include`.
pub fn include(_: &mut Canonical, _: &Node, scalar: &Scalar) -> Result<Vec<Node>, Wrong> {
    let path = Node::sequence(vec![Node::text(text(scalar)?)]);
    Ok(vec![mapping([("path", path)])])
}

/// A file of variables.
pub fn env_file(_: &mut Canonical, _: &Node, scalar: &Scalar) -> Result<Vec<Node>, Wrong> {
    let path = Node::text(text(scalar)?);
    Ok(vec![mapping([("path", path), ("required", boolean(true))])])
}

/// A secret or config by name.
pub fn file_mount(_: &mut Canonical, _: &Node, scalar: &Scalar) -> Result<Vec<Node>, Wrong> {
    Ok(vec![mapping([("source", Node::text(text(scalar)?))])])
}

/// `HOST[:CONTAINER[:rwm]]`, or the name of a device by its vendor.
pub fn device(_: &mut Canonical, _: &Node, scalar: &Scalar) -> Result<Vec<Node>, Wrong> {
    let text = text(scalar)?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, permissions] if !permissions.starts_with('/') && is_permissions(permissions) => {
            (*source, *source, *permissions)
        }
        [source, target] => (*source, *target, "rwm"),
        [source, target, permissions] => (*source, *target, *permissions),
        _ => {
            return Err(Wrong::new(
                format!("`{text}` has too many colons"),
                "write a mapping with `source`, `target` and `permissions`",
            ));
        }
    };
    Ok(vec![mapping([
        ("source", Node::text(source)),
        ("target", Node::text(target)),
        ("permissions", Node::text(permissions)),
    ])])
}

fn is_permissions(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|letter| b"rwm".contains(&letter))
}

/// `gpus: all`.
pub fn gpus(_: &mut Canonical, _: &Node, scalar: &Scalar) -> Result<Vec<Node>, Wrong> {
    match scalar.text.as_str() {
        "all" => Ok(vec![mapping([("count", Node::text("all"))])]),
        other => Err(Wrong::new(
            format!("`{other}` is neither `all` nor a list of devices"),
            "write `gpus: all`, or a list such as `- {driver: nvidia, count: 1}`",
        )),
    }
}

/// Where only mappings can be items.
pub fn none(_: &mut Canonical, _: &Node, scalar: &Scalar) -> Result<Vec<Node>, Wrong> {
    Err(Wrong::new(format!("this must be a mapping, not `{}`", scalar.text), ""))
}

/// The text of one key of an item, to tell equal items.
pub fn field(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.as_str().map(str::to_owned)
}

/// A secret or config is at one place in a container.
pub fn secret_place(node: &Node) -> Option<String> {
    let target = field(node, "target");
    target
        .map(|it| if it.starts_with('/') { it } else { format!("/run/secrets/{it}") })
        .or_else(|| field(node, "source").map(|source| format!("/run/secrets/{source}")))
}

/// A config is at one place in a container.
pub fn config_place(node: &Node) -> Option<String> {
    field(node, "target").or_else(|| field(node, "source").map(|source| format!("/{source}")))
}

/// A device is at one path in a container.
pub fn device_place(node: &Node) -> Option<String> {
    field(node, "target").or_else(|| field(node, "source"))
}

/// A file is read once.
pub fn path(node: &Node) -> Option<String> {
    field(node, "path")
}

/// A mount is at one path in a container.
pub fn target(node: &Node) -> Option<String> {
    field(node, "target")
}

/// Pools of addresses are told apart by subnet.
pub fn subnet(node: &Node) -> Option<String> {
    field(node, "subnet")
}

/// What comes before `=`, or all of it.
pub fn before_equals(node: &Node) -> Option<String> {
    let text = node.as_str()?;
    Some(text.split_once('=').map_or(text, |(name, _)| name).to_owned())
}
