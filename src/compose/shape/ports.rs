//! `ports` in short form: `[[IP:][HOST[-HOST]:]]CONTAINER[-CONTAINER][/PROTOCOL]`.

use std::net::IpAddr;
use std::ops::Range;

use crate::base::{PortRange, Protocol};

use super::super::node::{Entry, Mapping, Node, Scalar, ScalarKind};
use super::super::yaml::sprint;
use super::canonical::number;
use super::short::field;
use super::{Canonical, Fields, Items, Shape, Unique, Wrong, fields, key, parses, required};

/// Published ports.
pub static PORTS: Items =
    Items { long: &PORT, short: expand, alone: false, unique: Unique::By(identity) };

/// One published port.
static PORT: Fields = fields(
    "a port",
    &[
        key("name", Shape::Text),
        key("mode", Shape::Text),
        key("host_ip", Shape::Parsed(address)),
        required("target", Shape::Int(1, 65_535)),
        key("published", Shape::ParsedNumber(published)),
        key("protocol", Shape::Parsed(parses::<Protocol>)),
        key("app_protocol", Shape::Text),
    ],
);

fn address(text: &str) -> Result<(), crate::base::Error> {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    if text.is_empty() || bare.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let message = format!("`{text}` is not an IP address");
    Err(crate::base::Error::new(crate::base::Kind::Invalid, message))
}

fn published(text: &str) -> Result<(), crate::base::Error> {
    match text {
        "" => Ok(()),
        _ => parses::<PortRange>(text),
    }
}

/// Ports are equal when address, host port, container port and protocol are; those with variables
/// that were not replaced, when their texts are.
fn identity(node: &Node) -> Option<String> {
    if let Some(text) = node.as_str() {
        return Some(text.to_owned());
    }
    let or = |key: &str, default: &str| field(node, key).unwrap_or_else(|| default.to_owned());
    let (address, protocol) = (or("host_ip", "0.0.0.0"), or("protocol", "tcp"));
    Some(format!("{address}:{}:{}/{protocol}", or("published", ""), or("target", "")))
}

/// A short form as one mapping for each container port.
fn expand(cx: &mut Canonical, _: &Node, scalar: &Scalar) -> Result<Vec<Node>, Wrong> {
    let text = match scalar.kind {
        ScalarKind::Text => scalar.text.clone(),
        ScalarKind::Int => sprint(scalar),
        _ => return Err(Wrong::new(format!("`{}` is not a port", scalar.text), "")),
    };
    let spec = Spec::parse(&text)?;
    let count = spec.container.count() as usize;
    cx.items_left = cx.items_left.checked_sub(count).ok_or_else(|| {
        Wrong::new("the ranges of this file stand for too many ports", "publish fewer ports")
    })?;
    let mut ports: Vec<(String, Node)> = Vec::new();
    for (index, target) in spec.container.ports().enumerate() {
        let published = match spec.host {
            None => None,
            // One container port with several host ports: the first free one is taken.
            Some(host) if spec.container.count() == 1 => Some(host.to_string()),
            Some(host) => host.ports().nth(index).map(|port| port.to_string()),
        };
        let mut mapping = Mapping::new();
        let mut put = |key: &str, node: Node| {
            mapping.insert(key.to_owned(), Entry { key: None, node });
        };
        put("mode", Node::text("ingress"));
        if let Some(address) = &spec.address {
            put("host_ip", Node::text(address));
        }
        put("target", number(target));
        if let Some(published) = published {
            put("published", Node::text(published));
        }
        put("protocol", Node::text(spec.protocol.as_str()));
        ports.push((format!("{target}/{}", spec.protocol), Node::mapping(mapping)));
    }
    // Docker Compose puts the ports of a range in the order of their text.
    ports.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(ports.into_iter().map(|(_, port)| port).collect())
}

/// A short form, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Spec {
    address: Option<String>,
    host: Option<PortRange>,
    container: PortRange,
    protocol: Protocol,
}

