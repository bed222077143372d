//! `name: value` pairs, which can be written as a mapping or as a list of `name=value`.

use super::super::node::{Entry, Mapping, Node, Scalar, ScalarKind, Tag, Value};
use super::super::yaml::sprint;
use super::canonical::wrap;
use super::{Canonical, Pairs};

/// Brings pairs into the form of a mapping of text.
pub fn pairs(cx: &mut Canonical, node: &mut Node, kind: Pairs) -> bool {
    match &mut node.value {
        Value::Mapping(mapping) => {
            mapping.retain(|name, entry| cx.at(name, |cx| value(cx, &mut entry.node, kind)));
            true
        }
        Value::Sequence(items) => {
            if kind == Pairs::Names {
                cx.unique(items, super::Unique::Strict);
            }
            let items = std::mem::take(items);
            node.value = Value::Mapping(listed(cx, items, kind));
            true
        }
        _ => cx.wrong(node, "a mapping or a list"),
    }
}

fn value(cx: &mut Canonical, node: &mut Node, kind: Pairs) -> bool {
    match &node.value {
        _ if node.tag == Some(Tag::Reset) => true,
        Value::Scalar(scalar) => {
            let text = sprint(scalar);
            if text != scalar.text {
                changed(cx, node, scalar, &text);
            }
            node.value = Value::Scalar(Scalar { text, kind: ScalarKind::Text });
            true
        }
        Value::Null => {
            if kind == Pairs::Labels {
                node.value = Node::text("").value;
            }
            true
        }
        _ => {
            cx.wrong(node, "text, a number, a boolean or nothing");
            false
        }
    }
}

/// What YAML makes of a value is not always what was meant.
fn changed(cx: &mut Canonical, node: &Node, scalar: &Scalar, text: &str) {
    let what = node.kind_name();
    let message = format!("`{}` is {what} in YAML, and becomes `{text}`", scalar.text);
    cx.out
        .warning("changed-by-yaml", node.span, message)
        .hint(format!("put it in quotes to keep it: \"{}\"", scalar.text));
}

fn listed(cx: &mut Canonical, items: Vec<Node>, kind: Pairs) -> Mapping {
    let mut mapping = Mapping::new();
    for (index, item) in items.into_iter().enumerate() {
        let right = cx.at_index(index, |cx| match item.is_null() {
            true => cx.wrong(&item, "text"),
            false => pair_as_mapping(cx, &item) && cx.node(&mut item.clone(), &super::Shape::Text),
        });
        let Some(text) = item.as_str().filter(|_| right && item.tag != Some(Tag::Reset)) else {
            continue;
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, (kind == Pairs::Labels).then_some("")),
        };
        if kind == Pairs::Environment && name.ends_with(char::is_whitespace) {
            let message = format!("the name of the variable `{}` ends in a blank", name.trim_end());
            cx.out.error("bad-name", item.span, message).hint(format!(
                "write `- {}={}`",
                name.trim_end(),
                value.unwrap_or_default().trim()
            ));
            continue;
        }
        let node = Node {
            span: item.span,
            value: value.map_or(Value::Null, |value| Node::text(value).value),
            ..Node::default()
        };
        mapping.insert(name.to_owned(), Entry { key: item.span, node });
    }
    mapping
}

/// Reports `- name: value`, where `- name=value` is meant. False: it was that.
fn pair_as_mapping(cx: &mut Canonical, item: &Node) -> bool {
    let Some((name, entry)) =
        item.as_mapping().filter(|it| it.len() == 1).and_then(|it| it.first())
    else {
        return true;
    };
    let value = entry.node.as_str().unwrap_or_default();
    let message = format!("`{}` must be text, not a mapping", cx.path);
    cx.out
        .error("wrong-type", item.span, message)
        .hint(format!("write `- {name}={value}`, or `{name}: {value}` without the `-`"));
    false
}

/// Brings lines for `/etc/hosts` into the form `name=address`, one for each address.
pub fn hosts(cx: &mut Canonical, node: &mut Node) -> bool {
    let mut lines: Vec<Node> = Vec::new();
    match &mut node.value {
        Value::Mapping(mapping) => {
            for (name, entry) in std::mem::take(mapping) {
                let mut addresses = entry.node;
                if matches!(addresses.value, Value::Scalar(_)) {
                    wrap(&mut addresses);
                }
                let Value::Sequence(items) = addresses.value else {
                    cx.at(&name, |cx| cx.wrong(&addresses, "an address or a list of them"));
                    continue;
                };
                for item in items {
                    match item.as_str() {
                        Some(address) => host(cx, &name, address, &item, &mut lines),
                        None => {
                            cx.at(&name, |cx| cx.wrong(&item, "text"));
                        }
                    }
                }
            }
        }
        Value::Sequence(items) => {
            cx.unique(items, super::Unique::Strict);
            for item in std::mem::take(items) {
                let Some(text) = item.as_str() else {
                    cx.wrong(&item, "text");
                    continue;
                };
                match text.split_once('=').or_else(|| text.split_once(':')) {
                    Some((name, address)) => host(cx, name, address, &item, &mut lines),
                    None if cx.is_template(&item) => lines.push(item),
                    None => {
                        let message = format!("`{text}` names no address");
                        cx.out
                            .error("bad-value", item.span, message)
                            .hint("write it as `name=address`, as in `db=10.0.0.5`");
                    }
                }
            }
        }
        _ => return cx.wrong(node, "a mapping or a list"),
    }
    super::super::merge::unify(&mut lines, super::Unique::Once);
    node.value = Value::Sequence(lines);
    true
}

fn host(cx: &mut Canonical, name: &str, addresses: &str, item: &Node, lines: &mut Vec<Node>) {
    for address in addresses.split(',') {
        let address = address.trim();
        let bare = address.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(address);
        let known = bare == "host-gateway" || bare.parse::<std::net::IpAddr>().is_ok();
        let template = cx.raw && bare.contains('$');
        if !known && !template {
            let message = format!("`{bare}` is not an IP address");
            cx.out
                .error("bad-value", item.span, message)
                .hint("use an IPv4 or IPv6 address, or `host-gateway`");
            continue;
        }
        lines.push(Node::text(format!("{name}={bare}")).at(item.span));
    }
}
