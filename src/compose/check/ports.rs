//! Published ports do not collide.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::Protocol;

use super::super::model::Service;
use super::Check;

/// Who takes a host port: the service, which of its ports, and at which address.
type Taken<'a> = (&'a Service, usize, Option<IpAddr>);

/// Reports host ports that two services, or two replicas of one, would both take.
pub fn check(check: &mut Check) {
    let project = check.project;
    let mut taken: BTreeMap<(u16, Protocol), Vec<Taken>> = BTreeMap::new();
    for service in project.services.values() {
        for (index, port) in service.ports.iter().enumerate() {
            let Some(published) = port.published.filter(|it| it.first != 0 && it.count() == 1)
            else {
                continue;
            };
            if service.replicas() > 1 {
                replicas(check, service, index, published.first);
            }
            let others = taken.entry((published.first, port.protocol)).or_default();
            if let Some((other, first, _)) =
                others.iter().find(|(_, _, address)| overlap(*address, port.host_ip))
            {
                collision(check, service, index, other, *first, published.first, port.protocol);
            }
            others.push((service, index, port.host_ip));
        }
    }
}

/// Whether two addresses are the same, or one is all of them.
fn overlap(a: Option<IpAddr>, b: Option<IpAddr>) -> bool {
    let any = |it: Option<IpAddr>| it.is_none_or(|it| it.is_unspecified());
    any(a) || any(b) || a == b
}

fn collision(
    check: &mut Check,
    service: &Service,
    index: usize,
    other: &Service,
    first: usize,
    port: u16,
    protocol: Protocol,
) {
    let message = match service.name == other.name {
        true => {
            format!("service `{}` publishes the host port {port}/{protocol} twice", service.name)
        }
        false => format!(
            "services `{}` and `{}` both publish the host port {port}/{protocol}",
            other.name, service.name
        ),
    };
    let place = check.at(service, &["ports", &index.to_string()]);
    let label = check.at(other, &["ports", &first.to_string()]);
    let replaced = check.project.document.find(&["services", &service.name, "ports"]);
    let across = place.zip(label).is_some_and(|(a, b)| a.source != b.source);
    let diagnostic = check.out.warning("port-conflict", place, message).label(label, "taken here");
    match service.name == other.name && across && replaced.is_some() {
        true => diagnostic.hint("lists of several files are appended; to replace the ports of earlier files write `ports: !override`"),
        false => diagnostic.hint("only one of them can start; give one another host port"),
    };
}

fn replicas(check: &mut Check, service: &Service, index: usize, port: u16) {
    let message = format!(
        "{} replicas of `{}` cannot all publish the host port {port}",
        service.replicas(),
        service.name
    );
    let place = check.at(service, &["ports", &index.to_string()]);
    let target = service.ports[index].target;
    check
        .out
        .warning("port-conflict", place, message)
        .hint(format!("publish a range, or let a free port be chosen: \"{target}\""));
}