impl Spec {
    fn parse(text: &str) -> Result<Spec, Wrong> {
        let (ports, protocol) = match text.rsplit_once('/') {
            Some((ports, name)) => (ports, protocol(name, ports.len() + 1)?),
            None => (text, Protocol::Tcp),
        };
        let (rest, container) = match ports.rsplit_once(':') {
            Some((rest, container)) => (Some(rest), container),
            None => (None, ports),
        };
        if container.is_empty() {
            let message = format!("`{text}` has no container port");
            return Err(Wrong::new(message, "write HOST:CONTAINER, as in 8080:80"));
        }
        let container = container_ports(container, ports.len() - container.len())?;
        let (address, host) = match rest {
            None => ("", ""),
            Some(rest) => rest.rsplit_once(':').unwrap_or(("", rest)),
        };
        let from = rest.map_or(0, |rest| rest.len() - host.len());
        let host = host_ports(host, from)?;
        let address = host_address(address)?;
        if let Some(host) = host
            && container.count() != 1
            && container.count() != host.count()
        {
            let (many, few) = (host.count(), container.count());
            let message = format!("{many} host ports cannot reach {few} container ports");
            return wrong(from..ports.len(), message, "give both ranges the same length");
        }
        Ok(Spec { address, host, container, protocol })
    }
}

fn wrong<T>(at: Range<usize>, message: String, hint: &str) -> Result<T, Wrong> {
    Err(Wrong { message, hint: hint.to_owned(), at: Some(at) })
}

/// `from` is where the part begins in the whole short form; so it is for the others.
fn protocol(name: &str, from: usize) -> Result<Protocol, Wrong> {
    name.parse().or_else(|_| {
        let message = format!("`{name}` is not a protocol");
        wrong(from..from + name.len(), message, "use tcp, udp or sctp, as in 53:53/udp")
    })
}

fn container_ports(text: &str, from: usize) -> Result<PortRange, Wrong> {
    let range = text.parse::<PortRange>().ok().filter(|range| range.first > 0);
    range.map_or_else(
        || {
            let hint = "ports are numbers from 1 to 65535; ranges look like 8000-8010";
            wrong(from..from + text.len(), format!("`{text}` is not a container port"), hint)
        },
        Ok,
    )
}

fn host_ports(text: &str, from: usize) -> Result<Option<PortRange>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).or_else(|_| {
        let hint = match text.contains('.') {
            true => "write ADDRESS:HOST:CONTAINER, as in 127.0.0.1:8080:80",
            false => "ports are numbers from 0 to 65535; ranges look like 8000-8010",
        };
        wrong(from..from + text.len(), format!("`{text}` is not a host port"), hint)
    })
}

fn host_address(text: &str) -> Result<Option<String>, Wrong> {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    // Without brackets, an IPv6 address ends where no reader can see.
    let is_bare_v6 = bare == text && text.contains(':');
    match bare.is_empty() || !is_bare_v6 && bare.parse::<IpAddr>().is_ok() {
        true => Ok((!bare.is_empty()).then(|| bare.to_owned())),
        false => {
            let hint = "write the address in numbers, as in 127.0.0.1:8080:80 or [::1]:8080:80";
            wrong(0..text.len(), format!("`{text}` is not an IP address"), hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        let spec = Spec::parse(text).unwrap();
        let host = spec.host.map_or(String::new(), |host| host.to_string());
        let address = spec.address.unwrap_or_default();
        format!("{address}|{host}|{}|{}", spec.container, spec.protocol)
    }

    #[test]
    fn every_form_is_read() {
        for (text, spec) in [
            ("80", "||80|tcp"),
            ("8080:80", "|8080|80|tcp"),
            ("53:53/UDP", "|53|53|udp"),
            ("127.0.0.1:8080:80", "127.0.0.1|8080|80|tcp"),
            ("127.0.0.1::80", "127.0.0.1||80|tcp"),
            ("[::1]:8080:80", "::1|8080|80|tcp"),
            ("8000-9000:80", "|8000-9000|80|tcp"),
            ("3000-3001:4000-4001", "|3000-3001|4000-4001|tcp"),
        ] {
            assert_eq!(printed(text), spec, "{text}");
        }
        for text in [
            "",
            "a",
            "80:",
            "a:80",
            "1-3:1-2",
            "x:1:2",
            "80/x",
            "127.0.0.1:80",
            "70000",
            "::1:80:80",
        ] {
            assert!(Spec::parse(text).is_err(), "{text}");
        }
    }
}
